package io.github.peft4j.spark;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.Serializable;

/**
 * What is sent to executors, as bytes of Java's own serialisation. Spark's serialiser may be Kryo,
 * which can write neither records nor lambdas.
 */
final class Serialised {

  private Serialised() {}

  /**
   * The bytes of a value.
   *
   * @param what the value is, for the error
   * @throws IllegalArgumentException if it refers to something that cannot be serialised
   */
  static byte[] bytes(String what, Serializable value) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          ("%s cannot be sent to executors (%s): make such a value inside of the lambda, and let"
                  + " the lambda refer to local variables that are texts or numbers")
              .formatted(what, e),
          e);
    }
    return bytes.toByteArray();
  }

  /** A value, if it can be serialised. */
  static <T extends Serializable> T require(String what, T value) {
    bytes(what, value);
    return value;
  }
}
