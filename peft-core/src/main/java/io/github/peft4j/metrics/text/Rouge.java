package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.withers.Withers;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * ROUGE (Lin, 2004), as rouge-score computes it. Tokens are runs of the letters a to z and digits
 * of the lower-case text: texts in other scripts have none.
 *
 * @param types what is computed: {@code rouge1} to {@code rouge9} of n-grams, {@code rougeL} of the
 *     longest common subsequence, {@code rougeLsum} of those of lines
 * @param useStemmer whether words of more than three letters are stemmed, by Porter's rules for
 *     English
 */
@Withers
public record Rouge(List<String> types, boolean useStemmer) implements RougeWithers {

  private static final Pattern TYPE = Pattern.compile("rouge([1-9]|L|Lsum)");
  private static final Pattern NO_TOKEN = Pattern.compile("[^a-z0-9]+");

  /**
   * Settings of ROUGE.
   *
   * @param types what is computed
   * @param useStemmer whether words are stemmed
   * @throws IllegalArgumentException if there are no types, or one is unknown
   */
  public Rouge {
    types = List.copyOf(types);
    Inputs.notEmpty("types", types.size());
    for (String type : types) {
      if (!TYPE.matcher(type).matches()) {
        throw new IllegalArgumentException(
            "type '" + type + "', expected rouge1 to rouge9, rougeL or rougeLsum");
      }
    }
  }

  /**
   * What Hugging Face's example of summarization takes: ROUGE-1, -2, -L and -Lsum with the stemmer.
   *
   * @return the settings
   */
  public static Rouge standard() {
    return new Rouge(List.of("rouge1", "rouge2", "rougeL", "rougeLsum"), true);
  }

  /**
   * The scores of one prediction.
   *
   * @param reference the text that is right; of {@code rougeLsum}, a sentence in each line
   * @param prediction the predicted text
   * @return the scores by type
   */
  public Map<String, RougeScore> score(String reference, String prediction) {
    Map<String, RougeScore> scores = new LinkedHashMap<>();
    List<String> right = tokens(reference);
    List<String> predicted = tokens(prediction);
    for (String type : types) {
      scores.put(
          type,
          switch (type) {
            case "rougeL" ->
                RougeScore.of(
                    CommonSubsequence.length(right, predicted), predicted.size(), right.size());
            case "rougeLsum" -> lines(lines(reference), lines(prediction));
            default -> ngrams(right, predicted, type.charAt(5) - '0');
          });
    }
    return scores;
  }

  /**
   * The scores of one prediction with several references. For each type, the reference with the
   * best F counts.
   *
   * @param references the texts that are right
   * @param prediction the predicted text
   * @return the scores by type
   * @throws IllegalArgumentException if there are no references
   */
  public Map<String, RougeScore> score(List<String> references, String prediction) {
    Inputs.notEmpty("references", references.size());
    Map<String, RougeScore> best = new LinkedHashMap<>();
    for (String reference : references) {
      score(reference, prediction)
          .forEach(
              (type, score) ->
                  best.merge(type, score, (a, b) -> b.fmeasure() > a.fmeasure() ? b : a));
    }
    return best;
  }

  /**
   * The mean scores of many predictions.
   *
   * @param references for each prediction, one or more texts that are right
   * @param predictions the predicted texts
   * @return the mean scores
   * @throws IllegalArgumentException if there are no predictions, not as many as lists of
   *     references, or a prediction without one
   */
  public RougeReport mean(List<List<String>> references, List<String> predictions) {
    References.check("references", references, predictions);
    Map<String, double[]> sums = new LinkedHashMap<>();
    types.forEach(type -> sums.put(type, new double[3]));
    for (int i = 0; i < predictions.size(); i++) {
      score(references.get(i), predictions.get(i))
          .forEach(
              (type, score) -> {
                double[] sum = sums.getOrDefault(type, new double[3]);
                sum[0] += score.precision();
                sum[1] += score.recall();
                sum[2] += score.fmeasure();
              });
    }
    int n = predictions.size();
    Map<String, RougeScore> means = new LinkedHashMap<>();
    sums.forEach(
        (type, sum) -> means.put(type, new RougeScore(sum[0] / n, sum[1] / n, sum[2] / n)));
    return new RougeReport(Collections.unmodifiableMap(means));
  }

  private List<String> tokens(String text) {
    List<String> tokens = new ArrayList<>();
    for (String token : NO_TOKEN.split(PythonText.lower(text), -1)) {
      if (!token.isEmpty()) {
        tokens.add(useStemmer && token.length() > 3 ? PorterStemmer.stem(token) : token);
      }
    }
    return tokens;
  }

  private List<List<String>> lines(String text) {
    List<List<String>> lines = new ArrayList<>();
    for (String line : text.split("\n", -1)) {
      lines.add(tokens(line));
    }
    return lines;
  }

  private static RougeScore ngrams(List<String> reference, List<String> prediction, int n) {
    return RougeScore.of(
        Ngrams.common(Ngrams.of(reference, n), Ngrams.of(prediction, n)),
        Math.max(0, prediction.size() - n + 1),
        Math.max(0, reference.size() - n + 1));
  }

  /** Of each line of the reference, the tokens in common with any line count, each once. */
  private static RougeScore lines(List<List<String>> reference, List<List<String>> prediction) {
    Map<String, Integer> left = counts(prediction);
    long hits = 0;
    for (List<String> line : reference) {
      BitSet union = new BitSet();
      prediction.forEach(predicted -> union.or(CommonSubsequence.indices(line, predicted)));
      for (int i = union.nextSetBit(0); i >= 0; i = union.nextSetBit(i + 1)) {
        int count = left.getOrDefault(line.get(i), 0);
        if (count > 0) {
          left.put(line.get(i), count - 1);
          hits++;
        }
      }
    }
    return RougeScore.of(hits, size(prediction), size(reference));
  }

  private static Map<String, Integer> counts(List<List<String>> lines) {
    Map<String, Integer> counts = new HashMap<>();
    lines.forEach(line -> line.forEach(token -> counts.merge(token, 1, Integer::sum)));
    return counts;
  }

  private static long size(List<List<String>> lines) {
    return lines.stream().mapToLong(List::size).sum();
  }
}
