package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.attentionfusion.AttentionFusionConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.methods.poly.PolyConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.KeptStates;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LayerSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** States that are kept are those that the model computes. */
class KeptStatesTest {

  private static final LstConfig LST = LstConfig.ofReductionFactor(2);
  private static final AttentionFusionConfig FUSION = AttentionFusionConfig.defaults().dropout(0);
  private static final long NONE = LossTargets.IGNORED;

  @TempDir Path folder;

  private PeftModel load(String name) {
    Path base = folder.resolve(name);
    if (!Files.exists(base)) {
      TinyModels.copy(name, base);
    }
    return Peft.from(base).precision(Precision.FLOAT64).load();
  }

  private List<float[]> trained(PeftConfig config, boolean keeps) {
    try (PeftModel model = load("tiny-llama").adapt(config)) {
      FineTuner tuner =
          FineTuner.of(model).on(Trainings.echoes(5)).epochs(3).batchSize(5).learningRate(1e-3);
      (keeps ? tuner.keepStates(1) : tuner).run();
      return Trainings.values(model);
    }
  }

  private void assertTrainsAlike(PeftConfig config) {
    List<float[]> plain = trained(config, false);
    List<float[]> kept = trained(config, true);
    for (int i = 0; i < plain.size(); i++) {
      assertClose("tensor " + i, kept.get(i), plain.get(i), 1e-6);
    }
  }

  @Test
  void aTrainingIsTheSame() {
    assertTrainsAlike(LST);
    assertTrainsAlike(FUSION);
  }

  /** A method below may read more of a row than its ids. */
  @Test
  void rowsOfOtherTasksHaveOtherStates() {
    List<List<float[]>> runs = new ArrayList<>();
    for (boolean keeps : new boolean[] {false, true}) {
      try (PeftModel model = load("tiny-llama")) {
        model.adapt("tasks", PolyConfig.ofTasks(2).initWeights(false).r(4)).freeze("tasks");
        for (Trainable tensor : model.adapter("tasks").tensors().values()) {
          try (NDArray more = tensor.value().mul(tensor.key().endsWith("logits") ? 5_000 : 5)) {
            Tensors.copy(tensor.value(), more);
          }
        }
        model.adapt("default", FUSION).activate(Composition.stack("tasks", "default"));
        PromptExample text = new PromptExample("w3 w4", " w5");
        FineTuner tuner =
            FineTuner.of(model)
                .on(Examples.of(new TaskExample(text, 0), new TaskExample(text, 1)))
                .epochs(3)
                .batchSize(1)
                .learningRate(0.1)
                .quiet();
        (keeps ? tuner.keepStates(1) : tuner).run();
        runs.add(Trainings.values(model));
      }
    }
    for (int i = 0; i < runs.get(0).size(); i++) {
      assertClose("tensor " + i, runs.get(1).get(i), runs.get(0).get(i), 1e-6);
    }
  }

  /**
   * The first batch pads its short row; the second has it alone; the third has a row of another
   * batch.
   */
  private static final List<Batch> BATCHES =
      List.of(
          batch(new long[][] {{5, 6, 7}, {9, 4, 30, 5, 8}}),
          batch(new long[][] {{5, 6, 7}}),
          batch(new long[][] {{11, 12}, {9, 4, 30, 5, 8}}),
          batch(new long[][] {{11, 12}, {5, 6, 7}}));

  private static Batch batch(long[][] rows) {
    int width = 0;
    for (long[] row : rows) {
      width = Math.max(width, row.length);
    }
    long[][] ids = new long[rows.length][width];
    long[][] mask = new long[rows.length][width];
    long[][] labels = new long[rows.length][width];
    for (int b = 0; b < rows.length; b++) {
      for (int t = 0; t < width; t++) {
        boolean real = t < rows[b].length;
        ids[b][t] = real ? rows[b][t] : 0;
        mask[b][t] = real ? 1 : 0;
        labels[b][t] = real ? rows[b][t] : NONE;
      }
    }
    return new Batch(ids, mask, null, labels, Alignment.TOKEN);
  }

  private static Map<String, float[]> gradients(
      PeftModel model, Batch batch, @Nullable KeptStates store) {
    ModelInput input =
        BatchFeed.input(model.base(), batch)
            .keeping(store == null ? null : BatchFeed.rows(store, batch));
    LossTargets targets = BatchFeed.targets(model.base(), batch);
    Map<String, float[]> found = new LinkedHashMap<>();
    double loss =
        new Backpropagation(model, Activations.KEPT)
            .run(input, targets, 1.0 / model.count(targets), 0);
    found.put("loss", new float[] {(float) loss});
    for (Trainable tensor : model.trainables()) {
      if (!tensor.value().hasGradient()) {
        continue;
      }
      try (NDArray gradient = requireNonNull(Autograd.gradient(tensor.value()))) {
        found.put(tensor.key() + found.size(), Tensors.floats(gradient));
      }
      tensor.clearGradient();
    }
    return found;
  }

  private static void assertAlike(PeftModel model, List<Batch> batches, long limit, int rows) {
    try (KeptStates store = new KeptStates(limit)) {
      for (int epoch = 0; epoch < 2; epoch++) {
        for (Batch batch : batches) {
          Map<String, float[]> kept = gradients(model, batch, store);
          gradients(model, batch, null)
              .forEach((name, g) -> assertClose(name, requireNonNull(kept.get(name)), g, 1e-6));
        }
      }
      assertThat(store.size()).isEqualTo(rows);
    }
  }

