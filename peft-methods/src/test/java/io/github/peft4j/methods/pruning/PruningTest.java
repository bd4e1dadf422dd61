package io.github.peft4j.methods.pruning;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.Configs;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.common.sparse.SparseGolden;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PruningTest {

  @TempDir Path folder;

  private static PruningConfig golden(PruningConfig config) {
    return config.warmupSteps(2).maskScoresLearningRate(0.05);
  }

  static Stream<Arguments> goldens() {
    return Stream.of(
        Arguments.of("movement", golden(PruningConfig.movement(0.3))),
        Arguments.of(
            "movement-l1",
            golden(PruningConfig.movement(0.3))
                .maskScale(0.5)
                .regularization(Regularization.L1)
                .finalLambda(3)),
        Arguments.of(
            "movement-global",
            golden(PruningConfig.movement(0.3)).globalTopk(true).globalTopkFrequencyCompute(3)),
        Arguments.of("soft-movement", golden(PruningConfig.softMovement(3)).finalThreshold(0.5)),
        Arguments.of("magnitude", golden(PruningConfig.magnitude(0.3))));
  }

  /** Losses of each step, the weights that are left, and logits, by the authors' modules. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("goldens")
  void trainsAsTheAuthorsCode(String name, PruningConfig config) {
    String file = "pruning-" + name + ".safetensors";
    SparseGolden.assertTrainsAs(file, config, 12, folder);
    try (TensorSource theirs = SparseGolden.open(file);
        PeftModel model = Peft.load(TinyModels.golden("tiny-bert").toString())) {
      model.loadAdapter(folder.resolve("saved").toString());
      long[][] ids = SparseGolden.rows(theirs, "input_ids", 0, 6);
      float[] loaded = logits(model, ids);
      assertClose("logits", loaded, theirs.floats("logits"), 1e-4);
      Map<String, Remaining.Count> left = Remaining.of(model.adapter("default")).tensors();
      model.merge();
      assertClose("merged logits", logits(model, ids), loaded, 1e-5);
      model.mergeAndUnload();
      int pruned = 0;
      for (String tensor : theirs.names()) {
        if (tensor.startsWith("pruned.")) {
          String own = tensor.substring("pruned.".length());
          float[] expected = theirs.floats(tensor);
          float[] values =
              Tensors.floats(requireNonNull(model.base().site(ParameterSite.class, own)).frozen());
          assertClose(own, values, expected, 1e-4);
          assertThat(places(values)).as("kept places of " + own).isEqualTo(places(expected));
          assertThat(requireNonNull(left.get(own)).kept())
              .isEqualTo(places(expected).cardinality());
          pruned++;
        }
      }
      assertThat(pruned).isEqualTo(12);
    }
  }

  private static BitSet places(float[] values) {
    BitSet places = new BitSet();
    for (int i = 0; i < values.length; i++) {
      places.set(i, values[i] != 0);
    }
    return places;
  }

  private static float[] logits(PeftModel model, long[][] ids) {
    try (NDArray logits = model.logits(ModelInput.of(model.base().manager(), ids, null))) {
      return Tensors.floats(logits);
    }
  }

  private PeftModel llama(PruningConfig config) {
    Path base = folder.resolve("llama");
    if (!Files.exists(base)) {
      TinyModels.copy("tiny-llama", base);
    }
    return Peft.load(base.toString()).adapt(config);
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(12)
        .batchSize(4)
        .learningRate(1e-2)
        .quiet();
  }

  private static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  static Stream<Arguments> resumed() {
    return Stream.of(
        Arguments.of(PruningConfig.movement(0.2).warmupSteps(1), 5),
        Arguments.of(PruningConfig.movement(0.2).globalTopk(true).warmupSteps(1), 5),
        Arguments.of(PruningConfig.softMovement(2).warmupSteps(1), 2),
        Arguments.of(PruningConfig.magnitude(0.2).warmupSteps(1), 11),
        Arguments.of(PruningConfig.l0(5).warmupSteps(1), 5));
  }

  @ParameterizedTest
  @MethodSource("resumed")
  void aResumedTrainingEndsAsOneThatNeverStopped(PruningConfig config, int after) {
    Path run = folder.resolve("run");
    Path whole = folder.resolve("whole");
    Path continued = folder.resolve("continued");
    try (PeftModel first = llama(config);
        PeftModel killed = llama(config);
        PeftModel resumed = llama(config)) {
      List<Double> losses = tuner(first).run().losses();
      first.save(whole.toString());
      TrainingListener killer =
          new TrainingListener() {
            @Override
            public void onStep(StepEvent event) {
              if (event.step() == after + 1) {
                throw new Killed();
              }
            }
          };
      assertThatThrownBy(
              () -> tuner(killed).checkpointTo(run).checkpointEvery(after).listener(killer).run())
          .isInstanceOf(Killed.class);
      assertThat(tuner(resumed).checkpointTo(run).run().losses()).isEqualTo(losses);
      resumed.save(continued.toString());
    }
    assertThat(continued.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("adapter_model.safetensors"));
  }

  /** A training goes on with the weights that a loaded adapter has. */
  @Test
  void prunedWeightsStayPruned() {
    try (PeftModel model = llama(PruningConfig.movement(0.1).warmupSteps(1))) {
      tuner(model).run();
      Remaining left = Remaining.of(model.adapter("default"));
      assertThat(left.total().part()).isBetween(0.09, 0.1);
      assertThat(left.toString()).contains("model.layers.1.mlp.down_proj.weight", "all pruned");
      model.save(folder.resolve("pruned").toString());
      model.remove("default").loadAdapter(folder.resolve("pruned").toString());
      assertThat(Remaining.of(model.adapter("default"))).isEqualTo(left);
      tuner(model).run();
      assertThat(Remaining.of(model.adapter("default"))).isEqualTo(left);
    }
  }

  /** Gates with the authors' random numbers, gates of inference, penalty and its gradient. */
  @Test
  void gatesAreThoseOfTheAuthorsCode() {
    try (TensorSource theirs = SparseGolden.open("pruning-gates.safetensors");
        NDManager manager = Tensors.newManager(Device.cpu());
        ParameterSite site = new ParameterSite("map.weight", manager.ones(new Shape(7, 5)));
        PrunedWeight layer =
            new PrunedWeight(
                site,
                PruningConfig.l0(3),
                new Initializer(manager, Precision.FLOAT32, 1),
                manager.create(theirs.floats("scores"), new Shape(7, 5)))) {
      new Pruner(PruningConfig.l0(3), List.of(layer));
      layer.onTraining(true);
      try (RandomState random = RandomState.seeded(5)) {
        assertClose("drawn", Tensors.floats(layer.effective()), theirs.floats("training"), 1e-6);
      }
      NDArray penalty = requireNonNull(layer.penalty());
      assertThat(Tensors.floats(penalty)[0])
          .isCloseTo(3 * theirs.floats("penalty")[0], Offset.offset(1e-6f));
      layer.onTraining(false);
      float[] open = Tensors.floats(layer.effective());
      assertClose("open", open, theirs.floats("inference"), 1e-6);
      assertThat(places(open).cardinality()).isBetween(1, 34);
    }
  }

  @Test
  void theFileHasBitsAndValues() {
    try (PeftModel model = llama(PruningConfig.movement(0.05).warmupSteps(1))) {
      tuner(model).run();
      model.save(folder.resolve("pruned").toString());
      Path weights = folder.resolve("pruned").resolve("adapter_model.safetensors");
      try (TensorSource file = Safetensors.open(weights)) {
        String name = "base_model.model.model.layers.0.self_attn.q_proj.weight";
        long[] bytes = file.longs(name + ".kept");
        assertThat(bytes).hasSize(16 * 16 / 8);
        long bits = LongStream.of(bytes).map(Long::bitCount).sum();
        assertThat(file.info(name + ".values").shape()).containsExactly(bits);
        assertThat(file.names()).noneMatch(n -> n.contains("mask_scores") || n.contains("embed"));
      }
      assertThat(folder.resolve("pruned").resolve("peft4j_training.safetensors")).doesNotExist();
    }
  }

  /** The merged model without its zeros is the same model, and a fraction of its size. */
  @ParameterizedTest
  @CsvSource({"0.05, 0.09", "0.5, 0.54"})
  void aSparseModelIsSmallerAndTheSame(double kept, double size) throws IOException {
    Path merged = folder.resolve("merged");
    Path sparse = folder.resolve("sparse");
    long[][] ids = {{5, 6, 7, 8, 9}};
    try (PeftModel model = llama(PruningConfig.movement(kept).warmupSteps(1))) {
      tuner(model).run();
      model.saveMerged(merged.toString());
      model.saveMerged(sparse.toString()).saveSparse(sparse.toString());
    }
    assertThat(sparse.resolve("model.safetensors")).doesNotExist();
    assertThat(sparse.resolve("tokenizer.json")).exists();
    long whole = layers(merged.resolve("model.safetensors"));
    assertThat((double) layers(sparse.resolve("model.sparse.safetensors")) / whole)
        .isBetween(kept, size);
    try (PeftModel dense = Peft.load(merged.toString());
        PeftModel small = Peft.load(sparse.toString())) {
      assertThat(logits(small, ids)).isEqualTo(logits(dense, ids));
      small.saveBase(sparse.toString()); // and back
    }
    assertThat(sparse.resolve("model.sparse.safetensors")).doesNotExist();
    assertThat(sparse.resolve("model.safetensors"))
        .hasSameBinaryContentAs(merged.resolve("model.safetensors"));
  }

  /** The bytes of the layers' matrices. */
  private static long layers(Path file) {
    try (TensorSource source = Safetensors.open(file)) {
      return source.names().stream()
          .filter(name -> name.contains("_proj"))
          .mapToLong(name -> source.info(name).byteCount())
          .sum();
    }
  }

  @Test
  void aTrainingThatIsTooShortIsRefusedAndPrunesNothing() {
    try (PeftModel model = llama(PruningConfig.movement(0.1).warmupSteps(5))) {
      float[] before = Trainings.logits(model);
      assertThatThrownBy(() -> tuner(model).run())
          .hasMessageContaining("warmup_steps")
          .hasMessageContaining("3 · 5 steps to fit into the training, which has 12");
      assertThat(Trainings.logits(model)).isEqualTo(before);
      assertThat(Remaining.of(model.adapter(PeftModel.DEFAULT)).total().part()).isEqualTo(1);
    }
  }

  /** Evaluations have the masks of the end, so the best of them is a result. */
  @Test
  void theBestEvaluationIsKeptWithItsMasks() {
    try (PeftModel model = llama(PruningConfig.movement(0.3).warmupSteps(1))) {
      float[][] best = new float[1][];
      double[] least = {Double.POSITIVE_INFINITY};
      TrainingReport report =
          tuner(model)
              .learningRate(0.3) // which diverges, so that an early evaluation is the best
              .validateOn(Trainings.echoes(6))
              .evaluateEvery(1)
              .keepBest()
              .listener(
                  new TrainingListener() {
                    @Override
                    public void onEvaluation(EvaluationEvent event) {
                      if (event.metrics().get(Metrics.LOSS) < least[0]) {
                        least[0] = event.metrics().get(Metrics.LOSS);
                        best[0] = logits(model, new long[][] {{5, 6, 7}});
                      }
                    }
                  })
              .run();
      assertThat(report.keptStep()).isLessThan(report.steps());
      assertThat(logits(model, new long[][] {{5, 6, 7}}))
          .containsExactly(best[0], Offset.offset(1e-6f));
    }
  }

  @Test
  void nothingIsLeftInMemoryAfterATraining() {
    try (PeftModel model = llama(PruningConfig.movement(0.1).globalTopk(true).warmupSteps(1))) {
      tuner(model).run();
      long after = Tensors.live();
      tuner(model).run();
      assertThat(Tensors.live()).isEqualTo(after);
    }
  }

  /** Threshold and λ by the authors' function. */
  @ParameterizedTest
  @CsvSource({
    "0, 1, 6",
    "10, 1, 6",
    "11, 0.9788760932944607, 5.873256559766764",
    "40, 0.5932944606413995, 3.5597667638483967",
    "80, 0.5, 3",
    "81, 0.5, 3",
    "100, 0.5, 3"
  })
  void theThresholdFallsByAThirdPower(int done, double threshold, double lambda) {
    PruningConfig config = PruningConfig.movement(0.5).warmupSteps(10).finalLambda(3);
    double now = Schedule.of(config, 100).at(done);
    assertThat(now).isCloseTo(threshold, Offset.offset(1e-12));
    assertThat(3 * now / 0.5).isCloseTo(lambda, Offset.offset(1e-12));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"final_threshold\": 0} | final_threshold",
        "{\"final_threshold\": 1.5} | final_threshold",
        "{\"initial_threshold\": 0} | initial_threshold",
        "{\"pruning_method\": \"magnitude\", \"regularization\": \"l1\"} | regularization",
        "{\"regularization\": \"l0\"} | regularization",
        "{\"pruning_method\": \"l0\", \"global_topk\": true} | global_topk",
        "{\"pruning_method\": \"top\"} | sigmoied_threshold",
        "{\"warmup_steps\": -1} | warmup_steps"
      })
  void wrongSettingsAreNamed(String json, String field) {
    assertThatThrownBy(
            () ->
                Configs.read(
                    PruningConfig.class,
                    JsonParser.parseString(json).getAsJsonObject(),
                    "adapter_config.json"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("adapter_config.json")
        .hasMessageContaining(field);
  }
}
