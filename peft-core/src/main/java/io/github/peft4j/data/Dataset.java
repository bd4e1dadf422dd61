package io.github.peft4j.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.AbstractList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.RandomAccess;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * An immutable list of examples. They are in memory, or made anew whenever they are asked for.
 *
 * @param <E> the type of the examples
 */
public final class Dataset<E extends Example> implements Examples<E>, Iterable<E> {

  private final List<E> examples;

  /**
   * A data set of the examples given.
   *
   * @param examples the examples, in order; copied
   */
  public Dataset(List<? extends E> examples) {
    this.examples = List.copyOf(examples);
  }

  private Dataset(View<E> examples) {
    this.examples = examples;
  }

  /**
   * A data set whose examples are not kept, for data that is larger than memory. Shuffling,
   * splitting and filtering it keep numbers of examples, not examples.
   *
   * @param size the number of examples
   * @param example the example with a number, from 0; equal examples for equal numbers, from any
   *     thread
   * @param <E> the type of the examples
   * @return the data set
   */
  public static <E extends Example> Dataset<E> of(int size, IntFunction<? extends E> example) {
    return new Dataset<>(new View<E>(size, example));
  }

  private static final class View<E> extends AbstractList<E> implements RandomAccess {

    private final int size;
    private final IntFunction<? extends E> element;

    View(int size, IntFunction<? extends E> element) {
      this.size = size;
      this.element = element;
    }

    @Override
    public E get(int index) {
      return element.apply(Objects.checkIndex(index, size));
    }

    @Override
    public int size() {
      return size;
    }
  }

  private Dataset<E> part(int from, int to) {
    return of(to - from, i -> examples.get(from + i));
  }

  private Dataset<E> select(int[] numbers) {
    return of(numbers.length, i -> examples.get(numbers[i]));
  }

  /**
   * The examples.
   *
   * @return the examples, in order; unmodifiable
   */
  public List<E> examples() {
    return examples;
  }

  @Override
  public Dataset<E> dataset() {
    return this;
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
   * The example at a position.
   *
   * @param index the position, from 0
   * @return the example
   */
  public E get(int index) {
    return examples.get(index);
  }

  @Override
  public Iterator<E> iterator() {
    return examples.iterator();
  }

  /**
   * The first examples.
   *
   * @param count the number of examples; a larger number than there are gives all
   * @return the shortened data set
   */
  public Dataset<E> take(int count) {
    return part(0, Math.min(count, size()));
  }

  /**
   * The examples that satisfy a condition.
   *
   * @param condition true for the examples to keep
   * @return the examples kept, in order
   */
  public Dataset<E> filter(Predicate<? super E> condition) {
    return select(
        IntStream.range(0, size()).filter(i -> condition.test(examples.get(i))).toArray());
  }

  /**
   * The same examples in another order.
   *
   * @param seed the seed; the same seed gives the same order on every machine
   * @return the shuffled data set
   */
  public Dataset<E> shuffle(long seed) {
    return select(Permutation.of(size(), seed));
  }

  /**
   * Sets a random part of the examples aside for validation.
   *
   * @param fraction the fraction to set aside, between 0 and 1; each part gets at least one example
   * @param seed the seed; the same seed gives the same parts on every machine
   * @return the two parts
   */
  public Split<E> split(double fraction, long seed) {
    if (!(fraction > 0 && fraction < 1)) {
      throw new IllegalArgumentException(
          "fraction is " + fraction + ", expected a number between 0 and 1, such as 0.1");
    }
    if (size() < 2) {
      throw new IllegalArgumentException("cannot split " + this + ": it takes two at least");
    }
    int heldOut = (int) Math.max(1, Math.min(size() - 1, Math.round(size() * fraction)));
    Dataset<E> shuffled = shuffle(seed);
    return new Split<>(shuffled.part(heldOut, size()), shuffled.part(0, heldOut));
  }

  /**
   * A fingerprint of the content, for provenance. Equal examples in the same order have the same
   * fingerprint, whichever file format they were read from.
   *
   * @return the SHA-256 in hexadecimal
   */
  public String sha256() {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
    for (E example : examples) {
      List<String> fields = example.fields();
      update(digest, example.getClass().getSimpleName());
      digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(fields.size()).array());
      fields.forEach(field -> update(digest, field));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  // The length comes first, so that ("ab", "c") and ("a", "bc") differ.
  private static void update(MessageDigest digest, String field) {
    byte[] bytes = field.getBytes(StandardCharsets.UTF_8);
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
    digest.update(bytes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Dataset<?> dataset && examples.equals(dataset.examples);
  }

  @Override
  public int hashCode() {
    return examples.hashCode();
  }

  @Override
  public String toString() {
    return examples.isEmpty()
        ? "no examples"
        : "%,d example%s, the first: %s"
            .formatted(size(), size() == 1 ? "" : "s", Quote.fields(examples.get(0)));
  }

  /**
   * The two parts of a split.
   *
   * @param train the examples to train on
   * @param heldOut the examples that were set aside
   * @param <E> the type of the examples
   */
  public record Split<E extends Example>(Dataset<E> train, Dataset<E> heldOut) {}
}
