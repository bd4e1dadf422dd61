package io.github.peft4j.data.reader;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.LabelValues;
import io.github.peft4j.data.format.Row;
import java.util.List;

/** Checks, row by row, that all labels of a table are labels, and that no two mean the same. */
final class LabelCheck {

  private final LabelValues values = new LabelValues();

  /** Checks the label of a row. */
  void one(Column column, Row row) {
    String label = column.label(row);
    String problem = LabelValues.problem(label);
    if (problem != null) {
      throw new DataException(
          "label '%s' is %s; expected the name or number of a class".formatted(column, problem),
          Remedy.SKIP_UNLABELLED.with(
              ("Leave out the rows without a label by .labelled(\"%s\") before .text; if it is a"
                      + " class, give it a name in the file or by a template such as \"class {%s}\"")
                  .formatted(column, column),
              column));
    }
    String contradiction = values.contradiction(label, row.position());
    if (contradiction != null) {
      throw new DataException("label '%s' is %s".formatted(column, contradiction));
    }
  }

  /** Checks a tag of a word. */
  void tag(String column, String tag) {
    String problem = LabelValues.problem(tag);
    if (problem != null) {
      throw new DataException(
          "a tag of '%s' is %s; expected the name or number of a class for each word"
              .formatted(column, problem));
    }
  }

  /** Checks the labels of a row that has several. */
  void several(String column, List<String> labels, String position) {
    for (String label : labels) {
      String problem = LabelValues.problem(label);
      problem = problem == null ? values.contradiction(label, position) : problem;
      if (problem != null) {
        throw new DataException("a label of '%s' is %s".formatted(column, problem));
      }
    }
  }
}
