package io.github.peft4j.cli;

import io.github.peft4j.data.reader.Table;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The columns of a table that have the roles of a task.
 *
 * @param named the columns by role that {@code --column} names; other roles are columns of the same
 *     name
 * @param separator what stands between the labels of a text; null if they are lists
 */
record Columns(Table table, Map<String, String> named, @Nullable String separator) {

  /** The column of a role. */
  String of(String role) {
    return named.getOrDefault(role, role);
  }

  /** Whether there is a column for a role that may be missing. */
  boolean has(String role) {
    return named.containsKey(role) || table.columns().contains(role);
  }
}
