package io.github.peft4j.methods.golden;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.Arrays;
import java.util.Map;

/**
 * What a model's cases are computed on: {@code input_ids}, {@code attention_mask}, labels or
 * positions.
 *
 * @param tensors of the model's cases
 * @param ofCase further inputs that a case may have, such as {@code task_ids}
 */
record GoldenBatch(TensorSource tensors, TensorSource ofCase) {

  /**
   * The input.
   *
   * @param peft whether PEFT computed with it: its class for question answering passes no segments
   *     on to the model
   */
  ModelInput input(PeftModel model, boolean peft) {
    boolean drops = peft && model.base().task().type() == Task.Type.QUESTION_ANS;
    NDManager manager = model.base().manager();
    ModelInput input = ModelInput.of(manager, rows("input_ids"), rows("attention_mask"));
    if (tensors.names().contains("token_type_ids") && !drops) {
      input = input.withTypes(ModelInput.array(manager, rows("token_type_ids")));
    }
    if (ofCase.names().contains(TaskExample.TASK_IDS)) {
      NDArray tasks = manager.create(ofCase.longs(TaskExample.TASK_IDS));
      input = input.withRowValues(Map.of(TaskExample.TASK_IDS, tasks));
    }
    if (model.base().task().type() != Task.Type.SEQ_2_SEQ_LM) {
      return input;
    }
    long[][] shifted = model.base().shiftRight(rows("labels"));
    return input.decoding(ModelInput.array(manager, shifted));
  }

  LossTargets targets(PeftModel model) {
    return switch (model.base().task().type()) {
      case SEQ_CLS -> new LossTargets.Classes(tensors.longs("labels"));
      case TOKEN_CLS, SEQ_2_SEQ_LM, MASKED_LM -> new LossTargets.Tokens(rows("labels"));
      case CAUSAL_LM -> new LossTargets.NextTokens(rows("labels"));
      case QUESTION_ANS ->
          new LossTargets.Spans(
              tensors.longs("start_positions"),
              tensors.longs("end_positions"),
              tensors.info("input_ids").shape()[1]);
      case FEATURE_EXTRACTION -> throw new IllegalArgumentException("no head, no labels");
    };
  }

  /**
   * Sets to 0 what (B, T, N) holds at positions of padding, which mean nothing: to a query that
   * sees no key PyTorch's fused attention gives 0 on CUDA and the mean of all values on a CPU. In a
   * causal model that are positions before a row's first token, in DeBERTa all of padding.
   */
  void clearPadding(float[] logits) {
    long[][] mask = rows("attention_mask");
    int width = mask[0].length;
    int classes = logits.length / (mask.length * width);
    for (int row = 0; row < mask.length; row++) {
      for (int t = 0; t < width; t++) {
        if (mask[row][t] == 0) {
          int start = (row * width + t) * classes;
          Arrays.fill(logits, start, start + classes, 0);
        }
      }
    }
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
