package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.withers.Withers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * chrF (Popović, 2015) and chrF++ (Popović, 2017), as sacrebleu computes them: F of n-grams of
 * characters, and of words.
 *
 * @param charOrder the length of the longest n-grams of characters, from 1
 * @param wordOrder the length of the longest n-grams of words: 0 for chrF, 2 for chrF++
 * @param beta how much recall counts more than precision, from 1
 * @param lowercase whether texts are lower-cased first
 * @param whitespace whether white space is part of n-grams of characters
 * @param epsSmoothing whether orders without n-grams count with a tiny number, as in chrF++.py,
 *     NLTK and Moses; else they are left out
 */
@Withers
public record Chrf(
    int charOrder,
    int wordOrder,
    int beta,
    boolean lowercase,
    boolean whitespace,
    boolean epsSmoothing)
    implements ChrfWithers {

  private static final String PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  private static final double EPSILON = 1e-16;

  /**
   * Settings of chrF.
   *
   * @param charOrder the length of the longest n-grams of characters, from 1
   * @param wordOrder the length of the longest n-grams of words, from 0
   * @param beta how much recall counts more than precision, from 1
   * @param lowercase whether texts are lower-cased first
   * @param whitespace whether white space is part of n-grams of characters
   * @param epsSmoothing whether orders without n-grams count with a tiny number
   * @throws IllegalArgumentException if an order or beta is out of range
   */
  public Chrf {
    if (charOrder < 1 || wordOrder < 0 || beta < 1) {
      throw new IllegalArgumentException(
          "charOrder %d, wordOrder %d, beta %d, expected 1, 0 and 1 at least"
              .formatted(charOrder, wordOrder, beta));
    }
  }

  /**
   * chrF2, sacrebleu's default: characters of up to six, recall twice as important.
   *
   * @return the settings
   */
  public static Chrf standard() {
    return new Chrf(6, 0, 2, false, false, false);
  }

  /**
   * chrF2++: {@link #standard} with words and pairs of words.
   *
   * @return the settings
   */
  public static Chrf plusPlus() {
    return standard().wordOrder(2);
  }

  /**
   * chrF of all predictions together. Of several references, the one with the best F counts.
   *
   * @param references for each prediction, one or more texts that are right
   * @param predictions the predicted texts
   * @return the score
   * @throws IllegalArgumentException if there are no predictions, not as many as lists of
   *     references, or a prediction without one
   */
  public ChrfScore corpus(List<List<String>> references, List<String> predictions) {
    References.check("references", references, predictions);
    List<Counts> all = new ArrayList<>();
    for (int i = 0; i < charOrder + wordOrder; i++) {
      all.add(new Counts(0, 0, 0));
    }
    for (int i = 0; i < predictions.size(); i++) {
      List<Counts> best = best(references.get(i), predictions.get(i));
      for (int order = 0; order < all.size(); order++) {
        all.set(order, all.get(order).plus(best.get(order)));
      }
    }
    return new ChrfScore(
        score(all),
        "chrF" + beta + "+".repeat(wordOrder),
        signature(References.number(references)));
  }

  /**
   * chrF of one prediction.
   *
   * @param references one or more texts that are right
   * @param prediction the predicted text
   * @return the score
   * @throws IllegalArgumentException if there are no references
   */
  public ChrfScore sentence(List<String> references, String prediction) {
    Inputs.notEmpty("references", references.size());
    return corpus(List.of(references), List.of(prediction));
  }

  /** The n-grams of one order: predicted, in the reference, in both. */
  private record Counts(long predicted, long reference, long common) {

    static Counts of(Map<String, Integer> predicted, Map<String, Integer> reference) {
      return new Counts(
          reference.isEmpty() ? 0 : Ngrams.count(predicted),
          Ngrams.count(reference),
          Ngrams.common(predicted, reference));
    }

    Counts plus(Counts other) {
      return new Counts(
          predicted + other.predicted, reference + other.reference, common + other.common);
    }
  }

  private List<Counts> best(List<String> references, String prediction) {
    List<Map<String, Integer>> predicted = ngrams(prediction);
    List<Counts> best = List.of();
    double bestScore = -1;
    for (String reference : references) {
      List<Map<String, Integer>> right = ngrams(reference);
      List<Counts> counts = new ArrayList<>();
      for (int order = 0; order < predicted.size(); order++) {
        counts.add(Counts.of(predicted.get(order), right.get(order)));
      }
      double score = score(counts);
      if (score > bestScore) {
        bestScore = score;
        best = counts;
      }
    }
    return best;
  }

  /** The n-grams of each order, of characters and then of words. */
  private List<Map<String, Integer>> ngrams(String text) {
    String cased = lowercase ? PythonText.lower(text) : text;
    String characters = whitespace ? cased : String.join("", PythonText.split(cased));
    List<Map<String, Integer>> ngrams = new ArrayList<>();
    for (int n = 1; n <= charOrder; n++) {
      ngrams.add(ofCharacters(characters, n));
    }
    List<String> words = wordOrder == 0 ? List.of() : words(cased);
    for (int n = 1; n <= wordOrder; n++) {
      ngrams.add(ofWords(words, n));
    }
    return ngrams;
  }

  private static Map<String, Integer> ofCharacters(String text, int n) {
    Map<String, Integer> counts = new HashMap<>();
    int characters = text.codePointCount(0, text.length());
    int end = characters < n ? 0 : text.offsetByCodePoints(0, n);
    int start = 0;
    for (int i = n; i <= characters; i++) {
      counts.merge(text.substring(start, end), 1, Integer::sum);
      if (i < characters) {
        start = text.offsetByCodePoints(start, 1);
        end = text.offsetByCodePoints(end, 1);
      }
    }
    return counts;
  }

  private static Map<String, Integer> ofWords(List<String> words, int n) {
    Map<String, Integer> counts = new HashMap<>();
    for (int i = 0; i + n <= words.size(); i++) {
      counts.merge(String.join(" ", words.subList(i, i + n)), 1, Integer::sum);
    }
    return counts;
  }

  /** Words, with a punctuation mark at the end apart, or else one at the beginning. */
  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    for (String word : PythonText.split(text)) {
      int last = word.length() - 1;
      if (word.codePointCount(0, word.length()) == 1) {
        words.add(word);
      } else if (isPunctuation(word.charAt(last))) {
        words.add(word.substring(0, last));
        words.add(word.substring(last));
      } else if (isPunctuation(word.charAt(0))) {
        words.add(word.substring(0, 1));
        words.add(word.substring(1));
      } else {
        words.add(word);
      }
    }
    return words;
  }

  private static boolean isPunctuation(char c) {
    return PUNCTUATION.indexOf(c) >= 0;
  }

  /** F in percent: of the mean precision and recall, or the mean of F with epsilon smoothing. */
  private double score(List<Counts> orders) {
    double precisions = 0;
    double recalls = 0;
    double scores = 0;
    int effective = 0;
    for (Counts order : orders) {
      double precision = order.predicted > 0 ? (double) order.common / order.predicted : EPSILON;
      double recall = order.reference > 0 ? (double) order.common / order.reference : EPSILON;
      scores += precision + recall > 0 ? f(precision, recall) : EPSILON;
      if (order.predicted > 0 && order.reference > 0) {
        precisions += precision;
        recalls += recall;
        effective++;
      }
    }
    if (epsSmoothing) {
      return 100 * scores / orders.size();
    }
    return precisions + recalls == 0 ? 0 : 100 * f(precisions / effective, recalls / effective);
  }

  private double f(double precision, double recall) {
    double factor = beta * beta;
    return (1 + factor) * precision * recall / (factor * precision + recall);
  }

  private String signature(String references) {
    return "nrefs:%s|case:%s|eff:%s|nc:%d|nw:%d|space:%s|version:%s"
        .formatted(
            references,
            lowercase ? "lc" : "mixed",
            epsSmoothing ? "no" : "yes",
            charOrder,
            wordOrder,
            whitespace ? "yes" : "no",
            Bleu.VERSION);
  }
}
