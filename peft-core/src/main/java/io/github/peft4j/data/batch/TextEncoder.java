package io.github.peft4j.data.batch;

import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.tokenizer.Ids;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import java.util.Arrays;

/** See {@link Encoder#text}. */
record TextEncoder(Tokenizer tokenizer, int maxLength) implements Encoder<TextExample> {

  TextEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(TextExample example) {
    long[] ids = Ids.closed(tokenizer.encodeText(example.text()), tokenizer);
    long[] kept = ids.length <= maxLength ? ids : Arrays.copyOf(ids, maxLength);
    return EncodedExample.ofTokens(kept, kept).cutBy(ids.length - kept.length, 0);
  }
}
