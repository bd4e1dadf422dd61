package io.github.peft4j.data.batch;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.data.tokenizer.Truncation;

/** See {@link Encoder#classification}. */
record ClassificationEncoder(Tokenizer tokenizer, Labels labels, int maxLength)
    implements Encoder<ClassificationExample> {

  ClassificationEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(ClassificationExample example) {
    Encoding encoding = tokenizer.input(example.text(), example.pair());
    int[] kept = Truncation.kept(encoding, maxLength);
    return new EncodedExample(
            Truncation.pick(encoding.ids(), kept),
            Truncation.pick(encoding.typeIds(), kept),
            new long[] {labels.id(example.label())},
            Alignment.TEXT)
        .cutBy(encoding.ids().length - kept.length, 0);
  }
}
