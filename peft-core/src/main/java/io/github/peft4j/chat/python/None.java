package io.github.peft4j.chat.python;

/** Python's {@code None}. */
public enum None {
  /** The only value. */
  NONE
}
