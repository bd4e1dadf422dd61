package io.github.peft4j.spark;

import io.github.peft4j.data.reader.TemplateColumns;
import java.io.Serializable;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the columns of training data mean.
 *
 * @param columns those that are used
 * @param needed those of them that may not be null
 * @param label the column of the classes, or null
 * @param source makes the examples
 * @param each whether each row is an example
 */
record RowRoles(
    List<String> columns,
    Set<String> needed,
    @Nullable String label,
    ExampleSource source,
    boolean each)
    implements Serializable {

  /** Any examples, of columns none of which may be null. */
  static RowRoles of(ExampleSource source, List<String> columns) {
    return new RowRoles(columns, Set.copyOf(columns), null, source, false);
  }

  /**
   * Texts with one class each.
   *
   * @param text a column or a template
   */
  static RowRoles labelled(String text, String label) {
    return ofTemplates(
        TemplateColumns.of(text),
        new TemplateColumns(Set.of(label), Set.of(label)),
        label,
        table -> table.text(text).label(label));
  }

  /**
   * Prompts and answers.
   *
   * @param prompt a column or a template
   * @param answer a column or a template
   */
  static RowRoles answered(String prompt, String answer) {
    return ofTemplates(
        TemplateColumns.of(prompt),
        TemplateColumns.of(answer),
        null,
        table -> table.prompt(prompt).answer(answer));
  }

  private static RowRoles ofTemplates(
      TemplateColumns input, TemplateColumns output, @Nullable String label, ExampleSource source) {
    return new RowRoles(
        List.copyOf(union(input.named(), output.named())),
        Set.copyOf(union(input.needed(), output.needed())),
        label,
        source,
        true);
  }

  private static Set<String> union(Set<String> one, Set<String> other) {
    Set<String> both = new LinkedHashSet<>(one);
    both.addAll(other);
    return both;
  }
}
