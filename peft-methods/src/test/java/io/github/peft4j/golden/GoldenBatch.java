package io.github.peft4j.golden;

import io.github.peft4j.PeftModel;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.transformer.ModelInput;
import io.github.peft4j.transformer.Targets;
import io.github.peft4j.transformer.Task;
import java.util.Arrays;

/** What a model's cases are computed on: {@code input_ids}, {@code attention_mask}, labels. */
record GoldenBatch(TensorSource tensors) {

  ModelInput input(PeftModel model) {
    ModelInput input =
        ModelInput.of(model.base().manager(), rows("input_ids"), rows("attention_mask"));
    if (model.base().task().type() != Task.Type.SEQ_2_SEQ_LM) {
      return input;
    }
    long[][] shifted = model.base().shiftRight(rows("labels"));
    return input.decoding(ModelInput.of(model.base().manager(), shifted, null).ids());
  }

  Targets targets(PeftModel model) {
    return switch (model.base().task().type()) {
      case SEQ_CLS -> new Targets.Classes(tensors.longs("labels"));
      case TOKEN_CLS, SEQ_2_SEQ_LM -> new Targets.Tokens(rows("labels"));
      case CAUSAL_LM -> new Targets.NextTokens(rows("labels"));
    };
  }

  private long[][] rows(String name) {
    long[] flat = tensors.longs(name);
    int width = (int) tensors.info(name).shape()[1];
    long[][] rows = new long[flat.length / width][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(flat, i * width, (i + 1) * width);
    }
    return rows;
  }
}
