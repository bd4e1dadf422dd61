package io.github.peft4j.data.batch;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.tokenizer.AlignedEncoding;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import io.github.peft4j.data.tokenizer.Windows;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * A question and a part of the text that may answer it, as one row of a batch: the features of
 * transformers' run_qa.py. Tokenizers that pad on the left put the text before the question.
 *
 * @param inputIds the ids
 * @param tokenTypeIds the segment of each id
 * @param starts where each token begins in the text, a {@code char} index; -1 for tokens of the
 *     question and special tokens
 * @param ends where it ends, exclusive; -1 for the others
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays become tensors; nobody compares them.
public record QuestionWindow(long[] inputIds, long[] tokenTypeIds, int[] starts, int[] ends) {

  /** The number of the text's tokens that windows share, as in run_qa.py. */
  public static final int STRIDE = 128;

  /**
   * The windows of a text.
   *
   * @param maxLength the most ids of a window
   * @param stride the number of the text's tokens that a window shares with the one before it;
   *     {@link #STRIDE} is lowered where windows are short
   * @return one window at least
   * @throws DataException if the question leaves no room for the text
   */
  public static List<QuestionWindow> of(
      Tokenizer tokenizer, String question, String context, int maxLength, int stride) {
    String asked = question.stripLeading(); // as run_qa.py, for questions with many blanks
    boolean textFirst = tokenizer.padsOnLeft();
    AlignedEncoding whole =
        textFirst ? tokenizer.aligned(context, asked) : tokenizer.aligned(asked, context);
    int text = textFirst ? 0 : 1;
    long others = 0;
    for (int i = 0; i < whole.length(); i++) {
      others += whole.isOf(i, text) ? 0 : 1;
    }
    int room = maxLength - (int) others;
    if (room < 1 && whole.length() > maxLength) {
      throw new DataException(
          "the question has %d tokens with the special ones, but maxLength is %d. Shorten it, or raise maxLength"
              .formatted(others, maxLength));
    }
    int shared = stride == STRIDE ? Math.min(STRIDE, room / 2) : stride;
    return Windows.of(whole, text, maxLength, Math.max(0, shared)).stream()
        .map(kept -> of(whole, text, kept))
        .toList();
  }

  private static QuestionWindow of(AlignedEncoding whole, int text, int[] kept) {
    return new QuestionWindow(
        Truncation.pick(whole.encoding().ids(), kept),
        Truncation.pick(whole.encoding().typeIds(), kept),
        Arrays.stream(kept).map(i -> whole.isOf(i, text) ? whole.starts()[i] : -1).toArray(),
        Arrays.stream(kept).map(i -> whole.isOf(i, text) ? whole.ends()[i] : -1).toArray());
  }

  /** The number of ids. */
  public int length() {
    return inputIds.length;
  }

  /** Whether a token is of the text. */
  public boolean isText(int token) {
    return starts[token] >= 0;
  }

  /**
   * The labels: the places of the first and the last token of the first answer. If there is no
   * answer, or it is not all in this window, both are the place of the token that stands for the
   * whole row: {@code [CLS]}, or that of the beginning, or the first.
   *
   * @param tokenizer the tokenizer of this window
   * @param answers the answers; the first counts
   */
  public EncodedExample labelled(List<QuestionExample.Answer> answers, Tokenizer tokenizer) {
    int from = first();
    int to = last();
    if (answers.isEmpty()
        || from < 0
        || starts[from] > answers.get(0).start()
        || ends[to] < answers.get(0).end()) {
      int none = standing(tokenizer);
      return EncodedExample.ofSpan(inputIds, tokenTypeIds, none, none).at(starts, ends);
    }
    QuestionExample.Answer answer = answers.get(0);
    int first = from;
    while (first < to && starts[first + 1] <= answer.start()) {
      first++;
    }
    int last = to;
    while (last > from && ends[last - 1] >= answer.end()) {
      last--;
    }
    return EncodedExample.ofSpan(inputIds, tokenTypeIds, first, last).at(starts, ends);
  }

  /**
   * The window that an example was made of.
   *
   * @throws IllegalArgumentException if it was made of something else
   */
  public static QuestionWindow of(EncodedExample example) {
    int[][] places = example.places();
    if (places == null) {
      throw new IllegalArgumentException("the example is not a window of a text with a question");
    }
    long[] types = example.tokenTypeIds();
    return new QuestionWindow(
        example.inputIds(),
        types == null ? new long[example.length()] : types,
        places[0],
        places[1]);
  }

  private int first() {
    for (int i = 0; i < starts.length; i++) {
      if (isText(i)) {
        return i;
      }
    }
    return -1;
  }

  private int last() {
    int last = -1;
    for (int i = 0; i < starts.length; i++) {
      last = isText(i) ? i : last;
    }
    return last;
  }

  private int standing(Tokenizer tokenizer) {
    for (OptionalLong id : List.of(tokenizer.clsId(), tokenizer.bosId())) {
      for (int i = 0; i < inputIds.length && id.isPresent(); i++) {
        if (inputIds[i] == id.getAsLong()) {
          return i;
        }
      }
    }
    return 0;
  }
}
