package io.github.peft4j.data;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The examples of a data set as token ids, encoded once and kept in memory for every epoch.
 *
 * @param examples the encoded examples, in the order of the data set
 */
public record EncodedDataset(List<EncodedExample> examples) {

  /**
   * Encoded examples.
   *
   * @param examples the encoded examples; copied
   */
  public EncodedDataset {
    examples = List.copyOf(examples);
  }

  /**
   * Encodes a data set, on all cores.
   *
   * @param examples the examples
   * @param encoder how to encode them
   * @param <E> the kind of example
   * @return the encoded examples, in the same order
   * @throws DataException if an example cannot be encoded; the message says which
   */
  public static <E extends Example> EncodedDataset of(
      Examples<E> examples, Encoder<? super E> encoder) {
    Dataset<E> dataset = examples.dataset();
    try {
      return new EncodedDataset(
          IntStream.range(0, dataset.size())
              .parallel()
              .mapToObj(i -> encode(dataset.get(i), i, encoder))
              .toList());
    } catch (RuntimeException e) {
      throw asThrown(e);
    }
  }

  /**
   * What another thread throws, Java's pool throws as a copy that has the original as its cause.
   */
  private static RuntimeException asThrown(RuntimeException e) {
    return e.getCause() instanceof RuntimeException cause && cause.toString().equals(e.getMessage())
        ? cause
        : e;
  }

  private static <E extends Example> EncodedExample encode(
      E example, int index, Encoder<? super E> encoder) {
    try {
      return encoder.encode(example);
    } catch (DataException e) {
      throw new DataException(
          "example %d (%s): %s".formatted(index, Quote.shorten(example + ""), e.getMessage()), e);
    }
  }

  /**
   * The number of examples.
   *
   * @return the number of examples
   */
  public int size() {
    return examples.size();
  }

  /**
   * The examples at some positions, as a {@link BatchSampler} names them.
   *
   * @param indices the positions, from 0
   * @return the examples in the order of the positions
   */
  public List<EncodedExample> select(int... indices) {
    return Arrays.stream(indices).mapToObj(examples::get).toList();
  }

  /**
   * The number of ids of each example.
   *
   * @return the lengths, in order
   */
  public int[] lengths() {
    return examples.stream().mapToInt(EncodedExample::length).toArray();
  }

  /**
   * The number of ids in all.
   *
   * @return the sum of the lengths
   */
  public long tokens() {
    return examples.stream().mapToLong(EncodedExample::length).sum();
  }

  @Override
  public String toString() {
    return "%,d encoded examples of %,d tokens, %,d at most"
        .formatted(size(), tokens(), Arrays.stream(lengths()).max().orElse(0));
  }
}
