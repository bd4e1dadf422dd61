package io.github.peft4j.chat;

import java.util.List;

/**
 * A conversation as a text.
 *
 * @param text what the model reads, with its special tokens as text
 * @param generations the parts of the text that the assistant writes, if the template marks them by
 *     {@code {% generation %}}; else empty. They are in order
 */
public record RenderedChat(String text, List<Span> generations) {

  /**
   * A part of a text, in Java's characters.
   *
   * @param start its first character
   * @param end the character after its last
   */
  public record Span(int start, int end) {}

  /** Copies the list. */
  public RenderedChat {
    generations = List.copyOf(generations);
  }
}
