package io.github.peft4j.data.format;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A row of a file.
 *
 * @param file the file, for messages
 * @param line the line on which it starts, from 1; 0 where there are no lines
 * @param position the line or the number of the row, for messages
 * @param values the values by column, as {@link io.github.peft4j.data.Values}; an absent value may
 *     be missing or null
 */
public record Row(String file, int line, String position, Map<String, @Nullable Object> values) {

  /** The file and the position in it, for messages. */
  public String place() {
    return place(file, position);
  }

  static String place(String file, String position) {
    return file + ", " + position;
  }
}
