package io.github.peft4j.data.reader;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import io.github.peft4j.data.format.Row;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A column of a table, or several in a template, and what its values mean in an example.
 *
 * @param template the column's name, or the template
 */
record Column(Template template) {

  private static final Pattern NUMBER =
      Pattern.compile("[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?");

  /** A text. Every column that the template uses has one, or a number. */
  String text(Row row) {
    return template.fill(
        column -> {
          Object value = row.values().get(column);
          String text = Values.text(value);
          if (text == null) {
            throw noText(column, value);
          }
          return text;
        },
        column -> isFilled(row, column));
  }

  private static DataException noText(String column, @Nullable Object value) {
    return value == null
        ? new DataException(
            "column '%s' is missing or null, expected text or a number".formatted(column),
            Remedy.SKIP_EMPTY.with(
                "Fill it in, or leave the row out: .filter(column, value -> !value.isEmpty())",
                column))
        : new DataException(
            ("column '%s' holds %s, expected text or a number: a model would learn its"
                    + " brackets and quotation marks")
                .formatted(column, Values.kind(value)),
            Remedy.READ_CONVERSATIONS.with(
                "If these are the messages of a chat, read them by .conversations()"));
  }

  /** A text, in which a missing or null value is "". */
  String textOrEmpty(Row row) {
    return template.fill(column -> textOrEmpty(row, column), column -> isFilled(row, column));
  }

  private static String textOrEmpty(Row row, String column) {
    String text = Values.text(row.values().get(column));
    return text == null ? "" : text;
  }

  private static boolean isFilled(Row row, String column) {
    return !textOrEmpty(row, column).isBlank();
  }

  /** The name or number of a class, without surrounding blanks; {@link LabelCheck} checks it. */
  String label(Row row) {
    return text(row).strip();
  }

  /** A finite number. */
  double number(Row row) {
    String text = text(row).strip();
    double number = NUMBER.matcher(text).matches() ? Double.parseDouble(text) : Double.NaN;
    if (!Double.isFinite(number)) {
      throw new DataException(
          "column '%s' is '%s', expected a finite number such as 4.5"
              .formatted(this, Quote.shorten(text)));
    }
    return number;
  }

  @Override
  public String toString() {
    return template.toString();
  }
}
