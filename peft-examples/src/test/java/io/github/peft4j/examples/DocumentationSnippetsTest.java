package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every Java block of the README and of docs/ compiles against the library as it is. */
class DocumentationSnippetsTest {

  private static final Path ROOT = Path.of("..");

  @TempDir Path temp;

  @TestFactory
  Stream<DynamicTest> compiles() throws IOException {
    return markdown().stream()
        .flatMap(file -> Snippet.in(file).stream())
        .map(
            snippet ->
                dynamicTest(
                    ROOT.relativize(snippet.file()) + ":" + snippet.line(),
                    () -> assertThat(snippet.compile(temp)).isEmpty()));
  }

  @Test
  void namesFileAndLineOfWhatDoesNotCompile() throws IOException {
    Path file =
        markdown(
            """
            # Title

            ```java
            import java.time.Duration;

            var second = Duration.ofSeconds(1);
            ```

            <!-- continues -->
            ```java
            System.out.println(second);
            int third = second;
            ```
            """);

    assertThat(problems(file)).singleElement().asString().startsWith("page.md:12: ");
  }

  @Test
  void takesDeclarationsAndPassesOverWhatIsMarked() throws IOException {
    Path file =
        markdown(
            """
            ```java
            /** A value. */
            public record Pair(Path left, List<Path> right) {}
            ```

            <!-- no-compile -->
            ```java
            this is prose
            ```

            ```python
            def f(): ...
            ```
            """);

    assertThat(Snippet.in(file)).hasSize(1);
    assertThat(problems(file)).isEmpty();
  }

  private List<String> problems(Path file) {
    return Snippet.in(file).stream().flatMap(snippet -> snippet.compile(temp).stream()).toList();
  }

  private Path markdown(String text) throws IOException {
    return Files.writeString(temp.resolve("page.md"), text);
  }

  private static List<Path> markdown() throws IOException {
    try (Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      return Stream.concat(Stream.of(ROOT.resolve("README.md")), docs)
          .filter(file -> file.toString().endsWith(".md"))
          .sorted()
          .toList();
    }
  }
}
