package io.github.peft4j.chart;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Writes elements that are both HTML and XML. Every text and every value of an attribute is
 * escaped. Characters that XML cannot hold are replaced: NUL becomes {@code ␀}.
 */
public final class Markup {

  private final StringBuilder out = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /**
   * Opens an element.
   *
   * @param attributes names and values by turns
   */
  public Markup open(String element, Object... attributes) {
    start(element, attributes);
    out.append('>');
    open.push(element);
    return this;
  }

  /** Closes the element that was opened last. */
  public Markup close() {
    out.append("</").append(open.pop()).append(">\n");
    return this;
  }

  /** An element without content, such as {@code meta}. */
  public Markup empty(String element, Object... attributes) {
    start(element, attributes);
    out.append("/>\n");
    return this;
  }

  /** An element that holds a text alone. */
  public Markup element(String element, String text, Object... attributes) {
    return open(element, attributes).text(text).close();
  }

  /** A text. */
  public Markup text(String text) {
    out.append(escaped(text));
    return this;
  }

  /** Markup or a style sheet that is written as it is. Never give it a text of the data. */
  public Markup raw(String markup) {
    out.append(markup);
    return this;
  }

  private void start(String element, Object... attributes) {
    out.append('<').append(element);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      out.append(escaped(attributes[i + 1].toString())).append('"');
    }
  }

  /** A text as the content of an element or an attribute. */
  static String escaped(String text) {
    StringBuilder escaped = new StringBuilder(text.length() + 16);
    text.codePoints().forEach(character -> append(escaped, character));
    return escaped.toString();
  }

  private static void append(StringBuilder to, int character) {
    switch (character) {
      case '&' -> to.append("&amp;");
      case '<' -> to.append("&lt;");
      case '>' -> to.append("&gt;");
      case '"' -> to.append("&quot;");
      case '\'' -> to.append("&#39;");
      case '\n', '\t' -> to.append((char) character);
      case '\r' -> to.append("&#13;");
      default -> {
        boolean surrogate = character >= Character.MIN_SURROGATE && character <= 0xDFFF;
        if (character < ' ') {
          to.append((char) (0x2400 + character)); // the Unicode pictures of control characters
        } else if (character == 0x7F) {
          to.append('\u2421');
        } else if (surrogate || character == 0xFFFE || character == 0xFFFF) {
          to.append('\uFFFD');
        } else {
          to.appendCodePoint(character);
        }
      }
    }
  }

  /** What was written so far. */
  @Override
  public String toString() {
    return out.toString();
  }
}
