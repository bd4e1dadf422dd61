package io.github.peft4j.examples.bench.numerics;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.kernel.Precision;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NumericsTest {

  private static final Shape TINY = Shape.of("tiny");
  private static final List<Setting> SETTINGS = Setting.of(false, Precision.FLOAT32);

  @TempDir static Path folder;

  private static Trainings trainings;

  /**
   * The switches that are read once have no effect within one process; what is done with
   * activations has.
   */
  @BeforeAll
  static void train() {
    trainings = new Trainings(List.of(TINY), 2, 16, 2 * Corpus.BATCHES, folder);
    SETTINGS.forEach(setting -> trainings.run(setting, false));
  }

  private static Setting setting(String name) {
    return SETTINGS.stream().filter(s -> s.name().equals(name)).findFirst().orElseThrow();
  }

  private static List<Comparison> compare(String name) {
    Setting setting = setting(name);
    return Comparison.of(trainings, setting, requireNonNull(setting.claim()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"recompute", "host"})
  void recomputingIsTheSameBits(String name) {
    Comparison comparison = compare(name).get(0);
    JsonObject line = JsonParser.parseString(comparison.line()).getAsJsonObject();

    assertThat(comparison.holds()).isTrue();
    assertThat(line.get("promise").getAsString()).isEqualTo("same bits");
    line.getAsJsonObject("deviation")
        .entrySet()
        .forEach(
            number -> assertThat(number.getValue().getAsDouble()).as(number.getKey()).isZero());
    assertThat(line.get("loss").getAsDouble()).isLessThan(line.get("first_loss").getAsDouble());
  }

  @Test
  void packedRowsAreThePaddedOnesButForRounding() {
    Comparison comparison = compare("packing").get(0);
    JsonObject line = JsonParser.parseString(comparison.line()).getAsJsonObject();

    assertThat(comparison.holds()).as(comparison.line()).isTrue();
    assertThat(line.getAsJsonObject("deviation").get("gradient").getAsDouble())
        .isGreaterThan(0)
        .isLessThan(1e-5);
  }

  /** One gradient of one tensor is a thousandth larger than it should be. */
  @Test
  void aWrongGradientIsFound() {
    Trajectory right = trainings.result("derivatives", TINY, true);
    Map<String, float[]> gradients = new HashMap<>(right.gradients());
    String name = gradients.keySet().iterator().next();
    float[] wrong = requireNonNull(gradients.get(name)).clone();
    for (int i = 0; i < wrong.length; i++) {
      wrong[i] *= 1.001f;
    }
    gradients.put(name, wrong);
    try {
      with(right, gradients).write(folder.resolve("derivatives-tiny-even.trajectory"));

      assertThat(compare("derivatives").get(0).holds()).isFalse();
    } finally {
      right.write(folder.resolve("derivatives-tiny-even.trajectory"));
    }
    assertThat(compare("derivatives").get(0).holds()).isTrue();
  }

  private static Trajectory with(Trajectory right, Map<String, float[]> gradients) {
    return new Trajectory(
        right.losses(),
        right.norms(),
        gradients,
        right.changes(),
        right.stepMillis(),
        right.machine());
  }

  @Test
  void aNumberThatIsNoneIsNotNear() {
    Deviation rounding = new Deviation(1, 1, 1, 1);

    assertThat(new Deviation(Double.NaN, 0, 0, 0).isWithin(2, rounding)).isFalse();
    assertThat(new Deviation(2, 2, 2, 2).isWithin(2, rounding)).isTrue();
    assertThat(new Deviation(0, 0, 0, 2.1).isWithin(2, rounding)).isFalse();
  }

  @Test
  void packedAndPaddedRowsHaveTheSameTexts() {
    Corpus corpus = new Corpus(TINY, 2, 16);
    Batch packed = corpus.packed().get(0);
    Batch padded = corpus.padded().get(0);

    assertThat(packed.size()).isEqualTo(2);
    assertThat(padded.size()).isEqualTo(6);
    assertThat(padded.tokens()).isEqualTo(packed.tokens());
    assertThat(ids(padded)).containsExactlyElementsOf(ids(packed));
  }

  /** All tokens that are not padding, in order; tokens of the corpus may have the id 0, too. */
  private static List<Long> ids(Batch batch) {
    return Arrays.stream(batch.inputIds())
        .flatMapToLong(LongStream::of)
        .filter(id -> id != 0)
        .boxed()
        .toList();
  }

  @Test
  void float64HasNoYardstick() {
    assertThatThrownBy(() -> Setting.of(false, Precision.FLOAT64))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no higher precision");
  }
}
