package io.github.peft4j.data.batch;

import io.github.peft4j.data.batch.EncodedExample.Alignment;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Examples of equal length, one a row. B is the number of rows, T their length. If k texts belong
 * together in each of n examples, there are k · n rows: the first texts of all examples, then the
 * second texts of all, …. If rows are packed, each holds several examples, one after the other.
 *
 * @param inputIds the ids, padded (B, T)
 * @param attentionMask 1 for an id, 0 for padding (B, T)
 * @param tokenTypeIds the segment of each id, 0 or 1 (B, T), or null
 * @param labels (B, 1) for classes, (B, T) for a language model, (B, length of the longest target)
 *     for an encoder-decoder, (B, 0) if labels are values or there are none; padded with {@link
 *     EncodedExample#IGNORED}
 * @param values (B, V) if labels are values, or texts that belong together have any; otherwise (B,
 *     0)
 * @param alignment what the labels are
 * @param examples n, the number of examples
 * @param packed by row, the number of ids of each of its examples; null if rows are not packed
 * @param rowValues by name, a number of each row (B) that methods read
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays become tensors; nobody compares them.
public record Batch(
    long[][] inputIds,
    long[][] attentionMask,
    long @Nullable [][] tokenTypeIds,
    long[][] labels,
    double[][] values,
    Alignment alignment,
    int examples,
    int @Nullable [][] packed,
    Map<String, long[]> rowValues) {

  /** A batch whose labels are ids, with one text in each example. */
  public Batch(
      long[][] inputIds,
      long[][] attentionMask,
      long @Nullable [][] tokenTypeIds,
      long[][] labels,
      Alignment alignment) {
    this(
        inputIds,
        attentionMask,
        tokenTypeIds,
        labels,
        new double[inputIds.length][0],
        alignment,
        inputIds.length,
        null,
        Map.of());
  }

  /** The same rows, of which each holds several examples of these lengths. */
  Batch packed(int[][] lengths) {
    int examples = Arrays.stream(lengths).mapToInt(row -> row.length).sum();
    return new Batch(
        inputIds,
        attentionMask,
        tokenTypeIds,
        labels,
        values,
        alignment,
        examples,
        lengths,
        rowValues);
  }

  /**
   * The number of rows.
   *
   * @return B
   */
  public int size() {
    return inputIds.length;
  }

  /**
   * The length of each row, padding included.
   *
   * @return T
   */
  public int length() {
    return inputIds[0].length;
  }

  /**
   * The number of ids that are not padding.
   *
   * @return the sum of the attention mask
   */
  public long tokens() {
    return Arrays.stream(attentionMask).flatMapToLong(Arrays::stream).sum();
  }

  /**
   * The number of labels that count in the loss. A language model predicts each label from the ids
   * before it, so the first label of a text never counts.
   *
   * @return the number of labels
   */
  public long labelCount() {
    if (alignment == Alignment.VALUES) {
      return (long) values.length * values[0].length;
    }
    return Arrays.stream(alignment == Alignment.TOKEN ? nextLabels() : labels)
        .flatMapToLong(Arrays::stream)
        .filter(label -> label != EncodedExample.IGNORED)
        .count();
  }

  /**
   * The labels of a language model: those of tokens that another token of the same text comes
   * before. The others are {@link EncodedExample#IGNORED}, so that no text predicts the next one of
   * its row.
   *
   * @return (B, T)
   */
  public long[][] nextLabels() {
    long[][] next = new long[labels.length][];
    for (int i = 0; i < labels.length; i++) {
      next[i] = labels[i].clone();
      int first = 0;
      for (int length : packed == null ? new int[] {next[i].length} : packed[i]) {
        next[i][first] = EncodedExample.IGNORED;
        first += length;
      }
    }
    return next;
  }

  @Override
  public String toString() {
    return "batch of %d x %d, %d tokens".formatted(size(), length(), tokens());
  }
}
