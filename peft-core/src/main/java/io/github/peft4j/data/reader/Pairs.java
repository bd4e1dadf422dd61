package io.github.peft4j.data.reader;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.format.Row;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Pairs of texts of a table. */
public final class Pairs {

  private final TableRows rows;
  private final Column text;
  private final @Nullable Column pair;

  Pairs(TableRows rows, Column text, @Nullable Column pair) {
    this.rows = rows;
    this.text = text;
    this.pair = pair;
  }

  private @Nullable String second(Row row) {
    return pair == null ? null : pair.text(row);
  }

  /**
   * Takes the labels from a column, as {@link Texts#label}.
   *
   * @param column a column or a template
   * @return the labelled examples
   */
  public Dataset<ClassificationExample> label(String column) {
    Column label = rows.column(column);
    LabelCheck check = new LabelCheck();
    rows.each(row -> check.one(label, row));
    return rows.examples(
        row -> new ClassificationExample(text.text(row), second(row), label.label(row)));
  }

  /**
   * Takes numbers to predict from a column, as {@link Texts#score}.
   *
   * @param column a column or a template
   * @return the pairs with their numbers
   */
  public Dataset<RegressionExample> score(String column) {
    Column score = rows.column(column);
    return rows.examples(
        row -> new RegressionExample(text.text(row), second(row), score.number(row)));
  }

  /**
   * Takes how alike the texts of each pair are from a column, for embeddings.
   *
   * @param column a column or a template: a cosine from -1 to 1, or 1 for alike and 0 for not alike
   * @return the pairs with their numbers
   * @throws DataException naming the line, if a value is no finite number
   */
  public Dataset<ScoredPair> similarity(String column) {
    Column score = rows.column(column);
    Column other = Objects.requireNonNull(pair);
    return rows.examples(row -> new ScoredPair(text.text(row), other.text(row), score.number(row)));
  }

  /**
   * Takes the labels of several classes at once, as {@link Texts#labels(String)}.
   *
   * @param column the column: lists of names or numbers
   * @return the pairs with their labels
   */
  public Dataset<MultiLabelExample> labels(String column) {
    return several(column, row -> row.labels(column));
  }

  /**
   * Takes the labels of several classes at once, as {@link Texts#labels(String, String)}.
   *
   * @param column the column
   * @param separator what stands between labels
   * @return the pairs with their labels
   */
  public Dataset<MultiLabelExample> labels(String column, String separator) {
    Pattern between = Pattern.compile(Pattern.quote(separator));
    return several(
        column,
        row ->
            row.text(column).isBlank()
                ? List.of()
                : between.splitAsStream(row.text(column)).map(String::strip).toList());
  }

  private Dataset<MultiLabelExample> several(String column, Function<Fields, List<String>> labels) {
    rows.existing(column);
    LabelCheck check = new LabelCheck();
    rows.each(row -> check.several(column, labels.apply(new Fields(row.values())), row.position()));
    return rows.examples(row -> labelled(row, labels.apply(new Fields(row.values()))));
  }

  private MultiLabelExample labelled(Row row, List<String> labels) {
    return new MultiLabelExample(text.text(row), second(row), labels);
  }

  /**
   * Takes the labels of several classes at once, as {@link Texts#flags}.
   *
   * @param columns the columns
   * @return the pairs with their labels
   */
  public Dataset<MultiLabelExample> flags(String... columns) {
    List<String> names = List.of(columns);
    names.forEach(rows::existing);
    return rows.examples(
        row -> labelled(row, names.stream().filter(new Fields(row.values())::flag).toList()));
  }

  @Override
  public String toString() {
    return (pair == null ? "texts '" + text + "'" : "pairs '" + text + "' and '" + pair + "'")
        + " of "
        + rows;
  }
}
