package io.github.peft4j.data.batch;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.data.tokenizer.Truncation;
import org.jspecify.annotations.Nullable;

/** See {@link Encoder#regression} and {@link Encoder#multiLabel}. */
record ValuesEncoder(Tokenizer tokenizer, int maxLength) {

  ValuesEncoder {
    Truncation.requirePositive(maxLength);
  }

  EncodedExample encode(RegressionExample example) {
    return encode(example.text(), example.pair(), new double[] {example.value()});
  }

  EncodedExample encode(MultiLabelExample example, Labels labels) {
    double[] applies = new double[labels.size()];
    for (String label : example.labels()) {
      applies[labels.id(label)] = 1;
    }
    return encode(example.text(), example.pair(), applies);
  }

  private EncodedExample encode(String text, @Nullable String pair, double[] values) {
    Encoding encoding = tokenizer.input(text, pair);
    int[] kept = Truncation.kept(encoding, maxLength);
    return EncodedExample.ofValues(
            Truncation.pick(encoding.ids(), kept),
            Truncation.pick(encoding.typeIds(), kept),
            values)
        .cutBy(encoding.ids().length - kept.length, 0);
  }

  static Encoder<RegressionExample> regression(Tokenizer tokenizer, int values, int maxLength) {
    if (values != 1) {
      throw new DataException(
          "the model gives %d numbers for each text, but the data has one; load the model with Task.regression()"
              .formatted(values));
    }
    return new ValuesEncoder(tokenizer, maxLength)::encode;
  }

  static Encoder<MultiLabelExample> multiLabel(Tokenizer tokenizer, Labels labels, int maxLength) {
    ValuesEncoder encoder = new ValuesEncoder(tokenizer, maxLength);
    return example -> encoder.encode(example, labels);
  }
}
