package io.github.peft4j.methods;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.methods.rocoft.RocoftConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ValueSource;

/** The method that docs/write-your-own-method.md writes keeps the contract; the page shows it. */
class TutorialTest extends MethodContract {

  private static final Path PAGE = Path.of("..", "docs", "write-your-own-method.md");
  private static final Path SOURCES =
      Path.of("src", "test", "java", "io", "github", "peft4j", "methods", "rocoft");
  private static final Path RESOURCES = Path.of("src", "test", "resources");

  /** A fenced block: its language and its text. */
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w+)\n(.*?)^```$");

  static Stream<Arguments> cases() {
    return MethodCase.of("Rocoft", RocoftConfig.ofRows(2)).onItsModels();
  }

  @ParameterizedTest
  @ValueSource(strings = {"RocoftConfig", "Rocoft", "RowsLinear"})
  void thePageShowsTheSource(String type) throws IOException {
    assertThat(blocks("java")).contains(shown(Files.readString(source(type))));
  }

  private static Path source(String type) {
    return SOURCES.resolve(type + ".java");
  }

  @Test
  void thePageShowsTheDefaults() throws IOException {
    Path defaults = RESOURCES.resolve("io/github/peft4j/methods/rocoft/adapter_config.json");
    assertThat(blocks("json")).contains(Files.readString(defaults));
  }

  @Test
  void thePageShowsTheServiceLine() throws IOException {
    try (Stream<Path> services = Files.list(RESOURCES.resolve("META-INF/services"))) {
      Path service = services.findFirst().orElseThrow();
      assertThat(Files.readString(PAGE)).contains(service.getFileName().toString());
      assertThat(blocks("text")).contains(Files.readString(service));
    }
  }

  private static List<String> blocks(String language) throws IOException {
    return BLOCK
        .matcher(Files.readString(PAGE))
        .results()
        .filter(block -> block.group(1).equals(language))
        .map(block -> block.group(2))
        .toList();
  }

  /** A file as the page shows it: of its head, only the imports from this module. */
  private static String shown(String source) {
    Predicate<String> isHead =
        line -> line.isEmpty() || line.startsWith("package") || line.startsWith("import");
    String imports =
        source
            .lines()
            .takeWhile(isHead)
            .filter(line -> line.startsWith("import io.github.peft4j.methods."))
            .collect(joining("\n", "", "\n\n"));
    String code = source.lines().dropWhile(isHead).collect(joining("\n", "", "\n"));
    return (imports + code).stripLeading();
  }
}
