package io.github.peft4j.data.batch;

import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.data.tokenizer.Truncation;

/** See {@link Encoder#sequenceToSequence}. */
record SequenceToSequenceEncoder(Tokenizer tokenizer, int maxLength, int maxAnswerLength)
    implements Encoder<PromptExample> {

  SequenceToSequenceEncoder {
    Truncation.requirePositive(maxLength);
    Truncation.requirePositive(maxAnswerLength);
  }

  @Override
  public EncodedExample encode(PromptExample example) {
    Encoding prompt = tokenizer.input(example.prompt(), null);
    Encoding answer = tokenizer.target(example.answer());
    long[] read = cut(prompt, maxLength);
    long[] written = cut(answer, maxAnswerLength);
    return EncodedExample.ofTarget(read, written)
        .cutBy(prompt.ids().length - read.length, answer.ids().length - written.length);
  }

  private static long[] cut(Encoding encoding, int maxLength) {
    return Truncation.pick(encoding.ids(), Truncation.kept(encoding, maxLength));
  }
}
