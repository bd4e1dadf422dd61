package io.github.peft4j.data.batch;

import io.github.peft4j.data.AnswerTooLongException;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.TaskExample;
import java.nio.LongBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The examples of a data set as token ids. They are encoded once and kept in memory for every
 * epoch.
 *
 * @param examples the encoded examples, in the order of the data set
 * @param positions the position of each in the data set, from 0, in ascending order. An example
 *     that is read in windows has several encoded ones
 * @param leftOut the examples of the data set that were left out
 * @param source the data set; empty if the examples were given as ids, or joined
 * @param masker draws masks each time that examples are selected; null if there are none
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares data sets
public record EncodedDataset(
    List<EncodedExample> examples,
    int[] positions,
    LeftOut leftOut,
    Dataset<?> source,
    @Nullable Masker masker) {

  /** The epoch of evaluations, whose masks are the same each time. */
  private static final long EVALUATION = -1;

  /**
   * Encoded examples.
   *
   * @param examples the encoded examples; copied
   * @param positions the position of each in the data set
   * @param leftOut the examples of the data set that were left out
   * @param source the data set
   * @param masker draws masks, or null
   */
  public EncodedDataset {
    examples = List.copyOf(examples);
  }

  /** Encoded examples of a data set without omissions. */
  public EncodedDataset(List<EncodedExample> examples) {
    this(
        examples,
        IntStream.range(0, examples.size()).toArray(),
        LeftOut.NOTHING,
        new Dataset<>(List.of()),
        null);
  }

  /** The same examples, whose masks are drawn when they are selected. */
  public EncodedDataset maskedBy(Masker masker) {
    return new EncodedDataset(examples, positions, leftOut, source, masker);
  }

  /**
   * The example that an encoded one was made of.
   *
   * @param index its position among the encoded examples, from 0
   * @return the example, without its task; or null if the examples were given as ids
   */
  public @Nullable Example sourceOf(int index) {
    return source.size() == 0 ? null : TaskExample.without(source.get(position(index)));
  }

  /**
   * Examples that were left out because their answers were too long.
   *
   * @param positions their positions in the data set, from 0, in ascending order
   * @param longest the number of tokens of the longest of them; 0 if there are none
   */
  public record LeftOut(List<Integer> positions, int longest) {

    /** No example was left out. */
    public static final LeftOut NOTHING = new LeftOut(List.of(), 0);

    /** Copies the list. */
    public LeftOut {
      positions = List.copyOf(positions);
    }
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
    return of(examples, encoder, false);
  }

  /**
   * Encodes a data set, on all cores.
   *
   * @param examples the examples
   * @param encoder how to encode them
   * @param skipTooLong whether an example whose answer is too long is left out instead of being cut
   *     or refused
   * @param <E> the kind of example
   * @return the encoded examples, in the same order
   * @throws DataException if an example cannot be encoded; the message says which
   */
  public static <E extends Example> EncodedDataset of(
      Examples<E> examples, Encoder<? super E> encoder, boolean skipTooLong) {
    Dataset<E> dataset = examples.dataset();
    List<Encoded> all;
    try {
      all =
          IntStream.range(0, dataset.size())
              .parallel()
              .mapToObj(i -> encode(dataset.get(i), i, encoder, skipTooLong))
              .toList();
    } catch (RuntimeException e) {
      throw asThrown(e);
    }
    List<EncodedExample> kept = all.stream().flatMap(each -> each.rows().stream()).toList();
    int[] positions =
        IntStream.range(0, all.size())
            .flatMap(i -> all.get(i).rows().stream().mapToInt(row -> i))
            .toArray();
    List<Integer> skipped =
        IntStream.range(0, all.size()).filter(i -> all.get(i).rows().isEmpty()).boxed().toList();
    int longest = all.stream().mapToInt(Encoded::needed).max().orElse(0);
    return new EncodedDataset(kept, positions, new LeftOut(skipped, longest), dataset, null);
  }

  /** The rows of an example; none if it is left out, and the number of tokens it would need. */
  private record Encoded(List<EncodedExample> rows, int needed) {}

  /**
   * Unwraps an exception of another thread: Java's pool throws a copy that has the original as its
   * cause.
   */
  private static RuntimeException asThrown(RuntimeException e) {
    return e.getCause() instanceof RuntimeException cause && cause.toString().equals(e.getMessage())
        ? cause
        : e;
  }

  private static <E extends Example> Encoded encode(
      E example, int index, Encoder<? super E> encoder, boolean skipTooLong) {
    try {
      List<EncodedExample> rows = encoder.rows(example);
      int needed =
          rows.get(0).texts().stream()
              .filter(text -> text.cut().answer() > 0)
              .mapToInt(text -> text.labels().length + text.cut().answer())
              .max()
              .orElse(0);
      return skipTooLong && needed > 0 ? new Encoded(List.of(), needed) : new Encoded(rows, 0);
    } catch (AnswerTooLongException e) {
      if (skipTooLong) {
        return new Encoded(List.of(), e.needed());
      }
      throw at(index, example, e);
    } catch (DataException e) {
      throw at(index, example, e);
    }
  }

  private static DataException at(int index, Example example, DataException e) {
    return DataException.at("example %d (%s)".formatted(index, Quote.fields(example)), e);
  }

  /**
   * The position of an encoded example in the data set, from 0.
   *
   * @param index its position among the encoded examples, from 0
   */
  public int position(int index) {
    return positions[index];
  }

  /** The number of examples that lost tokens because they were too long. */
  public int cutExamples() {
    return (int)
        examples.stream()
            .filter(example -> example.texts().stream().anyMatch(text -> text.cut().tokens() > 0))
            .count();
  }

  /**
   * The number of tokens of the longest text, before it was cut. A separate target is a text of its
   * own.
   */
  public int longest() {
    return examples.stream()
        .flatMap(example -> example.texts().stream())
        .mapToInt(
            e ->
                e.alignment() == EncodedExample.Alignment.TARGET
                    ? Math.max(e.length() + e.cut().input(), e.labels().length + e.cut().answer())
                    : e.length() + e.cut().tokens())
        .max()
        .orElse(0);
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
   * The examples at some positions, for an evaluation: masks are the same each time.
   *
   * @param indices the positions, from 0
   * @return the examples in the order of the positions
   */
  public List<EncodedExample> select(int... indices) {
    return drawn(EVALUATION, indices);
  }

  /**
   * The examples at some positions, as a {@link BatchSampler} gives them for an epoch. Masks are
   * drawn anew in each epoch, and are the same if they are asked for again.
   *
   * @param epoch the epoch, from 0
   * @param indices the positions, from 0
   * @return the examples in the order of the positions
   */
  public List<EncodedExample> drawn(long epoch, int... indices) {
    Masker drawing = masker;
    return Arrays.stream(indices)
        .mapToObj(i -> drawing == null ? examples.get(i) : drawing.draw(examples.get(i), epoch, i))
        .toList();
  }

  /**
   * The number of ids of each example's longest text.
   *
   * @return the lengths, in order
   */
  public int[] lengths() {
    return examples.stream()
        .mapToInt(e -> e.texts().stream().mapToInt(EncodedExample::length).max().orElseThrow())
        .toArray();
  }

  /**
   * The total number of ids.
   *
   * @return the sum of the lengths
   */
  public long tokens() {
    return examples.stream()
        .flatMap(example -> example.texts().stream())
        .mapToLong(EncodedExample::length)
        .sum();
  }

  /**
   * A number for each text of each example; texts of the same ids have the same number.
   *
   * @return [examples][texts]
   */
  public int[][] textNumbers() {
    Map<LongBuffer, Integer> numbers = new HashMap<>();
    return examples.stream()
        .map(
            example ->
                example.texts().stream()
                    .map(text -> LongBuffer.wrap(text.inputIds()))
                    .mapToInt(ids -> numbers.computeIfAbsent(ids, unseen -> numbers.size()))
                    .toArray())
        .toArray(int[][]::new);
  }

  @Override
  public String toString() {
    return "%,d encoded examples of %,d tokens, %,d at most"
        .formatted(size(), tokens(), Arrays.stream(lengths()).max().orElse(0));
  }
}
