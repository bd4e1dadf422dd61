package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class ArgumentsTest {

  private static final String USAGE = "--data FILE [--epochs N] [--lr X] [--full]";

  @Test
  void readsValuesAndSwitches() {
    Arguments arguments =
        Arguments.parse(USAGE, "--epochs", "3", "--full", "--data", "a b.csv", "--lr", "-1e-3");

    assertThat(arguments.text("data")).isEqualTo("a b.csv");
    assertThat(arguments.integer("epochs", 1)).isEqualTo(3);
    assertThat(arguments.number("lr", 1)).isEqualTo(-1e-3);
    assertThat(arguments.has("full")).isTrue();
  }

  @Test
  void takesDefaultsForWhatIsNotGiven() {
    Arguments arguments = Arguments.parse(USAGE, "--data", "a.csv");

    assertThat(arguments.has("full")).isFalse();
    assertThat(arguments.integer("epochs", 1)).isEqualTo(1);
    assertThat(arguments.number("lr", 0.5)).isEqualTo(0.5);
    assertThat(arguments.list("lr", "1,2")).containsExactly("1", "2");
  }

  @Test
  void saysWhatIsWrongAndHowToDoIt() {
    assertWrong("unknown argument '--epoch'", "--data", "a.csv", "--epoch", "3");
    assertWrong("unknown argument '3'", "--data", "a.csv", "3");
    assertWrong("--data is missing", "--full");
    assertWrong("--data needs a value", "--data");
    assertWrong("--data needs a value", "--data", "--full");
    assertWrong("--data is given twice", "--data", "a.csv", "--data", "b.csv");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> Arguments.parse(USAGE, "--data", "a", "--epochs", "x").integer("epochs", 1))
        .withMessage("--epochs is 'x', expected a whole number; usage: " + USAGE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Arguments.parse(USAGE, "--data", "a", "--epochs", "0").count("epochs", 1))
        .withMessage("--epochs is '0', expected a whole number above 0; usage: " + USAGE);
  }

  private static void assertWrong(String problem, String... args) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Arguments.parse(USAGE, args))
        .withMessage(problem + "; usage: " + USAGE);
  }
}
