package io.github.peft4j.data.batch;

import io.github.peft4j.data.AnswerTooLongException;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.tokenizer.Ids;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import java.util.Arrays;

/** See {@link Encoder#preference}. */
record PreferenceEncoder(Tokenizer tokenizer, int maxLength) implements Encoder<PreferenceExample> {

  PreferenceEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(PreferenceExample example) {
    long[] prompt = Ids.open(tokenizer.encode(example.prompt()), tokenizer);
    long[] chosen = text(example.prompt() + example.chosen());
    long[] rejected = text(example.prompt() + example.rejected());
    int start = Math.min(common(prompt, chosen), common(prompt, rejected));
    if (start >= maxLength) {
      int needed = Math.max(chosen.length, rejected.length);
      throw new AnswerTooLongException(
          "the prompt alone has %d tokens, and maxLength is %d, so that nothing is left of the answers. Raise it to %d or filter such examples out"
              .formatted(start, maxLength, needed),
          needed);
    }
    return row(chosen, start).with(row(rejected, start));
  }

  /** Prompt and answer as one text: tokens may reach over the border. */
  private long[] text(String text) {
    return Ids.closed(tokenizer.encode(text), tokenizer);
  }

  private EncodedExample row(long[] ids, int start) {
    long[] kept = ids.length <= maxLength ? ids : Arrays.copyOf(ids, maxLength);
    long[] labels = kept.clone();
    Arrays.fill(labels, 0, start, EncodedExample.IGNORED);
    return EncodedExample.ofTokens(kept, labels).cutBy(0, ids.length - kept.length);
  }

  private static int common(long[] ids, long[] others) {
    int differ = Arrays.mismatch(ids, others);
    return differ < 0 ? ids.length : differ;
  }
}
