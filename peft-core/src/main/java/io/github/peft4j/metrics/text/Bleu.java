package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.withers.Withers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * BLEU (Papineni et al., 2002), as sacrebleu computes it.
 *
 * @param tokenizer makes tokens of texts
 * @param smoothing what is done with n-grams that have no match
 * @param lowercase whether texts are lower-cased first
 * @param maxNgramOrder the length of the longest n-grams, from 1
 * @param effectiveOrder whether n-grams longer than the predictions are left out; for single
 *     sentences, it should be true
 */
@Withers
public record Bleu(
    BleuTokenizer tokenizer,
    Smoothing smoothing,
    boolean lowercase,
    int maxNgramOrder,
    boolean effectiveOrder)
    implements BleuWithers {

  /** The version of sacrebleu whose numbers these are. */
  static final String VERSION = "2.6.0";

  private static final double LOG_OF_ZERO = -9999999999.0;

  /**
   * Settings of BLEU.
   *
   * @param tokenizer makes tokens of texts
   * @param smoothing what is done with n-grams that have no match
   * @param lowercase whether texts are lower-cased first
   * @param maxNgramOrder the length of the longest n-grams, from 1
   * @param effectiveOrder whether n-grams longer than the predictions are left out
   * @throws IllegalArgumentException if the order is below 1
   */
  public Bleu {
    if (maxNgramOrder < 1) {
      throw new IllegalArgumentException("maxNgramOrder " + maxNgramOrder + ", expected 1 or more");
    }
  }

  /**
   * sacrebleu's defaults: tokens of 13a, exponential smoothing, n-grams of up to four tokens.
   *
   * @return the settings
   */
  public static Bleu standard() {
    return new Bleu(BleuTokenizer.V13A, Smoothing.exp(), false, 4, false);
  }

  /**
   * BLEU of all predictions together.
   *
   * @param references for each prediction, one or more texts that are right
   * @param predictions the predicted texts
   * @return the score
   * @throws IllegalArgumentException if there are no predictions, not as many as lists of
   *     references, or a prediction without one
   */
  public BleuScore corpus(List<List<String>> references, List<String> predictions) {
    References.check("references", references, predictions);
    Counts counts = new Counts(maxNgramOrder);
    for (int i = 0; i < predictions.size(); i++) {
      count(references.get(i), predictions.get(i), counts);
    }
    return score(counts, signature(References.number(references)));
  }

  /**
   * BLEU of one prediction. {@link #effectiveOrder} should be true.
   *
   * @param references one or more texts that are right
   * @param prediction the predicted text
   * @return the score
   * @throws IllegalArgumentException if there are no references
   */
  public BleuScore sentence(List<String> references, String prediction) {
    Inputs.notEmpty("references", references.size());
    return corpus(List.of(references), List.of(prediction));
  }

  /** What is summed over predictions; the lists are indexed by order - 1. */
  private static final class Counts {
    private final long[] correct;
    private final long[] total;
    private long predictionLength;
    private long referenceLength;

    Counts(int orders) {
      correct = new long[orders];
      total = new long[orders];
    }
  }

  private List<String> tokens(String text) {
    return tokenizer.tokenize(lowercase ? PythonText.lower(text) : text);
  }

  private void count(List<String> references, String prediction, Counts counts) {
    List<String> predicted = tokens(prediction);
    List<List<String>> right = references.stream().map(this::tokens).toList();
    counts.predictionLength += predicted.size();
    counts.referenceLength += closest(predicted.size(), right);
    for (int n = 1; n <= maxNgramOrder; n++) {
      Map<List<String>, Integer> most = new HashMap<>();
      for (List<String> reference : right) {
        Ngrams.of(reference, n).forEach((ngram, count) -> most.merge(ngram, count, Math::max));
      }
      counts.correct[n - 1] += Ngrams.common(Ngrams.of(predicted, n), most);
      counts.total[n - 1] += Math.max(0, predicted.size() - n + 1);
    }
  }

  /** The length of the reference that is nearest in length; the shorter of two as near. */
  private static int closest(int length, List<List<String>> references) {
    int closest = references.get(0).size();
    for (List<String> reference : references) {
      int difference = Math.abs(length - reference.size()) - Math.abs(length - closest);
      if (difference < 0 || (difference == 0 && reference.size() < closest)) {
        closest = reference.size();
      }
    }
    return closest;
  }

  /** The brevity penalty times the geometric mean of the precisions. */
  private BleuScore score(Counts counts, String signature) {
    double penalty = brevityPenalty(counts.predictionLength, counts.referenceLength);
    double[] precisions = new double[maxNgramOrder];
    double score = 0;
    if (counts.correct[0] > 0) {
      int orders = precisions(counts, precisions);
      double logs = 0;
      for (int i = 0; i < orders; i++) {
        logs += precisions[i] == 0 ? LOG_OF_ZERO : Math.log(precisions[i]);
      }
      score = penalty * Math.exp(logs / orders);
    }
    return new BleuScore(
        score,
        BleuScore.list(counts.correct),
        BleuScore.list(counts.total),
        BleuScore.list(precisions),
        penalty,
        counts.predictionLength,
        counts.referenceLength,
        signature);
  }

  private static double brevityPenalty(long predictionLength, long referenceLength) {
    if (predictionLength >= referenceLength) {
      return 1;
    }
    return predictionLength == 0 ? 0 : Math.exp(1 - (double) referenceLength / predictionLength);
  }

  /** Fills in the precisions in percent, and returns how many of them count. */
  private int precisions(Counts counts, double[] precisions) {
    boolean adds = smoothing.method() == Smoothing.Method.ADD_K;
    double halves = 1;
    int effective = maxNgramOrder;
    for (int i = 0; i < maxNgramOrder; i++) {
      double added = adds && i > 0 ? smoothing.value() : 0;
      double correct = counts.correct[i] + added;
      double total = counts.total[i] + added;
      if (total == 0) {
        break;
      }
      if (effectiveOrder) {
        effective = i + 1;
      }
      if (correct > 0) {
        precisions[i] = 100 * correct / total;
      } else if (smoothing.method() == Smoothing.Method.EXP) {
        halves *= 2;
        precisions[i] = 100 / (halves * total);
      } else if (smoothing.method() == Smoothing.Method.FLOOR) {
        precisions[i] = 100 * smoothing.value() / total;
      }
    }
    return effective;
  }

  private String signature(String references) {
    return "nrefs:%s|case:%s|eff:%s|tok:%s|smooth:%s|version:%s"
        .formatted(
            references,
            lowercase ? "lc" : "mixed",
            effectiveOrder ? "yes" : "no",
            tokenizer.id(),
            smoothing,
            VERSION);
  }
}
