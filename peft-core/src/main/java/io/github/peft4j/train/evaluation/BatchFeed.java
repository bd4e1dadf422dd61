package io.github.peft4j.train.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PackedTexts;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Turns batches into the arrays that a model takes. */
public final class BatchFeed {

  private BatchFeed() {}

  /** The model's input for a batch. */
  public static ModelInput input(TransformerModel model, Batch batch) {
    NDManager manager = model.manager();
    ModelInput input = ModelInput.of(manager, batch.inputIds(), batch.attentionMask());
    long[][] types = batch.tokenTypeIds();
    if (types != null) {
      input = input.withTypes(ModelInput.array(manager, types));
    }
    int[][] packed = batch.packed();
    if (packed != null) {
      input = input.withTexts(PackedTexts.of(manager, packed, batch.length()));
    }
    Map<String, NDArray> values = new HashMap<>();
    batch.rowValues().forEach((name, numbers) -> values.put(name, manager.create(numbers)));
    input = input.withRowValues(values);
    return model.task().type() == Task.Type.SEQ_2_SEQ_LM
        ? input.decoding(ModelInput.array(manager, model.shiftRight(batch.labels())))
        : input;
  }

  /** The labels that the model's outputs are compared with. */
  public static LossTargets targets(TransformerModel model, Batch batch) {
    return switch (batch.alignment()) {
      case VALUES -> new LossTargets.Values(batch.values());
      case NONE -> new LossTargets.None(batch.size(), batch.examples(), batch.values());
      case TARGET -> new LossTargets.Tokens(batch.labels());
      case TOKEN ->
          model.task().type() == Task.Type.CAUSAL_LM
              ? new LossTargets.NextTokens(
                  batch.packed() == null ? batch.labels() : batch.nextLabels())
              : new LossTargets.Tokens(batch.labels());
      case SPAN ->
          new LossTargets.Spans(
              column(batch.labels(), 0), column(batch.labels(), 1), batch.inputIds()[0].length);
      case TEXT -> new LossTargets.Classes(column(batch.labels(), 0));
    };
  }

  /** What a batch counts for in the mean of an objective, see {@link Objective#units}. */
  public static double units(
      Objective objective, Batch batch, TransformerModel model, ActiveAdapters adapters) {
    return objective.units(batch.examples(), model.labels(targets(model, batch), adapters));
  }

  private static long[] column(long[][] rows, int index) {
    return Arrays.stream(rows).mapToLong(row -> row[index]).toArray();
  }
}
