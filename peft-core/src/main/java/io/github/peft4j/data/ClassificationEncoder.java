package io.github.peft4j.data;

import ai.djl.huggingface.tokenizers.Encoding;
import io.github.peft4j.data.EncodedExample.Alignment;

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
        Truncation.pick(encoding.getIds(), kept),
        Truncation.pick(encoding.getTypeIds(), kept),
        new long[] {labels.id(example.label())},
        Alignment.TEXT);
  }
}
