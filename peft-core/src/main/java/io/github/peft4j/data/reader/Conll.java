package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.format.DataPaths;
import io.github.peft4j.data.format.Kind;
import io.github.peft4j.data.format.Row;
import io.github.peft4j.data.format.Rows;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Reads sentences with a tag for each word as the shared tasks of CoNLL have them: one word a line,
 * with columns separated by tabs or, where a line has none, by blanks. A blank line ends a
 * sentence.
 *
 * <p>Lines that begin with {@code -DOCSTART-} are left out. So are comments: lines that begin with
 * {@code #} and have another number of columns than the first line that does not.
 */
public final class Conll {

  private static final String DOCUMENT = "-DOCSTART-";
  private static final Pattern TAB = Pattern.compile("\t");
  private static final Pattern BLANKS = Pattern.compile("\\s+");

  private Conll() {}

  /**
   * Reads words from the first column and tags from the last.
   *
   * @param path a file, a folder, or a pattern, as for {@link Data#read(String)}
   * @return the sentences
   */
  public static Dataset<TokensExample> read(String path) {
    return read(path, 0, -1);
  }

  /**
   * Reads words from the first column and tags from the last.
   *
   * @param path a file or a folder
   * @return the sentences
   */
  public static Dataset<TokensExample> read(Path path) {
    return read(path.toString());
  }

  /**
   * Reads words and tags from two columns.
   *
   * @param path a file, a folder, or a pattern, as for {@link Data#read(String)}
   * @param wordColumn the column of the words, from 0; a negative number counts from the last,
   *     which is -1
   * @param tagColumn the column of the tags, likewise
   * @return the sentences
   * @throws DataException naming the line, if a line has fewer or more columns than the first, or
   *     there is no such column
   */
  public static Dataset<TokensExample> read(String path, int wordColumn, int tagColumn) {
    Rows lines = Rows.open(path, DataPaths.of(path), Kind.TEXT, List.of());
    int width = width(lines);
    List<TokensExample> sentences = new ArrayList<>();
    List<String> words = new ArrayList<>();
    List<String> tags = new ArrayList<>();
    String file = "";
    int last = 0;
    for (int i = 0; i < lines.size(); i++) {
      Row row = lines.get(i);
      boolean follows = row.file().equals(file) && row.line() == last + 1;
      file = row.file();
      last = row.line();
      List<String> columns = columns(row);
      boolean left = isLeftOut(columns, width);
      if ((!follows || left) && !words.isEmpty()) {
        sentences.add(new TokensExample(words, tags));
        words.clear();
        tags.clear();
      }
      if (!left) {
        words.add(column(row, columns, width, wordColumn));
        tags.add(column(row, columns, width, tagColumn));
      }
    }
    if (!words.isEmpty()) {
      sentences.add(new TokensExample(words, tags));
    }
    if (sentences.isEmpty()) {
      throw new DataException(path + ": there are no sentences, expected one at least");
    }
    return new Dataset<>(sentences);
  }

  private static List<String> columns(Row row) {
    String line = String.valueOf(row.values().get("text"));
    Pattern separator = line.indexOf('\t') >= 0 ? TAB : BLANKS;
    return separator.splitAsStream(line.strip()).map(String::strip).toList();
  }

  /** The number of columns: that of the first line that is no comment. */
  private static int width(Rows lines) {
    for (int i = 0; i < lines.size(); i++) {
      List<String> columns = columns(lines.get(i));
      if (!columns.get(0).startsWith("#") && !columns.get(0).equals(DOCUMENT)) {
        return columns.size();
      }
    }
    return columns(lines.get(0)).size();
  }

  private static boolean isLeftOut(List<String> columns, int width) {
    return columns.get(0).equals(DOCUMENT)
        || (columns.get(0).startsWith("#") && columns.size() != width);
  }

  private static String column(Row row, List<String> columns, int width, int number) {
    if (columns.size() != width) {
      throw new DataException(
          "%s: expected %d columns as in the first line, found %d: '%s'. A blank line ends a sentence"
              .formatted(
                  row.place(), width, columns.size(), Quote.shorten(String.join(" | ", columns))));
    }
    int index = number < 0 ? width + number : number;
    if (index < 0 || index >= width) {
      throw new DataException(
          "%s: there is no column %d: the line has %d".formatted(row.place(), number, width));
    }
    return columns.get(index);
  }
}
