package io.github.peft4j.site;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Writes the Markdown pages as static HTML, beside the Javadoc in the folder {@code apidocs}, and
 * refuses dead links.
 *
 * <pre>mvn -B -Psite -DskipTests package</pre>
 */
public final class SiteGenerator {

  private static final String SOURCES = "https://github.com/peft4j/peft4j/blob/main/";
  private static final String STYLE = "style.css";

  private final Path root;
  private final List<Page> pages;

  private SiteGenerator(Path root) {
    this.root = root;
    this.pages = Page.in(root);
  }

  /**
   * Writes the site.
   *
   * @param args the root of the repository and the folder to write to
   * @throws IllegalStateException if the pages have dead links
   */
  public static void main(String... args) throws IOException {
    Path site = Path.of(args[1]).normalize();
    write(Path.of(args[0]).normalize(), site);
    List<String> dead = DeadLinks.in(site);
    if (!dead.isEmpty()) {
      throw new IllegalStateException("dead links:\n" + String.join("\n", dead));
    }
    System.out.println("site: " + site.resolve("index.html"));
  }

  /** Writes the pages and their style. */
  static void write(Path root, Path site) throws IOException {
    SiteGenerator generator = new SiteGenerator(root);
    for (Page page : generator.pages) {
      Path file = site.resolve(page.html());
      Files.createDirectories(file.getParent());
      Files.writeString(file, generator.html(page));
    }
    try (InputStream style =
        Objects.requireNonNull(SiteGenerator.class.getResourceAsStream(STYLE))) {
      Files.write(site.resolve(STYLE), style.readAllBytes());
    }
  }

  private String html(Page page) {
    String up = up(page);
    return """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>%s</title>
        <link rel="stylesheet" href="%s">
        </head>
        <body>
        <nav>
        <a class="home" href="%sindex.html">peft4j</a>
        %s</nav>
        <main>
        %s</main>
        </body>
        </html>
        """
        .formatted(
            escape(page.title().equals("peft4j") ? "peft4j" : page.title() + " – peft4j"),
            up + STYLE,
            up,
            sidebar(page, up),
            page.body(destination -> target(page, destination)));
  }

  private String sidebar(Page current, String up) {
    Map<String, Predicate<Page>> sections = new LinkedHashMap<>();
    sections.put("Guide", page -> page.file().startsWith("docs") && !isMethod(page));
    sections.put("Methods", SiteGenerator::isMethod);
    sections.put(
        "Project", page -> page.file().getNameCount() == 1 && !page.file().endsWith("README.md"));
    String lists =
        sections.entrySet().stream()
            .map(
                section ->
                    "<h2>%s</h2>\n<ul>\n%s</ul>\n"
                        .formatted(section.getKey(), items(section.getValue(), current, up)))
            .collect(Collectors.joining());
    return "<ul><li><a href=\"%sapidocs/index.html\">Javadoc</a></li></ul>\n".formatted(up) + lists;
  }

  /** From a page to the site's folder. */
  private static String up(Page page) {
    return "../".repeat(page.file().getNameCount() - 1);
  }

  private static boolean isMethod(Page page) {
    return page.file().startsWith(Path.of("docs", "methods"));
  }

  private String items(Predicate<Page> section, Page current, String up) {
    return pages.stream()
        .filter(section)
        .sorted(
            Comparator.comparing((Page page) -> !page.html().endsWith("index.html"))
                .thenComparing(page -> page.title().toLowerCase(Locale.ROOT)))
        .map(
            page ->
                "<li><a%s href=\"%s\">%s</a></li>\n"
                    .formatted(
                        page.equals(current) ? " class=\"current\"" : "",
                        up + slashes(page.html()),
                        escape(page.title())))
        .collect(Collectors.joining());
  }

  /** A link between pages leads to their HTML, one to another file to the sources. */
  private String target(Page page, String destination) {
    if (destination.matches("(?:[a-z]+:|#).*")) {
      return destination;
    }
    String[] parts = destination.split("#", 2);
    String anchor = parts.length == 2 ? "#" + parts[1] : "";
    Path linked = root.resolve(page.file()).resolveSibling(parts[0]).normalize();
    Path file = root.relativize(linked);
    for (Page other : pages) {
      if (other.file().equals(file)) {
        return up(page) + slashes(other.html()) + anchor;
      }
    }
    return Files.exists(linked) ? SOURCES + slashes(file) + anchor : destination;
  }

  private static String slashes(Path path) {
    return path.toString().replace('\\', '/');
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
