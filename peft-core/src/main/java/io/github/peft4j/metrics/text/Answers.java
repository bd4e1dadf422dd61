package io.github.peft4j.metrics.text;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;

/** Compares answers as SQuAD's scripts do. */
public final class Answers {

  /** Python's {@code \w+}: letters and numbers of any script, and the underscore. */
  private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}_]+");

  private static final Set<String> ARTICLES = Set.of("a", "an", "the");

  private static final Pattern PUNCTUATION = Pattern.compile("\\p{Punct}");

  private Answers() {}

  /**
   * A text without what does not count: in lower case, without ASCII punctuation and the articles
   * a, an and the, with one space between words.
   *
   * @param text the text
   * @return the normalised text
   */
  public static String normalize(String text) {
    return String.join(" ", words(text));
  }

  private static List<String> words(String text) {
    String plain = PUNCTUATION.matcher(PythonText.lower(text)).replaceAll("");
    return PythonText.split(
        WORD.matcher(plain)
            .replaceAll(word -> ARTICLES.contains(word.group()) ? " " : word.group()));
  }

  /**
   * Whether two texts are the same when normalised.
   *
   * @param answer the right answer
   * @param prediction the predicted answer
   * @return 1 if they are the same, else 0
   */
  public static double exact(String answer, String prediction) {
    return normalize(answer).equals(normalize(prediction)) ? 1 : 0;
  }

  /**
   * The harmonic mean of precision and recall of words.
   *
   * @param answer the right answer; empty if there is none
   * @param prediction the predicted answer; empty if none was predicted
   * @return F1, from 0 to 1; of an answer without words, 1 if the prediction has none either
   */
  public static double f1(String answer, String prediction) {
    List<String> right = words(answer);
    List<String> predicted = words(prediction);
    return right.isEmpty() && predicted.isEmpty() ? 1 : f1(right, predicted);
  }

  /** F1 of SQuAD 1.1, where answers without words are never right. */
  static double f1OfWords(String answer, String prediction) {
    return f1(words(answer), words(prediction));
  }

  private static double f1(List<String> right, List<String> predicted) {
    double common = Ngrams.common(counts(right), counts(predicted));
    if (common == 0) {
      return 0;
    }
    double precision = common / predicted.size();
    double recall = common / right.size();
    return 2 * precision * recall / (precision + recall);
  }

  private static Map<String, Integer> counts(List<String> words) {
    Map<String, Integer> counts = new HashMap<>();
    words.forEach(word -> counts.merge(word, 1, Integer::sum));
    return counts;
  }

  /** The best score of several answers. */
  static double best(List<String> answers, ToDoubleFunction<String> score) {
    return answers.stream().mapToDouble(score).max().orElseThrow();
  }
}
