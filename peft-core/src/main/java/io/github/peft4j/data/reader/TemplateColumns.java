package io.github.peft4j.data.reader;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The columns that a template names, for who has to know them before there is a {@link Table}.
 *
 * @param named all columns, in the order of the template
 * @param needed those that every row needs a value of: they stand outside of sections, which are
 *     written as {@code {#input} with {input}{/input}}
 */
public record TemplateColumns(Set<String> named, Set<String> needed) {

  /** Copies the columns, in their order. */
  public TemplateColumns {
    named = Collections.unmodifiableSet(new LinkedHashSet<>(named));
    needed = Collections.unmodifiableSet(new LinkedHashSet<>(needed));
  }

  /**
   * The columns of a template.
   *
   * @param template a template as {@link Table} takes it; a string without braces is the name of a
   *     column
   * @throws IllegalArgumentException if a brace or a section is not closed
   */
  public static TemplateColumns of(String template) {
    Template parsed = Template.parse(template);
    return new TemplateColumns(parsed.columns(), parsed.needed());
  }
}
