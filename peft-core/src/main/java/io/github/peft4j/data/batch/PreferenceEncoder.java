package io.github.peft4j.data.batch;

import io.github.peft4j.data.AnswerTooLongException;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.tokenizer.Ids;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import java.util.Arrays;

/**
 * Two answers to one prompt as texts that belong together; see {@link Encoder#preference}.
 *
 * @param tokenizer the tokenizer
 * @param maxLength the most ids of a text, above 0
 */
public record PreferenceEncoder(Tokenizer tokenizer, int maxLength)
    implements Encoder<PreferenceExample> {

  /** Checks the length. */
  public PreferenceEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(PreferenceExample example) {
    return pair(
        tokenizer.encodePrompt(example.prompt()),
        text(example.prompt() + example.chosen()),
        text(example.prompt() + example.rejected()),
        maxLength);
  }

  /** Prompt and answer as one text: tokens may reach over the border. */
  private long[] text(String text) {
    return Ids.closed(tokenizer.encodeText(text), tokenizer);
  }

  /**
   * The chosen text, with the rejected one. Answers begin where the ids of the prompt alone end, or
   * where those of either text differ from them.
   *
   * @param prompt ids of the prompt alone
   * @param chosen ids of the prompt and the chosen answer
   * @param rejected ids of the prompt and the rejected answer
   * @param maxLength the most ids of a text. Longer ones lose ids at their end
   * @throws AnswerTooLongException if nothing would be left of the answers
   */
  public static EncodedExample pair(long[] prompt, long[] chosen, long[] rejected, int maxLength) {
    int start = Math.min(Ids.common(prompt, chosen), Ids.common(prompt, rejected));
    if (start >= maxLength) {
      int needed = Math.max(chosen.length, rejected.length);
      throw new AnswerTooLongException(
          "the prompt alone has %d tokens, and maxLength is %d, so that nothing is left of the answers"
              .formatted(start, maxLength),
          needed);
    }
    return row(chosen, start, maxLength).with(row(rejected, start, maxLength));
  }

  private static EncodedExample row(long[] ids, int start, int maxLength) {
    long[] kept = ids.length <= maxLength ? ids : Arrays.copyOf(ids, maxLength);
    long[] labels = kept.clone();
    Arrays.fill(labels, 0, start, EncodedExample.IGNORED);
    return EncodedExample.ofTokens(kept, labels).cutBy(0, ids.length - kept.length);
  }
}
