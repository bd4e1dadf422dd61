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
   * @throws DataException naming the line, if the lists differ in length, or a tag is blank, a
   *     negative number such as -100, or a word that tools write for a missing value
   */
  public Dataset<TokensExample> tags(String column) {
    LabelCheck check = new LabelCheck();
    return rows.fields(
        row -> {
          List<String> tokens = words(row, words);
          if (tokens.isEmpty()) {
            throw new DataException(
                "column '%s' has no words, expected one at least".formatted(words));
          }
          List<String> tags = words(row, column);
          tags.forEach(tag -> check.tag(column, tag));
          try {
            return new TokensExample(tokens, tags);
          } catch (DataException e) {
            throw new DataException(
                "columns '%s' and '%s': %s".formatted(words, column, e.getMessage()), e);
          }
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
