package io.github.peft4j.data.reader;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A text with columns in it, {@code {column}}, and sections that depend on whether a column has a
 * text: <code>{#column}…{/column}</code> and <code>{^column}…{/column}</code>.
 */
final class Template {

  private sealed interface Part {}

  private record Literal(String text) implements Part {}

  private record Column(String name) implements Part {}

  /** Parts that count if the column has a text, or if it has none. */
  private record Section(String column, boolean filled, List<Part> parts) implements Part {}

  private final String text;
  private final Set<String> columns = new LinkedHashSet<>();
  private final List<Part> parts;
  private int position;

  private Template(String text) {
    this.text = text;
    boolean name = text.indexOf('{') < 0 && text.indexOf('}') < 0;
    this.parts = name ? List.of(column(text)) : parts(null);
  }

  /** Parses a template. A string without braces is the name of a column. */
  static Template parse(String text) {
    return new Template(text);
  }

  private Column column(String name) {
    columns.add(name);
    return new Column(name);
  }

  /** The parts up to the end of a section, or of the text. */
  private List<Part> parts(@Nullable String section) {
    int opened = position;
    List<Part> found = new ArrayList<>();
    StringBuilder literal = new StringBuilder();
    while (position < text.length()) {
      char c = text.charAt(position);
      if (text.startsWith("{{", position) || text.startsWith("}}", position)) {
        literal.append(c);
        position += 2;
      } else if (c == '}') {
        throw malformed("the brace at position " + position + " was never opened");
      } else if (c != '{') {
        literal.append(c);
        position++;
      } else {
        found.add(new Literal(literal.toString()));
        literal.setLength(0);
        String name = name();
        if (name.startsWith("/")) {
          if (!name.substring(1).equals(section)) {
            throw malformed("{" + name + "} ends no section that is open");
          }
          return found;
        }
        found.add(part(name));
      }
    }
    if (section != null) {
      throw malformed(
          "the section before position %d is never closed: {/%s} is missing"
              .formatted(opened, section));
    }
    found.add(new Literal(literal.toString()));
    return found;
  }

  /** What stands in the braces that open here. */
  private String name() {
    int end = text.indexOf('}', position);
    if (end < 0) {
      throw malformed("the brace at position " + position + " is never closed");
    }
    String name = text.substring(position + 1, end);
    position = end + 1;
    return name;
  }

  private Part part(String name) {
    if (name.startsWith("#") || name.startsWith("^")) {
      String column = name.substring(1);
      columns.add(column);
      return new Section(column, name.startsWith("#"), parts(column));
    }
    return column(name);
  }

  private IllegalArgumentException malformed(String problem) {
    return new IllegalArgumentException(
        "template '%s': %s. Write {{ or }} for a brace itself".formatted(text, problem));
  }

  /** The columns that the template names. */
  Set<String> columns() {
    return columns;
  }

  /** The columns outside of sections, without which no row has a text. */
  Set<String> needed() {
    return parts.stream()
        .filter(Column.class::isInstance)
        .map(part -> ((Column) part).name())
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /**
   * The text with values in it.
   *
   * @param values the value of a column
   * @param filled whether a column has a text
   */
  String fill(UnaryOperator<String> values, Predicate<String> filled) {
    StringBuilder out = new StringBuilder();
    fill(parts, values, filled, out);
    return out.toString();
  }

  private static void fill(
      List<Part> parts, UnaryOperator<String> values, Predicate<String> filled, StringBuilder out) {
    for (Part part : parts) {
      if (part instanceof Literal literal) {
        out.append(literal.text());
      } else if (part instanceof Column column) {
        out.append(values.apply(column.name()));
      } else if (part instanceof Section section
          && filled.test(section.column()) == section.filled()) {
        fill(section.parts(), values, filled, out);
      }
    }
  }

  @Override
  public String toString() {
    return text;
  }
}
