package io.github.peft4j.data.reader;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import java.util.List;
import java.util.stream.Stream;

/** Texts of a table with texts that belong to them, for embeddings. */
public final class Positives implements Examples<AnchorExample> {

  private final TableRows rows;
  private final Column anchor;
  private final Column positive;
  private final List<Column> negatives;

  Positives(TableRows rows, Column anchor, Column positive, List<Column> negatives) {
    this.rows = rows;
    this.anchor = anchor;
    this.positive = positive;
    this.negatives = negatives;
  }

  /**
   * Takes texts that do not belong to the anchors from a column.
   *
   * @param column a column or a template
   * @return the same with one more negative text for each anchor
   */
  public Positives negative(String column) {
    return new Positives(
        rows,
        anchor,
        positive,
        Stream.concat(negatives.stream(), Stream.of(rows.column(column))).toList());
  }

  @Override
  public Dataset<AnchorExample> dataset() {
    return rows.examples(
        row ->
            new AnchorExample(
                anchor.text(row),
                positive.text(row),
                negatives.stream().map(negative -> negative.text(row)).toList()));
  }

  @Override
  public String toString() {
    return "anchors '" + anchor + "' with '" + positive + "' of " + rows;
  }
}
