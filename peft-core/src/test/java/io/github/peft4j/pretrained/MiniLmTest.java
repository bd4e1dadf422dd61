package io.github.peft4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.peft4j.PeftModel;
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
}
