package io.github.peft4j.data.batch;

import io.github.peft4j.data.batch.EncodedExample.Alignment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Examples of equal length, one a row. B is the number of rows, T their length. If k texts belong
 * together in each of n examples, there are k · n rows: the first texts of all examples, then the
 * second texts of all, ….
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
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays become tensors; nobody compares them.
public record Batch(
    long[][] inputIds,
    long[][] attentionMask,
    long @Nullable [][] tokenTypeIds,
    long[][] labels,
    double[][] values,
    Alignment alignment,
    int examples) {

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
        inputIds.length);
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
   * before it, so the first label of a row never counts.
   *
   * @return the number of labels
   */
  public long labelCount() {
    if (alignment == Alignment.VALUES) {
      return (long) values.length * values[0].length;
    }
    int first = alignment == Alignment.TOKEN ? 1 : 0;
    return Arrays.stream(labels)
        .flatMapToLong(row -> Arrays.stream(row).skip(first))
        .filter(label -> label != EncodedExample.IGNORED)
        .count();
  }

  @Override
  public String toString() {
    return "batch of %d x %d, %d tokens".formatted(size(), length(), tokens());
  }
}
