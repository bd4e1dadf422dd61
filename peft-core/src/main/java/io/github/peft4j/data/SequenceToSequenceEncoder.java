package io.github.peft4j.data;

import ai.djl.huggingface.tokenizers.Encoding;
import io.github.peft4j.data.EncodedExample.Alignment;

/** See {@link Encoder#sequenceToSequence}. */
record SequenceToSequenceEncoder(Tokenizer tokenizer, int maxLength, int maxAnswerLength)
    implements Encoder<PromptExample> {

  SequenceToSequenceEncoder {
    Truncation.requirePositive(maxLength);
    Truncation.requirePositive(maxAnswerLength);
  }

  @Override
  public EncodedExample encode(PromptExample example) {
    return new EncodedExample(
        ids(example.prompt(), maxLength),
        null,
        ids(example.answer(), maxAnswerLength),
        Alignment.TARGET);
  }

  private long[] ids(String text, int maxLength) {
    Encoding encoding = tokenizer.encoding(text, null);
    return Truncation.pick(encoding.getIds(), Truncation.kept(encoding, maxLength));
  }
}
