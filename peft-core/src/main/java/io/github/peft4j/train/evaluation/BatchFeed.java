package io.github.peft4j.train.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.KeptStates;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PackedTexts;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** Turns batches into the arrays that a model takes. */
public final class BatchFeed {

  private BatchFeed() {}

  /** The model's input for a batch. */
  public static ModelInput input(TransformerModel model, Batch batch) {
    NDManager manager = model.manager();
    ModelInput input =
        ModelInput.of(manager, batch.inputIds(), batch.attentionMask())
            .withTypes(manager, batch.tokenTypeIds());
    int[][] packed = batch.packed();
    if (packed != null) {
      input = input.withTexts(PackedTexts.of(manager, packed, batch.length()));
    }
    Map<String, NDArray> values = new HashMap<>();
    batch.rowValues().forEach((name, numbers) -> values.put(name, manager.create(numbers)));
    input = input.withRowValues(values);
    return switch (model.task().type()) {
      case SEQ_2_SEQ_LM -> input.decoding(manager, model.shiftRight(batch.labels()));
      case CAUSAL_LM ->
          batch.alignment() == Alignment.TOKEN
              ? input.withGiven(ModelInput.array(manager, given(batch)))
              : input;
      default -> input;
    };
  }

  /** The rows of a batch, to keep their states, with all that these depend on. */
  public static KeptStates.Rows rows(KeptStates store, Batch batch) {
    int[] lengths = new int[batch.size()];
    int[] decoderLengths = new int[batch.size()];
    List<LongBuffer> tokens = new ArrayList<>();
    for (int b = 0; b < lengths.length; b++) {
      lengths[b] = (int) Arrays.stream(batch.attentionMask()[b]).sum();
      LongStream row = Arrays.stream(batch.inputIds()[b], 0, lengths[b]);
      long[][] types = batch.tokenTypeIds();
      if (types != null) {
        row = LongStream.concat(row, Arrays.stream(types[b], 0, lengths[b]));
      }
      if (batch.alignment() == Alignment.TARGET) { // a decoder reads the labels
        long[] labels = batch.labels()[b];
        int last = labels.length;
        while (last > 0 && labels[last - 1] == LossTargets.IGNORED) {
          last--;
        }
        decoderLengths[b] = last;
        row =
            LongStream.concat(
                LongStream.concat(row, LongStream.of(-1)), Arrays.stream(labels, 0, last));
      }
      for (Map.Entry<String, long[]> values : new TreeMap<>(batch.rowValues()).entrySet()) {
        row = LongStream.concat(row, LongStream.of(-2, values.getValue()[b]));
      }
      if (batch.alignment() == Alignment.TOKEN) { // prompts made of what is given
        row = LongStream.concat(row, LongStream.of(-3, firstLabel(batch, b)));
      }
      tokens.add(LongBuffer.wrap(row.toArray()));
    }
    return new KeptStates.Rows(store, tokens, lengths, decoderLengths);
  }

  /** The tokens before the first label of a row. */
  private static long[][] given(Batch batch) {
    long[][] given = new long[batch.size()][];
    for (int b = 0; b < given.length; b++) {
      given[b] = batch.attentionMask()[b].clone();
      Arrays.fill(given[b], firstLabel(batch, b), given[b].length, 0);
    }
    return given;
  }

  private static int firstLabel(Batch batch, int row) {
    long[] labels = batch.labels()[row];
    int first = 0;
    while (first < labels.length && labels[first] == LossTargets.IGNORED) {
      first++;
    }
    return first;
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
