package io.github.peft4j.spark;

import org.jspecify.annotations.Nullable;

/** A row that cannot be used: it says which. */
public final class RowException extends IllegalArgumentException {

  private static final long serialVersionUID = 1;

  private final int partition;
  private final String key;

  RowException(int partition, String key, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.partition = partition;
    this.key = key;
  }

  /** The number of the partition, from 0. */
  public int partition() {
    return partition;
  }

  /** The key column and its value, as {@code id = 17}, or the place of the row in its partition. */
  public String key() {
    return key;
  }
}
