package io.github.peft4j.data.batch;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An example as token ids. The arrays are shared, not copied: do not change them.
 *
 * @param inputIds the ids that the model reads
 * @param tokenTypeIds the segment of each id, 0 or 1, or null if the model has no segments
 * @param labels the labels to learn; {@code alignment} defines their meaning
 * @param values the numbers to learn, if alignment is {@link Alignment#VALUES}; how alike texts
 *     that belong together are, or nothing, if it is {@link Alignment#NONE}; otherwise empty
 * @param alignment how the labels correspond to the ids
 * @param cut the number of tokens that the example lost because it was too long
 * @param places where each id stands in the text that may have an answer: {starts, ends} as {@code
 *     char} indices, -1 for ids that are not of that text; null if nobody asks
 * @param others further texts that belong to this one, such as the rejected answer beside the
 *     chosen one. All examples of a batch have equally many, and each becomes a row
 * @param rowValues numbers that methods read, by name, such as {@link
 *     io.github.peft4j.data.TaskExample#TASK_IDS}
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays become tensors; nobody compares them.
public record EncodedExample(
    long[] inputIds,
    long @Nullable [] tokenTypeIds,
    long[] labels,
    double[] values,
    Alignment alignment,
    Cut cut,
    int @Nullable [][] places,
    List<EncodedExample> others,
    Map<String, Long> rowValues) {

  private static final double[] NO_VALUES = {};

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
    /** Numbers for the whole text, or whether each of several labels applies to it: 1 or 0. */
    VALUES,
    /** Two labels for the whole text: the places of an answer's first and last token. */
    SPAN,
    /** No labels: what is learnt is which texts belong together. */
    NONE,
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
   * @param labels the labels to learn
   * @param values the numbers to learn
   * @param alignment how the labels correspond to the ids
   * @param cut the number of tokens that the example lost
   * @param places where each id stands in a text, or null
   * @param others further texts that belong to this one
   * @param rowValues numbers that methods read
   */
  public EncodedExample {
    if (inputIds.length == 0) {
      throw new DataException(
          "the example has no tokens, expected one at least",
          Remedy.SKIP_EMPTY.with("Leave such examples out by Dataset.filter"));
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
    if (alignment == Alignment.SPAN && labels.length != 2) {
      throw new IllegalArgumentException("one span, but " + labels.length + " labels");
    }
    boolean valued = alignment == Alignment.VALUES;
    if (values.length > 0 ? !valued && alignment != Alignment.NONE : valued) {
      throw new IllegalArgumentException(
          values.length
              + " values for labels of kind "
              + alignment
              + "; VALUES has one at least; NONE may have some; the others have none");
    }
    others = List.copyOf(others);
    rowValues = Map.copyOf(rowValues);
  }

  /** An example without numbers for methods. */
  public EncodedExample(
      long[] inputIds,
      long @Nullable [] tokenTypeIds,
      long[] labels,
      double[] values,
      Alignment alignment,
      Cut cut,
      int @Nullable [][] places,
      List<EncodedExample> others) {
    this(inputIds, tokenTypeIds, labels, values, alignment, cut, places, others, Map.of());
  }

  /** The same example, and its further texts, with numbers that methods read. */
  public EncodedExample withRowValues(Map<String, Long> rowValues) {
    return new EncodedExample(
        inputIds,
        tokenTypeIds,
        labels,
        values,
        alignment,
        cut,
        places,
        others.stream().map(other -> other.withRowValues(rowValues)).toList(),
        rowValues);
  }

  /** An example that lost no tokens. */
  public EncodedExample(
      long[] inputIds, long @Nullable [] tokenTypeIds, long[] labels, Alignment alignment) {
    this(inputIds, tokenTypeIds, labels, NO_VALUES, alignment, Cut.NONE, null, List.of());
  }

  /**
   * The same example, with the number of tokens that it lost.
   *
   * @param input tokens of the text to read, 0 or more
   * @param answer tokens of the text to write, 0 or more
   * @return the example
   */
  public EncodedExample cutBy(int input, int answer) {
    Cut lost = input + answer == 0 ? Cut.NONE : new Cut(input, answer);
    return new EncodedExample(
        inputIds, tokenTypeIds, labels, values, alignment, lost, places, others, rowValues);
  }

  /** The same example with further texts that belong to it. */
  public EncodedExample with(EncodedExample... others) {
    return new EncodedExample(
        inputIds, tokenTypeIds, labels, values, alignment, cut, places, List.of(others), rowValues);
  }

  /** The same example with the places of its ids. */
  EncodedExample at(int[] starts, int[] ends) {
    int[][] at = {starts, ends};
    return new EncodedExample(
        inputIds, tokenTypeIds, labels, values, alignment, cut, at, others, rowValues);
  }

  /** The same example with other ids and labels, which are as many. */
  EncodedExample drawn(long[] ids, long[] drawn) {
    return new EncodedExample(
        ids, tokenTypeIds, drawn, values, alignment, cut, places, others, rowValues);
  }

  /** This example's texts: this one and the others. */
  public List<EncodedExample> texts() {
    List<EncodedExample> texts = new ArrayList<>();
    texts.add(this);
    texts.addAll(others);
    return texts;
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
   * A text with numbers, or with whether each of several labels applies to it.
   *
   * @param inputIds the ids
   * @param tokenTypeIds the segment of each id, or null
   * @param values the numbers, one at least; 1 and 0 for labels
   * @return the example
   */
  public static EncodedExample ofValues(
      long[] inputIds, long @Nullable [] tokenTypeIds, double[] values) {
    return new EncodedExample(
        inputIds, tokenTypeIds, new long[0], values, Alignment.VALUES, Cut.NONE, null, List.of());
  }

  /**
   * A text with an answer in it.
   *
   * @param inputIds the ids
   * @param tokenTypeIds the segment of each id, or null
   * @param first the place of the answer's first token
   * @param last the place of the answer's last token
   * @return the example
   */
  public static EncodedExample ofSpan(
      long[] inputIds, long @Nullable [] tokenTypeIds, long first, long last) {
    return new EncodedExample(inputIds, tokenTypeIds, new long[] {first, last}, Alignment.SPAN);
  }

  /**
   * A text without labels.
   *
   * @param inputIds the ids
   * @param tokenTypeIds the segment of each id, or null
   * @return the example
   */
  public static EncodedExample unlabelled(long[] inputIds, long @Nullable [] tokenTypeIds) {
    return new EncodedExample(inputIds, tokenTypeIds, new long[0], Alignment.NONE);
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
   * Whether a label counts in the loss.
   *
   * @param next whether each label of an id is predicted by the id before, so that the first never
   *     counts
   */
  public boolean hasLabel(boolean next) {
    boolean ids = alignment == Alignment.TOKEN || alignment == Alignment.TARGET;
    int first = next && alignment == Alignment.TOKEN ? 1 : 0;
    return !ids
        || Arrays.stream(labels).skip(first).anyMatch(label -> label != IGNORED)
        || others.stream().anyMatch(other -> other.hasLabel(next));
  }

  /**
   * The number of ids.
   *
   * @return the number of ids
   */
  public int length() {
    return inputIds.length;
  }

  /** The ids, and what is learnt of them. */
  @Override
  public String toString() {
    return "ids %s, labels %s%s%s"
        .formatted(
            Arrays.toString(inputIds),
            values.length > 0 ? Arrays.toString(values) : Arrays.toString(labels),
            cut.tokens() == 0 ? "" : ", cut by %d tokens".formatted(cut.tokens()),
            others.isEmpty() ? "" : ", with " + others);
  }
}
