package io.github.peft4j.quantization;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Counts comparisons, and remembers those that failed. */
final class Tally {

  private static final int SHOWN = 40;

  private final List<String> failures = new ArrayList<>();
  private final List<String> remarks = new ArrayList<>();
  private int passed;

  /** Notes a comparison: what is wrong, or null. */
  void add(String what, @Nullable String difference) {
    if (difference == null) {
      passed++;
    } else {
      failures.add(what + ": " + difference);
    }
  }

  /** Compares numbers by their bits. */
  void same(String what, float[] found, float... expected) {
    add(what, difference(found, expected));
  }

  /** Compares bytes. */
  void same(String what, byte[] found, byte... expected) {
    int at = Arrays.mismatch(found, expected);
    add(
        what,
        at < 0
            ? null
            : at < Math.min(found.length, expected.length)
                ? "byte %d of %d is %d, expected %d"
                    .formatted(at, found.length, found[at], expected[at])
                : found.length + " bytes, expected " + expected.length);
  }

  /** The first difference of the bits, or null. */
  static @Nullable String difference(float[] found, float... expected) {
    if (found.length != expected.length) {
      return found.length + " numbers, expected " + expected.length;
    }
    int different = 0;
    String first = null;
    for (int i = 0; i < found.length; i++) {
      if (Float.floatToRawIntBits(found[i]) != Float.floatToRawIntBits(expected[i])) {
        different++;
        if (first == null) {
          first = "number %d is %s, expected %s".formatted(i, found[i], expected[i]);
        }
      }
    }
    return first == null ? null : first + ", and " + (different - 1) + " more of " + found.length;
  }

  /** Something that a reader of the result should know. */
  void remark(String text) {
    remarks.add(text);
  }

  int passed() {
    return passed;
  }

  List<String> failures() {
    return failures;
  }

  /** Prints remarks, failures and counts. */
  void print(String name) {
    remarks.forEach(System.out::println);
    failures.stream().limit(SHOWN).forEach(System.out::println);
    System.out.printf("%s: %d passed, %d failed%n", name, passed, failures.size());
  }
}
