package io.github.peft4j.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;

/**
 * An immutable list of examples.
 *
 * @param examples the examples, in order
 * @param <E> the type of the examples
 */
public record Dataset<E extends Example>(List<E> examples) implements Examples<E>, Iterable<E> {

  /**
   * A data set of the examples given.
   *
   * @param examples the examples, in order; copied
   */
  public Dataset {
    examples = List.copyOf(examples);
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
    return new Dataset<>(examples.subList(0, Math.min(count, size())));
  }

  /**
   * The examples that satisfy a condition.
   *
   * @param condition true for the examples to keep
   * @return the examples kept, in order
   */
  public Dataset<E> filter(Predicate<? super E> condition) {
    return new Dataset<>(examples.stream().filter(condition).toList());
  }

  /**
   * The same examples in another order.
   *
   * @param seed the seed; the same seed gives the same order on every machine
   * @return the shuffled data set
   */
  public Dataset<E> shuffle(long seed) {
    return new Dataset<>(
        Arrays.stream(Permutation.of(size(), seed)).mapToObj(examples::get).toList());
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
    List<E> shuffled = shuffle(seed).examples;
    return new Split<>(
        new Dataset<>(shuffled.subList(heldOut, size())),
        new Dataset<>(shuffled.subList(0, heldOut)));
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
  public String toString() {
    return examples.isEmpty()
        ? "no examples"
        : "%,d example%s, the first: %s"
            .formatted(size(), size() == 1 ? "" : "s", Quote.shorten(examples.get(0).toString()));
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
