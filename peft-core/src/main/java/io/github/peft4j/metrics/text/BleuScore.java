package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Report;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A BLEU score and what it comes from.
 *
 * @param score the score, from 0 to 100
 * @param correct how many n-grams of each order are in a reference, from unigrams on
 * @param total how many n-grams of each order were predicted
 * @param precisions the precision of each order in percent, smoothed
 * @param brevityPenalty from 0 to 1; 1 if the predictions are as long as the references
 * @param predictionLength the number of predicted tokens
 * @param referenceLength the number of tokens of the references that are nearest in length
 * @param signature how the score was computed, as sacrebleu writes it; the version is that of the
 *     sacrebleu whose numbers these are
 */
public record BleuScore(
    double score,
    List<Long> correct,
    List<Long> total,
    List<Double> precisions,
    double brevityPenalty,
    long predictionLength,
    long referenceLength,
    String signature)
    implements Report {

  static List<Long> list(long[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  static List<Double> list(double[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  /** {@code bleu}, {@code bp}, {@code sys_len} and {@code ref_len}. */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("bleu", score);
    values.put("bp", brevityPenalty);
    values.put("sys_len", (double) predictionLength);
    values.put("ref_len", (double) referenceLength);
    return values;
  }

  /** As sacrebleu writes it. */
  @Override
  public String toString() {
    double ratio = referenceLength == 0 ? 0 : (double) predictionLength / referenceLength;
    return "BLEU = %s %s (BP = %s ratio = %s hyp_len = %d ref_len = %d)"
        .formatted(
            Numbers.fixed(score, 2),
            precisions.stream().map(p -> Numbers.fixed(p, 1)).collect(Collectors.joining("/")),
            Numbers.fixed(brevityPenalty, 3),
            Numbers.fixed(ratio, 3),
            predictionLength,
            referenceLength);
  }
}
