package io.github.peft4j.site;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
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
  private static final Path DOCS = Path.of("docs");
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

  /** Links to all pages: those of docs/, of each of its folders, and of the project. */
  private String sidebar(Page current, String up) {
    StringBuilder links = new StringBuilder();
    links.append("<ul><li><a href=\"%sapidocs/index.html\">Javadoc</a></li></ul>\n".formatted(up));
    links.append(section("Guide", page -> isIn(DOCS, page), current, up));
    for (Path folder : folders()) {
      String name = folder.getFileName().toString();
      String title = name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
      // Decisions are many: only their index is shown, but on their own pages.
      boolean whole = !name.equals("decisions") || isIn(folder, current);
      Predicate<Page> shown =
          page -> isIn(folder, page) && (whole || page.html().endsWith("index.html"));
      links.append(section(title, shown, current, up));
    }
    Predicate<Page> project =
        page -> page.file().getParent() == null && !page.file().endsWith("README.md");
    return links.append(section("Project", project, current, up)).toString();
  }

  private List<Path> folders() {
    List<Path> order = List.of(Path.of("how-to"), Path.of("concepts"), Path.of("methods"));
    return pages.stream()
        .map(page -> page.file().getParent())
        .filter(folder -> folder != null && !folder.equals(DOCS))
        .distinct()
        .sorted(
            Comparator.comparing((Path folder) -> rank(order, folder))
                .thenComparing(Comparator.naturalOrder()))
        .toList();
  }

  private static int rank(List<Path> order, Path folder) {
    int index = order.indexOf(folder.getFileName());
    return index < 0 ? order.size() : index;
  }

  private static boolean isIn(Path folder, Page page) {
    return folder.equals(page.file().getParent());
  }

  private String section(String title, Predicate<Page> pages, Page current, String up) {
    return "<h2>%s</h2>\n<ul>\n%s</ul>\n".formatted(title, items(pages, current, up));
  }

  /** From a page to the site's folder. */
  private static String up(Page page) {
    return "../".repeat(page.file().getNameCount() - 1);
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
