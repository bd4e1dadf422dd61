package io.github.peft4j.data.reader;

import java.util.List;

/** Texts of a table, for embeddings. */
public final class Anchors {

  private final TableRows rows;
  private final Column anchor;

  Anchors(TableRows rows, Column anchor) {
    this.rows = rows;
    this.anchor = anchor;
  }

  /**
   * Takes the texts that belong to the anchors from a column.
   *
   * @param column a column or a template
   * @return the pairs, to which {@link Positives#negative} may add texts that do not belong to them
   */
  public Positives positive(String column) {
    return new Positives(rows, anchor, rows.column(column), List.of());
  }

  @Override
  public String toString() {
    return "anchors '" + anchor + "' of " + rows;
  }
}