  /** A row of t tokens takes 3 states of 16 numbers of 8 bytes, 384 t bytes. */
  @ParameterizedTest
  @ValueSource(ints = {100_000, 3100, 1200, 1})
  void rowsAreKeptWhateverTheirBatch(int limit) {
    int rows = limit == 100_000 ? 3 : limit == 3100 ? 2 : limit == 1200 ? 1 : 0;
    try (PeftModel model = load("tiny-llama").adapt(LST)) {
      assertAlike(model, BATCHES, limit, rows);
      model.adapt("fusion", FUSION);
      assertAlike(model, BATCHES, limit, rows);
    }
  }

  @Test
  void vectorsBeforeTheTokensAreKeptToo() {
    try (PeftModel model =
        load("tiny-llama").adapt("prompt", PromptTuningConfig.ofVirtualTokens(2))) {
      model.adapter("prompt").freeze(true);
      model.adapt("side", LST).activate("prompt", "side");
      assertAlike(model, BATCHES, 100_000, 3);
    }
  }

  @Test
  void anEncoderDecoderKeepsTheStatesOfBothStacks() {
    long[][] ids = {{5, 6, 7}, {9, 4, 0}};
    long[][] mask = {{1, 1, 1}, {1, 1, 0}};
    long[][] labels = {{7, 8, 2}, {12, 2, NONE}};
    long[][] others = {{7, 8, 9}, {3, 4, 5}};
    List<Batch> batches =
        List.of(
            new Batch(ids, mask, null, labels, Alignment.TARGET),
            new Batch(ids, mask, null, others, Alignment.TARGET));
    try (PeftModel model = load("tiny-t5").adapt(LST)) {
      assertAlike(model, batches, 100_000, 8);
      model.adapt("fusion", FUSION);
      assertAlike(model, batches, 100_000, 8);
    }
  }

  /** Counts the runs of a layer of the frozen model. */
  private static final class Counter extends TunerLayer<NDArray, NDArray> {
    private int runs;

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      runs++;
      return base.forward(x);
    }
  }

  @Test
  void theModelRunsOnceForEachRow() {
    try (PeftModel model = load("tiny-llama");
        KeptStates store = new KeptStates(100_000)) {
      Counter counter = new Counter();
      AdapterLayers layers = new AdapterLayers();
      layers.put(requireNonNull(model.base().site(LayerSite.class, "model.layers.1")), counter);
      for (int epoch = 0; epoch < 3; epoch++) {
        for (Batch batch : BATCHES) {
          try (Scope scope = new Scope();
              Pass pass =
                  new Pass(
                      Tape.recording(1),
                      null,
                      model.base().resolve(Composition.of("c"), Map.of("c", layers)))) {
            model
                .base()
                .hidden(
                    BatchFeed.input(model.base(), batch).keeping(BatchFeed.rows(store, batch)),
                    pass.training());
          }
        }
      }
      assertThat(counter.runs).as("batches with a row that is new").isEqualTo(2);
    }
  }

  @Test
  void theModelsOwnDropoutIsOff() throws IOException {
    Path base = folder.resolve("dropping");
    TinyModels.copy("tiny-bert", base);
    Path config = base.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"hidden_dropout_prob\": 0.0", "\"hidden_dropout_prob\": 0.5")
            .replace(
                "\"attention_probs_dropout_prob\": 0.0", "\"attention_probs_dropout_prob\": 0.5"));
    Batch batch =
        new Batch(
            new long[][] {{5, 6, 7}},
            new long[][] {{1, 1, 1}},
            null,
            new long[][] {{1}},
            Alignment.TEXT);
    try (PeftModel model = Peft.load(base.toString());
        KeptStates store = new KeptStates(100_000)) {
      List<float[]> states = new ArrayList<>();
      for (boolean keeps : new boolean[] {true, true, false, false}) {
        ModelInput input = BatchFeed.input(model.base(), batch);
        try (Scope scope = new Scope();
            Pass pass =
                new Pass(
                        Tape.recording(states.size()),
                        null,
                        model.base().resolve(Composition.NONE, Map.of()))
                    .training()) {
          ModelInput given = keeps ? input.keeping(BatchFeed.rows(store, batch)) : input;
          states.add(Tensors.floats(model.base().hidden(given, pass)));
        }
      }
      assertThat(states.get(1)).isEqualTo(states.get(0));
      assertThat(states.get(2)).as("with dropout").isNotEqualTo(states.get(0));
      assertThat(states.get(3)).as("with other dropout").isNotEqualTo(states.get(2));
      ModelInput input = BatchFeed.input(model.base(), batch);
      try (Scope scope = new Scope();
          Pass pass = Pass.inference(model.base().resolve(Composition.NONE, Map.of()))) {
        assertClose(
            "in inference", states.get(0), Tensors.floats(model.base().hidden(input, pass)), 1e-6);
      }
    }
  }

  @Test
  void statesThatChangeAreRefused() {
    try (PeftModel model = load("tiny-llama").adapt(LoraConfig.ofRank(2))) {
      FineTuner tuner = FineTuner.of(model).on(Trainings.echoes(5)).steps(2).keepStates(1);
      assertThatThrownBy(tuner::run)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the states of a text cannot be kept")
          .hasMessageContaining("train without keepStates");
      assertThatThrownBy(() -> tuner.packing(true).run())
          .hasMessageContaining("take one of the two");
      assertThatThrownBy(() -> tuner.keepStates(0)).hasMessageContaining("above 0");
    }
  }
}
