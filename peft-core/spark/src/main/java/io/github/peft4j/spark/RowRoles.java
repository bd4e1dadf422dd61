package io.github.peft4j.spark;

import java.io.Serializable;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the columns of training data mean.
 *
 * @param columns those that are used
 * @param label the column of the classes, or null
 * @param source makes the examples
 * @param each whether each row is an example
 */
record RowRoles(
    List<String> columns, @Nullable String label, ExampleSource source, boolean each)
    implements Serializable {

  private static final Pattern FIELD = Pattern.compile("\\{([^{}]+)}");

  /** Texts with one class each. */
  static RowRoles labelled(String text, String label) {
    return new RowRoles(List.of(text, label), label, table -> table.text(text).label(label), true);
  }

  /**
   * Prompts and answers.
   *
   * @param prompt a template, with columns in braces
   */
  static RowRoles answered(String prompt, String answer) {
    List<String> columns =
        new java.util.ArrayList<>(
            FIELD.matcher(prompt).results().map(match -> match.group(1)).toList());
    if (columns.isEmpty()) {
      throw new IllegalArgumentException(
          "prompt(\"%s\") has no column: write the name of a column in braces, such as {question}"
              .formatted(prompt));
    }
    columns.add(answer);
    return new RowRoles(columns, null, table -> table.prompt(prompt).answer(answer), true);
  }
}
