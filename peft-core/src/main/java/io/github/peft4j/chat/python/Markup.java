package io.github.peft4j.chat.python;

/**
 * A text that {@code |safe} has marked as HTML. It differs from a text in one thing: what is joined
 * to it by {@code +} is escaped.
 *
 * @param text the text
 */
public record Markup(String text) {

  /** A value as HTML: marked texts as they are, all else escaped. */
  public static Markup escape(Object value, Budget budget) {
    if (value instanceof Markup markup) {
      return markup;
    }
    String text = Repr.str(value, budget);
    StringBuilder html = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> html.append("&amp;");
        case '<' -> html.append("&lt;");
        case '>' -> html.append("&gt;");
        case '"' -> html.append("&#34;");
        case '\'' -> html.append("&#39;");
        default -> html.append(c);
      }
    }
    return new Markup(budget.text(html));
  }
}
