package io.github.peft4j.data;

import io.github.peft4j.data.Tokenizer.Encoding;

/** See {@link Encoder#sequenceToSequence}. */
record SequenceToSequenceEncoder(Tokenizer tokenizer, int maxLength, int maxAnswerLength)
    implements Encoder<PromptExample> {

  SequenceToSequenceEncoder {
    Truncation.requirePositive(maxLength);
    Truncation.requirePositive(maxAnswerLength);
  }

  @Override
  public EncodedExample encode(PromptExample example) {
    return EncodedExample.ofTarget(
        ids(example.prompt(), maxLength), ids(example.answer(), maxAnswerLength));
  }

  private long[] ids(String text, int maxLength) {
    Encoding encoding = tokenizer.encoding(text, null);
    return Truncation.pick(encoding.ids(), Truncation.kept(encoding, maxLength));
  }
}
