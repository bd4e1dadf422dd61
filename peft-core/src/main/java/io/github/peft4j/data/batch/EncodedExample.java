package io.github.peft4j.data.batch;

import io.github.peft4j.data.DataException;
import org.jspecify.annotations.Nullable;

/**
 * An example as token ids. The arrays are shared, not copied: do not change them.
 *
 * @param inputIds the ids that the model reads
 * @param tokenTypeIds the segment of each id, 0 or 1, or null if the model has no segments
 * @param labels the values to learn; {@code alignment} defines their meaning
 * @param alignment how the labels correspond to the ids
 * @param cut the number of tokens that the example lost because it was too long
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays become tensors; nobody compares them.
public record EncodedExample(
    long[] inputIds, long @Nullable [] tokenTypeIds, long[] labels, Alignment alignment, Cut cut) {

  /** The label that is ignored in the loss, as in PyTorch's cross entropy. */
  public static final long IGNORED = -100;

  /**
   * The number of tokens that an example lost.
   *
   * @param input tokens of the text to read, 0 or more
   * @param answer tokens of the text to write, 0 or more
   */
  public record Cut(int input, int answer) {

    /** No tokens were lost. */
    public static final Cut NONE = new Cut(0, 0);

    /** The number of tokens that were lost. */
    public int tokens() {
      return input + answer;
    }
  }

  /** How labels correspond to ids. */
  public enum Alignment {
    /** One label for the whole text: a class. */
    TEXT,
    /** One label for each id. Those of a language model are the ids themselves, not shifted. */
    TOKEN,
    /** The labels are a separate text that the decoder of an encoder-decoder has to write. */
    TARGET
  }

  /**
   * Checks that the lengths agree.
   *
   * @param inputIds the ids that the model reads
   * @param tokenTypeIds the segment of each id, 0 or 1, or null
   * @param labels the values to learn
   * @param alignment how the labels correspond to the ids
   * @param cut the number of tokens that the example lost
   */
  public EncodedExample {
    if (inputIds.length == 0) {
      throw new DataException("the example has no tokens, expected one at least");
    }
    if (tokenTypeIds != null && tokenTypeIds.length != inputIds.length) {
      throw new IllegalArgumentException(
          inputIds.length + " ids, but " + tokenTypeIds.length + " token types");
    }
    if (alignment == Alignment.TOKEN && labels.length != inputIds.length) {
      throw new IllegalArgumentException(
          inputIds.length + " ids, but " + labels.length + " labels");
    }
    if (alignment == Alignment.TEXT && labels.length != 1) {
      throw new IllegalArgumentException("one text, but " + labels.length + " labels");
    }
  }

  /** An example that lost no tokens. */
  public EncodedExample(
      long[] inputIds, long @Nullable [] tokenTypeIds, long[] labels, Alignment alignment) {
    this(inputIds, tokenTypeIds, labels, alignment, Cut.NONE);
  }

  /** The same example, with the number of tokens that it lost. */
  EncodedExample cutBy(int input, int answer) {
    Cut lost = input + answer == 0 ? Cut.NONE : new Cut(input, answer);
    return new EncodedExample(inputIds, tokenTypeIds, labels, alignment, lost);
  }

  /**
   * A text with one class.
   *
   * @param inputIds the ids
   * @param label the id of the class
   * @return the example
   */
  public static EncodedExample ofText(long[] inputIds, long label) {
    return new EncodedExample(inputIds, null, new long[] {label}, Alignment.TEXT);
  }

  /**
   * A text with a label for each id.
   *
   * @param inputIds the ids
   * @param labels their labels
   * @return the example
   */
  public static EncodedExample ofTokens(long[] inputIds, long[] labels) {
    return new EncodedExample(inputIds, null, labels, Alignment.TOKEN);
  }

  /**
   * A text to read and a text to write.
   *
   * @param inputIds the ids that the encoder reads
   * @param target the ids that the decoder has to write
   * @return the example
   */
  public static EncodedExample ofTarget(long[] inputIds, long[] target) {
    return new EncodedExample(inputIds, null, target, Alignment.TARGET);
  }

  /**
   * The number of ids.
   *
   * @return the number of ids
   */
  public int length() {
    return inputIds.length;
  }
}
