package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.util.Platform;
import io.github.peft4j.pretrained.MiniLm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Numbers and versions that a page repeats are those of their source. */
class DocumentedNumbersTest {

  private static final Path ROOT = Path.of("..");
  private static final Pattern NUMBER = Pattern.compile("\\d+(?:[.,]\\d+)*");

  @Test
  void numbersOfSpeedAreThoseOfThePerformancePage() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    String marked = readme.split("<!-- numbers of docs/performance.md -->\n", 2)[1];
    String paragraph = marked.split("\n\n", 2)[0].replace("H100", "");

    assertThat(numbers(paragraph)).isNotEmpty();
    assertThat(numbers(Files.readString(ROOT.resolve("docs/performance.md"))))
        .containsAll(numbers(paragraph));
  }

  private static Set<String> numbers(String text) {
    return NUMBER.matcher(text).results().map(MatchResult::group).collect(Collectors.toSet());
  }

  @Test
  void versionsToAddAreThoseOfTheBuild() throws IOException {
    Platform platform = Platform.fromSystem("pytorch");
    String pytorch = platform.getVersion();
    String readme = Files.readString(ROOT.resolve("README.md"));
    String installation =
        Files.readString(ROOT.resolve("docs/installation.md")).replaceAll("\\s+", "");

    for (String coordinates :
        List.of(
            "ai.djl.pytorch:pytorch-jni:" + pytorch + "-" + platform.getApiVersion(),
            "ai.djl.pytorch:pytorch-native-cpu:" + pytorch,
            MiniLm.JAR)) {
      String[] parts = coordinates.split(":", -1);
      assertThat(readme).contains("`" + coordinates + "`");
      assertThat(installation)
          .contains(
              "<groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>"
                  .formatted((Object[]) parts));
    }
  }
}
