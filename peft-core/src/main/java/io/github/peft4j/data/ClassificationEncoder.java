package io.github.peft4j.data;

import io.github.peft4j.data.EncodedExample.Alignment;
import io.github.peft4j.data.Tokenizer.Encoding;

/** See {@link Encoder#classification}. */
record ClassificationEncoder(Tokenizer tokenizer, Labels labels, int maxLength)
    implements Encoder<ClassificationExample> {

  ClassificationEncoder {
    Truncation.requirePositive(maxLength);
  }

  @Override
  public EncodedExample encode(ClassificationExample example) {
    Encoding encoding = tokenizer.encoding(example.text(), example.pair());
    int[] kept = Truncation.kept(encoding, maxLength);
    return new EncodedExample(
            Truncation.pick(encoding.ids(), kept),
            Truncation.pick(encoding.typeIds(), kept),
            new long[] {labels.id(example.label())},
            Alignment.TEXT)
        .cutBy(encoding.ids().length - kept.length, 0);
  }
}
