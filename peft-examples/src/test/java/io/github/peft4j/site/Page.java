package io.github.peft4j.site;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.ext.heading.anchor.HeadingAnchorExtension;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.Heading;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.Text;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;

/**
 * A Markdown file of the repository.
 *
 * @param file relative to the root of the repository
 * @param document its parsed text
 */
record Page(Path file, Node document) {

  private static final List<Extension> EXTENSIONS =
      List.of(TablesExtension.create(), HeadingAnchorExtension.create());
  private static final Parser PARSER = Parser.builder().extensions(EXTENSIONS).build();
  private static final HtmlRenderer RENDERER =
      HtmlRenderer.builder().extensions(EXTENSIONS).build();

  /** All pages of a repository: those at its root and those below docs/. */
  static List<Page> in(Path root) {
    try (Stream<Path> top = Files.list(root);
        Stream<Path> docs = Files.walk(root.resolve("docs"))) {
      return Stream.concat(top, docs)
          .filter(file -> file.toString().endsWith(".md"))
          .sorted()
          .map(file -> read(root, root.relativize(file)))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Page read(Path root, Path file) {
    try {
      return new Page(file, PARSER.parse(Files.readString(root.resolve(file))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where the page is in the site: README.md is a folder's index.html. */
  Path html() {
    String name = file.getFileName().toString();
    String html = name.equals("README.md") ? "index.html" : name.replaceFirst("\\.md$", ".html");
    return file.resolveSibling(html);
  }

  /** The text of the first heading. */
  String title() {
    StringBuilder title = new StringBuilder();
    for (Node node = document.getFirstChild(); node != null; node = node.getNext()) {
      if (node instanceof Heading) {
        node.accept(
            new AbstractVisitor() {
              @Override
              public void visit(Text text) {
                title.append(text.getLiteral());
              }

              @Override
              public void visit(Code code) {
                title.append(code.getLiteral());
              }
            });
        break;
      }
    }
    return title.isEmpty() ? file.toString() : title.toString();
  }

  /** What changes the destination of a link. */
  interface Links {
    String target(String destination);
  }

  /** Its text as HTML, with other links. */
  String body(Links links) {
    document.accept(
        new AbstractVisitor() {
          @Override
          public void visit(Link link) {
            link.setDestination(links.target(link.getDestination()));
            visitChildren(link);
          }

          @Override
          public void visit(Image image) {
            image.setDestination(links.target(image.getDestination()));
            visitChildren(image);
          }
        });
    return RENDERER.render(document);
  }
}
