package io.github.peft4j.generate.logits;

import java.util.Arrays;

/** A text that is being generated, as token ids. It never changes; a longer text is a new draft. */
public final class Draft {

  private final long[] prompt;
  private final long[] ids;
  private final int opening;

  private Draft(long[] prompt, long[] ids, int opening) {
    this.prompt = prompt;
    this.ids = ids;
    this.opening = opening;
  }

  /**
   * A text without new tokens.
   *
   * @param prompt ids of the prompt
   * @param opening ids that the decoder begins with: a decoder's prompt, or an encoder-decoder's
   *     start token
   */
  public static Draft of(long[] prompt, long[] opening) {
    return new Draft(prompt.clone(), opening.clone(), opening.length);
  }

  /** A copy with one more token. */
  public Draft append(long id) {
    long[] longer = Arrays.copyOf(ids, ids.length + 1);
    longer[ids.length] = id;
    return new Draft(prompt, longer, opening);
  }

  /** The ids of the prompt, without padding. An encoder-decoder's encoder reads them. */
  public long[] prompt() {
    return prompt.clone();
  }

  /**
   * The ids that the decoder reads, without padding: a decoder's prompt or an encoder-decoder's
   * start token, then the new tokens.
   */
  public long[] ids() {
    return ids.clone();
  }

  /** The number of {@link #ids}. */
  public int length() {
    return ids.length;
  }

  /** The number of new tokens. */
  public int newTokens() {
    return ids.length - opening;
  }

  /** The new tokens. */
  public long[] newIds() {
    return Arrays.copyOfRange(ids, opening, ids.length);
  }

  /** The last of the {@link #ids}. */
  public long last() {
    return ids[ids.length - 1];
  }

  @Override
  public String toString() {
    return Arrays.toString(ids);
  }
}
