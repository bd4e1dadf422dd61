package io.github.peft4j.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A text with columns in it: an alternating sequence of literals and columns that starts with a
 * literal.
 */
final class Template {

  private final String text;
  private final List<String> literals = new ArrayList<>();
  private final List<String> columns = new ArrayList<>();

  private Template(String text) {
    this.text = text;
  }

  /** Parses a template. A string without braces is the name of a column. */
  static Template parse(String text) {
    Template template = new Template(text);
    if (text.indexOf('{') < 0 && text.indexOf('}') < 0) {
      template.literals.addAll(List.of("", ""));
      template.columns.add(text);
      return template;
    }
    StringBuilder literal = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (text.startsWith("{{", i) || text.startsWith("}}", i)) {
        literal.append(c);
        i++;
      } else if (c == '{') {
        int end = text.indexOf('}', i);
        if (end < 0) {
          throw malformed(text, "the brace at position " + i + " is never closed");
        }
        template.literals.add(literal.toString());
        template.columns.add(text.substring(i + 1, end));
        literal.setLength(0);
        i = end;
      } else if (c == '}') {
        throw malformed(text, "the brace at position " + i + " was never opened");
      } else {
        literal.append(c);
      }
    }
    template.literals.add(literal.toString());
    return template;
  }

  private static IllegalArgumentException malformed(String text, String problem) {
    return new IllegalArgumentException(
        "template '%s': %s. Write {{ or }} for a brace itself".formatted(text, problem));
  }

  List<String> columns() {
    return columns;
  }

  String fill(UnaryOperator<String> values) {
    StringBuilder filled = new StringBuilder(literals.get(0));
    for (int i = 0; i < columns.size(); i++) {
      filled.append(values.apply(columns.get(i))).append(literals.get(i + 1));
    }
    return filled.toString();
  }

  @Override
  public String toString() {
    return text;
  }
}
