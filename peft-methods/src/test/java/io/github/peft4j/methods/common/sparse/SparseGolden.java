package io.github.peft4j.methods.common.sparse;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.OwnOptimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.assertj.core.data.Offset;

/** Trainings of make_sparse.py: losses of each step, and what is left at the end. */
public final class SparseGolden {

  private static final String PREFIX = "base_model.model.";

  private SparseGolden() {}

  /** Opens a file of make_sparse.py. */
  public static TensorSource open(String name) {
    try {
      return Safetensors.open(
          Path.of(
              Objects.requireNonNull(SparseGolden.class.getResource("/golden-sparse/" + name))
                  .toURI()));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Some rows of a matrix of whole numbers. */
  public static long[][] rows(TensorSource source, String name, int first, int count) {
    long[] flat = source.longs(name);
    int width = flat.length / (int) source.info(name).shape()[0];
    long[][] rows = new long[count][];
    Arrays.setAll(
        rows, i -> Arrays.copyOfRange(flat, (first + i) * width, (first + i + 1) * width));
    return rows;
  }

  /** Trains tiny-bert on the same batches and compares losses, masks and values. */
  public static void assertTrainsAs(String golden, PeftConfig config, int steps, Path folder) {
    assertTrainsAs(golden, config, steps, folder, (source, model) -> {});
  }

  /** The same with a fresh adapter that is changed before the training. */
  public static void assertTrainsAs(
      String golden,
      PeftConfig config,
      int steps,
      Path folder,
      BiConsumer<TensorSource, PeftModel> prepare) {
    Path saved = folder.resolve("saved");
    try (TensorSource source = open(golden);
        PeftModel model = Peft.load(TinyModels.golden("tiny-bert").toString()).adapt(config)) {
      prepare.accept(source, model);
      train(model, source, steps);
      model.save(saved.toString());
      try (TensorSource file = Safetensors.open(saved.resolve("adapter_model.safetensors"))) {
        for (String name : source.names()) {
          String own = PREFIX + name.substring(name.indexOf('.') + 1);
          if (name.startsWith("indices.")) {
            assertThat(Arrays.stream(file.longs(own + ".indices")).sorted().toArray())
                .as(own)
                .isEqualTo(source.longs(name));
          } else if (name.startsWith("values.")) {
            assertThat(inOrder(file.longs(own + ".indices"), file.floats(own + ".values")))
                .as(own)
                .containsExactly(source.floats(name), Offset.offset(1e-4f));
          } else if (name.startsWith("abs.")) {
            assertThat(file.floats(own))
                .as(own)
                .containsExactly(source.floats(name), Offset.offset(1e-4f));
          }
        }
      }
    }
  }

  /** Values in the order of their indices. */
  private static float[] inOrder(long[] indices, float[] values) {
    TreeMap<Long, Float> sorted = new TreeMap<>();
    for (int i = 0; i < values.length; i++) {
      sorted.put(indices[i], values[i]);
    }
    float[] ordered = new float[values.length];
    int next = 0;
    for (float value : sorted.values()) {
      ordered[next++] = value;
    }
    return ordered;
  }

  private static void train(PeftModel model, TensorSource source, int steps) {
    Adapter adapter = model.adapter("default");
    StepListener listener = adapter.listener(TrainingRule.ALIKE);
    float[] losses = source.floats("losses");
    try (AdapterTraining training = model.train("default");
        Optimizer optimizer =
            OwnOptimizer.of(adapter.rewrites().stream().map(Rewrite::layer))
                .of(adapter.groups(TrainingRule.ALIKE, new ParameterGroup(1e-2, 0)), 1e-2)) {
      Backpropagation backpropagation = new Backpropagation(training, Activations.KEPT);
      Update update = new Update(optimizer, listener, 0.5);
      for (int step = 1; step <= steps; step++) {
        int i = 2 * ((step - 1) % 3);
        ModelInput input =
            ModelInput.of(
                model.base().manager(),
                rows(source, "input_ids", i, 2),
                new long[][] {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}});
        long[][] labels = rows(source, "labels", i, 2);
        LossTargets targets = new LossTargets.Classes(new long[] {labels[0][0], labels[1][0]});
        double loss = backpropagation.run(input, targets, 0.5, step) / 2;
        backpropagation.penalty();
        assertThat(loss)
            .as("loss of step %d", step)
            .isCloseTo(losses[step - 1], Offset.offset(1e-4));
        update.run(step, steps, 1e-2, loss);
      }
    } finally {
      listener.afterTraining();
    }
  }
}
