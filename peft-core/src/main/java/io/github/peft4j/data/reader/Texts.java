package io.github.peft4j.data.reader;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.TextExample;

/** Texts of a table: examples for language modelling, or the first part of a labelled example. */
public final class Texts implements Examples<TextExample> {

  private final TableRows rows;
  private final Column text;

  Texts(TableRows rows, Column text) {
    this.rows = rows;
    this.text = text;
  }

  /**
   * Takes the second text of each pair from a column.
   *
   * @param column a column or a template
   * @return the pairs, to which labels or numbers are added
   */
  public Pairs pair(String column) {
    return new Pairs(rows, text, rows.column(column));
  }

  /**
   * Takes the labels from a column: names or numbers, without surrounding blanks.
   *
   * @param column a column or a template
   * @return the labelled examples
   * @throws DataException naming the line, if a value is not a label (see {@link Table#labelled})
   *     or spells an earlier number or boolean differently, such as 1 and 1.0
   */
  public Dataset<ClassificationExample> label(String column) {
    return alone().label(column);
  }

  /**
   * Takes numbers to predict from a column, such as scores.
   *
   * @param column a column or a template
   * @return the texts with their numbers
   * @throws DataException naming the line, if a value is no finite number
   */
  public Dataset<RegressionExample> score(String column) {
    return alone().score(column);
  }

  /**
   * Takes the labels of several classes at once from a column of lists.
   *
   * @param column the column: lists of names or numbers, which may be empty
   * @return the texts with their labels
   */
  public Dataset<MultiLabelExample> labels(String column) {
    return alone().labels(column);
  }

  /**
   * Takes the labels of several classes at once from a column of texts such as {@code "fire,
   * flood"}.
   *
   * @param column the column
   * @param separator what stands between labels; blanks around them do not count
   * @return the texts with their labels
   */
  public Dataset<MultiLabelExample> labels(String column, String separator) {
    return alone().labels(column, separator);
  }

  /**
   * Takes the labels of several classes at once from columns that are named as the classes, with 1
   * or true for the texts of a class, and 0 or false for others.
   *
   * @param columns the columns
   * @return the texts with their labels, in the order of the columns
   */
  public Dataset<MultiLabelExample> flags(String... columns) {
    return alone().flags(columns);
  }

  private Pairs alone() {
    return new Pairs(rows, text, null);
  }

  @Override
  public Dataset<TextExample> dataset() {
    return rows.examples(row -> new TextExample(text.text(row)));
  }

  @Override
  public String toString() {
    return "texts '" + text + "' of " + rows;
  }
}
