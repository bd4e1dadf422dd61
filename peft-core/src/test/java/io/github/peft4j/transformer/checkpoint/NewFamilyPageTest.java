package io.github.peft4j.transformer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The family that docs/architecture.md shows as an example is the one that runs. */
class NewFamilyPageTest {

  private static final Path PAGE = Path.of("..", "docs", "architecture.md");
  private static final Path TRANSFORMER =
      Path.of("src", "main", "java", "io", "github", "peft4j", "transformer");

  /** A fenced block: its language and its text. */
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w+)\n(.*?)^```$");

  /** The code that a row of the example's table explains, in backticks. */
  private static final Pattern SHOWN = Pattern.compile("(?m)^\\| `([^`]+)` \\|");

  private static final Pattern NAME = Pattern.compile("`(\\w+)`");

  @Test
  void thePageShowsTheSource() throws IOException {
    String source = Files.readString(TRANSFORMER.resolve("family/decoder/Olmo2.java"));
    assertThat(blocks("java")).contains(source.split("\n\n", 2)[1]);
  }

  @Test
  void thePageShowsTheLineOfTheRegistry() throws IOException {
    List<String> lines = blocks("text");
    assertThat(lines).hasSize(1);
    assertThat(Files.readString(TRANSFORMER.resolve("checkpoint/Families.java")))
        .contains(lines.get(0));
  }

  @Test
  void theTableQuotesTheSource() throws IOException {
    String source =
        Files.readString(TRANSFORMER.resolve("family/decoder/Olmo2.java")).replaceAll("\\s+", "");
    String table = section("### An example: OLMo 2").split("\\| part of the file.*\n", 2)[1];
    assertThat(SHOWN.matcher(table).results().map(row -> row.group(1)))
        .hasSize(9)
        .allSatisfy(
            code ->
                assertThat(Pattern.compile("…\\)?|\\s+").splitAsStream(code))
                    .allMatch(source::contains));
  }

  @Test
  void theClassesForWhatIsMissingAreThere() throws IOException {
    Set<String> named =
        NAME.matcher(section("### When a part is missing").split("\n\n", 3)[1])
            .results()
            .map(name -> name.group(1))
            .collect(Collectors.toSet());
    assertThat(named).hasSizeGreaterThan(20).isSubsetOf(classes());
  }

  private static Set<String> classes() {
    try (Stream<Path> files = Files.walk(TRANSFORMER)) {
      return files
          .map(file -> file.getFileName().toString().replace(".java", ""))
          .collect(Collectors.toSet());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String section(String title) throws IOException {
    return Files.readString(PAGE).split(Pattern.quote(title) + "\n", 2)[1].split("\n##", 2)[0];
  }

  private static List<String> blocks(String language) throws IOException {
    return BLOCK
        .matcher(Files.readString(PAGE))
        .results()
        .filter(block -> block.group(1).equals(language))
        .map(block -> block.group(2))
        .toList();
  }
}
