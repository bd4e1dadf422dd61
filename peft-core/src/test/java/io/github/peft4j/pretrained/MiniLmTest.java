package io.github.peft4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.PeftModel;
import java.util.List;
import org.junit.jupiter.api.Test;

class MiniLmTest {

  @Test
  void comesOutOfTheJarOnTheClassPath() {
    try (PeftModel model = MiniLm.load("no", "yes")) {
      assertThat(model.base().size()).isEqualTo(22_713_986);
      assertThat(model.classify("Hello").best().getClassName()).isIn("no", "yes");
    }
  }

  @Test
  void withoutTheJarTheErrorNamesItsCoordinates() {
    assertThatIllegalStateException()
        .isThrownBy(() -> MiniLm.read(null, "/all-minilm-l6-v2.onnx", in -> in))
        .withMessage(
            "/all-minilm-l6-v2.onnx is not on the class path: add the dependency "
                + MiniLm.JAR
                + ", scope runtime");
  }

  /** The version that the build tests with is the one that the error and the Javadoc name. */
  @Test
  void theCoordinatesAreThoseOfTheJarAtHand() {
    String jar = String.valueOf(MiniLm.class.getResource("/all-minilm-l6-v2.onnx"));
    String[] coordinates = MiniLm.JAR.split(":", -1);

    assertThat(jar).contains(coordinates[1] + "-" + coordinates[2] + ".jar!");
  }

  @Test
  void miniLmGivesSimilarTextsSimilarVectors() {
    try (PeftModel model = MiniLm.embedder()) {
      float[][] vectors =
          model.embed(List.of("A cat sits on the mat.", "A kitten is on a rug.", "Stocks fell."));
      assertThat(dot(vectors[0], vectors[0])).isCloseTo(1, within(1e-4));
      assertThat(dot(vectors[0], vectors[1])).isGreaterThan(0.5);
      assertThat(dot(vectors[0], vectors[2])).isLessThan(0.2);
    }
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
