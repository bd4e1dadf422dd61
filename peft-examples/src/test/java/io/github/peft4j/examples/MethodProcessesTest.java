package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MethodProcessesTest {

  private static final String USAGE =
      "[--full] [--compare X] [--method X] [--seed N] [--out DIR] [--result FILE] [--code N]";

  @TempDir Path folder;

  /** Ends with the code that it is given. */
  static final class Ends {
    public static void main(String... args) {
      System.exit(Arguments.parse(USAGE, args).integer("code", 0));
    }
  }

  private static MethodProcesses processes(String... args) {
    return new MethodProcesses(Ends.class, Arguments.parse(USAGE, args));
  }

  @Test
  void aChildGetsTheArgumentsAndAMethodOfItsOwn() {
    List<String> command =
        processes("--compare", "a,b", "--full", "--seed", "7", "--out", "runs")
            .command("lora", Path.of("runs", "lora"), Path.of("r.json"));

    assertThat(command)
        .endsWith(
            Ends.class.getName(),
            "--full",
            "--seed",
            "7",
            "--method",
            "lora",
            "--out",
            Path.of("runs", "lora").toString(),
            "--result",
            "r.json");
  }

  @Test
  void aChildWithoutAResultHasRefusedTheMethod() {
    assertThat(processes().train("lora", folder.resolve("lora"))).isEmpty();
  }

  @Test
  void aChildThatFailsIsNamedWithItsMethod() {
    assertThatThrownBy(() -> processes("--code", "2").train("lora", folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("lora");
    assertThatThrownBy(() -> processes("--code", "3").train("lora", folder))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("ended with 3");
  }
}
