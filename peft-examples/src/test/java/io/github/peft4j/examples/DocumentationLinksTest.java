package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every link within the repository leads to a file that exists, and to a heading in it. */
class DocumentationLinksTest {

  private static final Path ROOT = Path.of("..");
  private static final Pattern CODE = Pattern.compile("(?ms)^```.*?^```$");
  private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");

  @Test
  void linksLeadSomewhere() throws IOException {
    List<String> broken = new ArrayList<>();
    for (Path file : documents()) {
      for (String link : links(file)) {
        Path target = target(file, link);
        String anchor = link.contains("#") ? link.substring(link.indexOf('#') + 1) : "";
        if (!Files.exists(target)) {
          broken.add(ROOT.relativize(file) + ": " + link + " does not exist");
        } else if (!anchor.isEmpty() && !anchors(target).contains(anchor)) {
          broken.add(ROOT.relativize(file) + ": " + link + " has no such heading");
        }
      }
    }
    assertThat(broken).isEmpty();
  }

  private static Path target(Path file, String link) {
    String path = link.replaceAll("#.*", "");
    return path.isEmpty() ? file : file.resolveSibling(path).normalize();
  }

  /** The links of a file that are not to the web. */
  private static List<String> links(Path file) throws IOException {
    return LINK.matcher(text(file))
        .results()
        .map(link -> link.group(1))
        .filter(link -> !link.contains("://"))
        .toList();
  }

  /** The headings of a file as GitHub names them in links. */
  private static Set<String> anchors(Path file) throws IOException {
    return HEADING
        .matcher(text(file))
        .results()
        .map(heading -> heading.group(1).toLowerCase(Locale.ROOT))
        .map(heading -> heading.replaceAll("[^\\p{L}\\p{N}_ -]", "").replace(' ', '-'))
        .collect(Collectors.toSet());
  }

  private static String text(Path file) throws IOException {
    return CODE.matcher(Files.readString(file)).replaceAll("");
  }

  private static List<Path> documents() throws IOException {
    try (Stream<Path> top = Files.list(ROOT);
        Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      return Stream.concat(top, docs)
          .filter(file -> file.toString().endsWith(".md"))
          .sorted()
          .toList();
    }
  }
}
