package io.github.peft4j.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * What the Python packages compute: the files beside {@code make_goldens.py}, or those in the
 * folder that {@code -Dpeft4j.metrics.goldens} names.
 */
public final class Goldens {

  private static final double TOLERANCE = 1e-9;

  private Goldens() {}

  /** The cases of a file. */
  public static List<JsonObject> cases(String name) {
    String folder = System.getProperty("peft4j.metrics.goldens");
    try (Reader reader =
        folder == null
            ? new InputStreamReader(
                Objects.requireNonNull(Goldens.class.getResourceAsStream("/metrics/" + name)),
                StandardCharsets.UTF_8)
            : Files.newBufferedReader(Path.of(folder, name))) {
      List<JsonObject> cases =
          elements(JsonParser.parseReader(reader).getAsJsonArray()).stream()
              .map(JsonElement::getAsJsonObject)
              .toList();
      assertThat(cases).as(name).isNotEmpty();
      return cases;
    } catch (IOException e) {
      throw new AssertionError(name, e);
    }
  }

  private static List<JsonElement> elements(JsonElement array) {
    return StreamSupport.stream(array.getAsJsonArray().spliterator(), false).toList();
  }

  public static int[] ints(JsonElement array) {
    return elements(array).stream().mapToInt(JsonElement::getAsInt).toArray();
  }

  public static double[] doubles(JsonElement array) {
    return elements(array).stream().mapToDouble(Goldens::number).toArray();
  }

  public static double[][] table(JsonElement array) {
    return elements(array).stream().map(Goldens::doubles).toArray(double[][]::new);
  }

  public static float[] floats(JsonElement array) {
    float[] values = new float[array.getAsJsonArray().size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.getAsJsonArray().get(i).getAsFloat();
    }
    return values;
  }

  public static boolean[] booleans(JsonElement array) {
    int[] values = ints(array);
    boolean[] booleans = new boolean[values.length];
    for (int i = 0; i < values.length; i++) {
      booleans[i] = values[i] == 1;
    }
    return booleans;
  }

  public static boolean[][] booleanTable(JsonElement array) {
    return elements(array).stream().map(Goldens::booleans).toArray(boolean[][]::new);
  }

  public static List<String> strings(JsonElement array) {
    return elements(array).stream().map(JsonElement::getAsString).toList();
  }

  public static List<List<String>> stringLists(JsonElement array) {
    return elements(array).stream().map(Goldens::strings).toList();
  }

  private static double number(JsonElement element) {
    return element.isJsonNull() ? Double.NaN : element.getAsDouble();
  }

  /** Requires a number, relative to its size if it is large. */
  public static void assertNumber(JsonObject golden, String name, double actual) {
    assertThat(golden.has(name)).as(name).isTrue();
    assertNumber(golden.get(name), name + " of " + golden, actual);
  }

  private static void assertNumber(JsonElement expected, String name, double actual) {
    double value = number(expected);
    if (Double.isNaN(value)) {
      assertThat(actual).as(name).isNaN();
    } else {
      assertThat(actual)
          .as(name)
          .isCloseTo(value, within(TOLERANCE * Math.max(1, Math.abs(value))));
    }
  }

  /** Requires several numbers. */
  public static void assertNumbers(JsonElement expected, String name, double... actual) {
    JsonArray values = expected.getAsJsonArray();
    assertThat(actual).as(name).hasSize(values.size());
    IntStream.range(0, actual.length)
        .forEach(i -> assertNumber(values.get(i), name + "[" + i + "]", actual[i]));
  }

  /** Requires precision, recall and F1. */
  public static void assertScores(JsonObject golden, String name, PrecisionRecall actual) {
    assertNumbers(
        golden.get(name), name + " of " + golden, actual.precision(), actual.recall(), actual.f1());
  }

  /** Requires precision, recall, F1 and support of each class. */
  public static void assertClasses(JsonObject golden, String name, List<PrecisionRecall> actual) {
    JsonArray classes = golden.getAsJsonArray(name);
    assertThat(actual).hasSize(classes.size());
    for (int i = 0; i < actual.size(); i++) {
      PrecisionRecall c = actual.get(i);
      assertNumbers(
          classes.get(i),
          name + " of " + golden,
          DoubleStream.of(c.precision(), c.recall(), c.f1(), (double) c.support()).toArray());
    }
  }

  /** Requires the numbers of a report that the golden has. */
  public static void assertReport(JsonObject golden, Map<String, Double> actual) {
    assertThat(actual.keySet()).isNotEmpty().isSubsetOf(golden.keySet());
    actual.forEach((name, value) -> assertNumber(golden, name, value));
  }
}
