package io.github.peft4j.train.pet;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a model said of the unlabelled texts.
 *
 * @param weight how much it counts, 0 or more
 * @param logits [texts][labels]
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
record Votes(double weight, double[][] logits) {

  private static final Logger LOG = LoggerFactory.getLogger(Votes.class);

  /** A text that a model says to have a label. */
  record Pick(int text, int label) {}

  /** The weighted mean of the logits of several models. If no weight is above 0, they are alike. */
  static double[][] mean(List<Votes> votes) {
    double total = votes.stream().mapToDouble(Votes::weight).sum();
    if (total == 0) {
      LOG.warn("no model was right about any training text before its training: all count alike");
      return mean(votes.stream().map(v -> new Votes(1, v.logits)).toList());
    }
    double[][] first = votes.get(0).logits;
    double[][] mean = new double[first.length][first[0].length];
    for (Votes vote : votes) {
      for (int i = 0; i < mean.length; i++) {
        for (int l = 0; l < mean[i].length; l++) {
          mean[i][l] += vote.weight / total * vote.logits[i][l];
        }
      }
    }
    return mean;
  }

  /** Probabilities of logits. */
  static double[] softmax(double[] logits) {
    double most = logits[ClozeClassifier.best(logits)];
    double[] p =
        IntStream.range(0, logits.length).mapToDouble(l -> Math.exp(logits[l] - most)).toArray();
    double sum = 0;
    for (double each : p) {
      sum += each;
    }
    for (int l = 0; l < p.length; l++) {
      p[l] /= sum;
    }
    return p;
  }

  /** A random part of the votes, rounded as Python rounds, but one at least. */
  static List<Votes> part(List<Votes> votes, double share, Random random) {
    List<Votes> shuffled = new ArrayList<>(votes);
    Collections.shuffle(shuffled, random);
    return shuffled.subList(0, (int) Math.max(1, Math.rint(votes.size() * share)));
  }

  /**
   * Texts for the next generation, by the mean of some votes. A label gets texts of which it is the
   * likeliest, drawn by its probability, without drawing one twice. If there are fewer than it
   * needs, each is there several times. If there are none, the likeliest are taken, with a warning.
   *
   * @param counts by label, how many texts it needs
   * @param mostLikely if above 0, a label draws from this number of texts in which it is likeliest,
   *     whatever else they are said to be
   */
  static List<Pick> pick(
      List<Votes> votes, int[] counts, int mostLikely, List<String> labels, Random random) {
    double[][] p = mean(votes).clone();
    for (int i = 0; i < p.length; i++) {
      p[i] = softmax(p[i]);
    }
    List<Pick> picks = new ArrayList<>();
    for (int l = 0; l < counts.length; l++) {
      int label = l;
      List<Integer> texts =
          mostLikely > 0
              ? likeliest(p, label, mostLikely)
              : IntStream.range(0, p.length)
                  .filter(i -> ClozeClassifier.best(p[i]) == label)
                  .boxed()
                  .toList();
      if (texts.isEmpty() && counts[l] > 0) {
        LOG.warn(
            "no unlabelled text was said to be '{}': the {} in which it is likeliest are taken",
            labels.get(l),
            Math.min(counts[l], p.length));
        texts = likeliest(p, label, counts[l]);
      }
      drawn(texts, counts[l], p, label, random).forEach(i -> picks.add(new Pick(i, label)));
    }
    return picks;
  }

  private static List<Integer> likeliest(double[][] p, int label, int count) {
    return IntStream.range(0, p.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> -p[i][label]))
        .limit(count)
        .toList();
  }

  /** Draws by probability, without replacement: the largest of log(u) / p come first. */
  private static List<Integer> drawn(
      List<Integer> texts, int count, double[][] p, int label, Random random) {
    List<Integer> all = new ArrayList<>(texts);
    while (all.size() < count) {
      all.addAll(texts);
    }
    double[] keys =
        all.stream().mapToDouble(i -> Math.log(1 - random.nextDouble()) / p[i][label]).toArray();
    return IntStream.range(0, keys.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer k) -> -keys[k]))
        .limit(count)
        .map(all::get)
        .toList();
  }

  /**
   * How many texts each label gets, in the proportions of the training data.
   *
   * @param examples by label, its number in the training data
   * @param factor the number of all examples afterwards, as a multiple
   */
  static int[] growth(int[] examples, double factor) {
    int total = IntStream.of(examples).sum();
    int more = (int) (total * factor - total);
    return IntStream.of(examples).map(n -> (int) (n * ((double) more / total))).toArray();
  }
}
