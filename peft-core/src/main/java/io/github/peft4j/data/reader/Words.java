package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.TokensExample;
import java.util.List;
import java.util.regex.Pattern;

/** Words of a table, for token classification. */
public final class Words {

  private static final Pattern BLANKS = Pattern.compile("\\s+");

  private final TableRows rows;
  private final String words;

  Words(TableRows rows, String words) {
    this.rows = rows;
    this.words = words;
  }

  /**
   * Takes the tags of the words from a column.
   *
   * @param column the column: lists of names, as long as the lists of words, or texts whose tags
   *     are separated by blanks
   * @return the sentences
   */
  public Dataset<TokensExample> tags(String column) {
    return rows.fields(
        row -> {
          List<String> tokens = words(row, words);
          if (tokens.isEmpty()) {
            throw new DataException(
                "column '%s' has no words, expected one at least".formatted(words));
          }
          return new TokensExample(tokens, words(row, column));
        },
        words,
        column);
  }

  private static List<String> words(Fields row, String column) {
    return row.get(column) instanceof String text
        ? BLANKS.splitAsStream(text.strip()).filter(w -> !w.isEmpty()).toList()
        : row.texts(column);
  }

  @Override
  public String toString() {
    return "words '" + words + "' of " + rows;
  }
}
