package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.diffpruning.DiffPruningConfig;
import io.github.peft4j.methods.dylora.DyLoraConfig;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;
import io.github.peft4j.methods.lily.LilyConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.ltsft.LtSftConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.pruning.PruningConfig;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.methods.spiel.SpielConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.train.optimizer.LossScaling;
import io.github.peft4j.train.preference.Dpo;
import io.github.peft4j.train.preference.Orpo;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Trainings on two devices, which are the CPU twice, beside one device with the same parts. */
class SeveralDevicesTest {

  private static final Device CPU = Device.cpu();
  private static final String LACKING =
      "CUDA out of memory. Tried to allocate 136.00 MiB. GPU 0 has a total capacity of 23.49 GiB of"
          + " which 116.19 MiB is free. Including non-PyTorch memory, this process has 22.92 GiB"
          + " memory in use. Of the allocated memory 22.54 GiB is allocated by PyTorch, and 2.73 MiB"
          + " is reserved by PyTorch but unallocated.";

  @TempDir Path folder;

  /** The loss of the task, on a device with room for so many rows. */
  private record Roomy(int rows) implements Objective {

    private static final Objective OF_TASK = Objective.of(CrossEntropy.PLAIN);

    @Override
    public NDArray loss(Outputs outputs) {
      if (outputs.targets().rows() > rows) {
        throw new EngineException(LACKING);
      }
      return OF_TASK.loss(outputs);
    }

    @Override
    public boolean isSumOfExamples() {
      return true;
    }

    @Override
    public String toString() {
      return "loss of the task";
    }
  }

  private Path base(String name) {
    Path base = folder.resolve(name);
    return Files.exists(base) ? base : TinyModels.copy(name, base);
  }

  /** On the CPU, also where there is a GPU: two replicas need two devices. */
  private Peft.Loader loader(String name) {
    return Peft.from(base(name)).device(CPU);
  }

  private PeftModel llama(PeftConfig config) {
    return llama(Precision.FLOAT32, config);
  }

  private PeftModel llama(Precision precision, PeftConfig config) {
    return loader("tiny-llama").precision(precision).load().adapt(config);
  }

  private static LoraConfig lora() {
    return LoraConfig.ofRank(4).loraAlpha(8).loraDropout(0.1).targetModules("all-linear");
  }

  /** Texts of unequal lengths, ten of them: a batch of six is followed by one of four. */
  private static Dataset<PromptExample> prompts() {
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      String words = ("w" + (3 + i) + " w" + (9 - i % 4) + " ").repeat(1 + i % 5).strip();
      examples.add(new PromptExample(words, " w5 w" + (3 + i)));
    }
    return Examples.of(examples);
  }

  private static FineTuner tuner(PeftModel model, Dataset<? extends Example> examples) {
    return FineTuner.of(model)
        .on(examples)
        .batchSize(6)
        .steps(6)
        .learningRate(5e-3)
        .constant()
        .quiet();
  }

  /** What a run leaves. */
  private record Run(TrainingReport report, List<float[]> values, String config) {

    static Run of(PeftModel model, FineTuner tuner) {
      TrainingReport report = tuner.run();
      return new Run(
          report,
          Trainings.values(model),
          model.adapter(PeftModel.DEFAULT).parts().get(0).configText());
    }

    void requireLike(Run other, double tolerance) {
      for (int i = 0; i < other.report.losses().size(); i++) {
        assertThat(report.losses().get(i))
            .as("loss of step %d", i + 1)
            .isCloseTo(other.report.losses().get(i), within(tolerance));
      }
      for (int i = 0; i < values.size(); i++) {
        assertClose("tensor " + i, values.get(i), other.values.get(i), 20 * tolerance);
      }
      assertThat(config).isEqualTo(other.config);
    }
  }

  static Stream<PeftConfig> methods() {
    return Stream.of(
        lora(),
        lora().modulesToSave("lm_head"),
        AdaLoraConfig.ofRanks(4, 2).tinit(1).tfinal(1).deltaT(2).totalStep(6).loraDropout(0.1),
        VeraConfig.ofRank(8).veraDropout(0.1),
        DyLoraConfig.ofRank(4),
        PromptTuningConfig.ofVirtualTokens(3),
        DiffPruningConfig.defaults(),
        SpielConfig.ma());
  }

  /** In 64 bits, so that only rounding can be as small as the tolerance. */
  @ParameterizedTest
  @MethodSource("methods")
  void twoDevicesMakeTheStepsOfOne(PeftConfig config) {
    Run one;
    try (PeftModel model = llama(Precision.FLOAT64, config)) {
      one = Run.of(model, tuner(model, prompts()).objective(new Roomy(3)).autoBatchSize(true));
      assertThat(one.report().details().microBatchSize()).isEqualTo(3);
    }
    try (PeftModel model = llama(Precision.FLOAT64, config)) {
      Run two = Run.of(model, tuner(model, prompts()).objective(new Roomy(6)).on(CPU, CPU));
      assertThat(two.report().details().microBatchSize()).isEqualTo(3);
      assertThat(two.report().tokens()).isEqualTo(one.report().tokens());
      two.requireLike(one, 1e-8);
    }
  }

  static Stream<UnaryOperator<FineTuner>> settings() {
    return Stream.of(
        tuner -> tuner,
        tuner -> tuner.packing(true).maxLength(20),
        tuner -> tuner.bucketByLength(true),
        tuner -> tuner.activations(Activations.RECOMPUTED),
        tuner -> tuner.accumulate(4),
        tuner -> tuner.validateOn(prompts()).evaluateEvery(2).keepBest());
  }

  /** With two batches a step or four, each device has whole batches, as one device has. */
  @ParameterizedTest
  @MethodSource("settings")
  void batchesOfAStepAreDealt(UnaryOperator<FineTuner> setting) {
    Run one;
    try (PeftModel model = llama(lora())) {
      one = Run.of(model, setting.apply(tuner(model, prompts()).batchSize(3).accumulate(2)));
    }
    try (PeftModel model = llama(lora())) {
      Run two =
          Run.of(
              model,
              setting.apply(tuner(model, prompts()).batchSize(3).accumulate(2)).on(CPU, CPU));
      two.requireLike(one, 1e-6);
      for (int i = 0; i < one.report().evaluations().size(); i++) {
        assertThat(two.report().evaluations().get(i).metrics().get("loss"))
            .isCloseTo(one.report().evaluations().get(i).metrics().get("loss"), within(1e-6));
      }
    }
  }

  @Test
  void aClassifierIsTrained() {
    List<ClassificationExample> examples = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      examples.add(
          new ClassificationExample("w" + (3 + i) + " w4".repeat(i % 3), i % 2 == 0 ? "a" : "b"));
    }
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU, CPU}}) {
      try (PeftModel model =
          loader("tiny-bert")
              .task(Task.classification("a", "b"))
              .load()
              .adapt(LoraConfig.ofRank(2).loraDropout(0.1))) {
        FineTuner tuner =
            tuner(model, Examples.of(examples)).batchSize(1).accumulate(3).on(CPU, more);
        runs.add(Run.of(model, tuner.balancedClassWeights()));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-6);
  }

  /** Measures batches of two rows at most, and only if two threads do so. */
  private record Shared(CountDownLatch both, ThreadLocal<Boolean> met) implements Objective {

    Shared() {
      this(new CountDownLatch(2), ThreadLocal.withInitial(() -> false));
    }

    @Override
    public NDArray loss(Outputs outputs) {
      return Roomy.OF_TASK.loss(outputs);
    }

    @Override
    public boolean isSumOfExamples() {
      return true;
    }

    @Override
    public Objective inEvaluation() {
      return outputs -> {
        if (outputs.targets().rows() <= 2 && !met.get()) {
          met.set(true);
          both.countDown();
          try {
            assertThat(both.await(1, TimeUnit.MINUTES)).as("two threads").isTrue();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        }
        return loss(outputs);
      };
    }

    @Override
    public String toString() {
      return "loss of the task";
    }
  }

  /** Batch by batch, so that the numbers are those of one device, bit by bit. */
  @Test
  void evaluationsAreShared() {
    List<ClassificationExample> examples = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      examples.add(
          new ClassificationExample("w" + (3 + i) + " w4".repeat(i % 3), i % 2 == 0 ? "a" : "b"));
    }
    try (PeftModel model =
        loader("tiny-bert").task(Task.classification("a", "b")).load().adapt(lora())) {
      FineTuner tuner = tuner(model, Examples.of(examples)).steps(2).maxLength(8).on(CPU, CPU);
      TrainingReport report =
          tuner
              .objective(new Shared())
              .validateOn(Examples.of(examples))
              .evaluationBatchSize(2)
              .evaluateEvery(2)
              .run();
      assertThat(report.finalMetrics().orElseThrow().values())
          .containsKeys("accuracy", "macro_f1")
          .isEqualTo(new Evaluator(model, 2, 8).evaluate(Examples.of(examples)).values());
    }
  }

  @Test
  void anEvaluationThatDoesNotFitSaysSo() {
    try (PeftModel model = llama(lora())) {
      FineTuner tuner = tuner(model, prompts()).objective(new Roomy(6)).on(CPU, CPU).steps(1);
      assertThatThrownBy(() -> tuner.validateOn(prompts()).evaluationBatchSize(9).run())
          .isInstanceOf(OutOfDeviceMemoryException.class)
          .hasMessageContaining("evaluation of a batch");
      assertThat(tuner(model, prompts()).on(CPU, CPU).run().steps()).isEqualTo(6);
    }
  }

  /** AdaMix brings an objective of its own, and draws its routes on the CPU. */
  @Test
  void aMethodsOwnObjectiveComesFromItsDevice() {
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = llama(AdaMixLoraConfig.ofRank(2).loraDropout(0.1))) {
        runs.add(Run.of(model, tuner(model, prompts()).accumulate(2).on(CPU, more)));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-6);
  }

  /** The scale falls on all devices alike, until the gradients fit. */
  @Test
  void stepsWhoseGradientsOverflowAreSkippedOnAllDevices() {
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = llama(Precision.FLOAT16, lora())) {
        FineTuner tuner = tuner(model, prompts()).accumulate(2).on(CPU, more);
        runs.add(Run.of(model, tuner.lossScaling(LossScaling.DEFAULT.initial(1 << 20))));
      }
    }
    List<Long> overflowed = runs.get(0).report().details().overflowedSteps();
    assertThat(overflowed).isNotEmpty().hasSizeLessThan(6);
    assertThat(runs.get(1).report().details().overflowedSteps()).isEqualTo(overflowed);
    assertThat(runs.get(1).report().details().lossScale())
        .isEqualTo(runs.get(0).report().details().lossScale());
    for (int i = 0; i < 6; i++) {
      assertThat(runs.get(1).report().losses().get(i))
          .isCloseTo(runs.get(0).report().losses().get(i), within(1e-2));
    }
  }

  @Test
  void frozenAdaptersBelowAreCopied() {
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = loader("tiny-llama").load().adapt("below", lora())) {
        tuner(model, prompts()).steps(3).run();
        model.freeze("below").adapt(lora());
        model.activate(Composition.stack("below", PeftModel.DEFAULT));
        runs.add(Run.of(model, tuner(model, prompts()).accumulate(2).on(CPU, more)));
        assertThat(model.adapters()).containsOnlyKeys("below", PeftModel.DEFAULT);
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-6);
  }

  @Test
  void whatHasChangedInTheModelIsCopied() {
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = loader("tiny-llama").load()) {
        model.resizeTokens(44);
        model.adapt(lora().initLoraWeights(LoraInitialization.RANDOM)).mergeAndUnload();
        model.adapt(lora());
        runs.add(Run.of(model, tuner(model, prompts()).accumulate(2).on(CPU, more)));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-6);
  }

  static Stream<PeftConfig> methodsWithTensorsOfTheirFiles() {
    return Stream.of(PruningConfig.movement(0.5), ReftConfig.loReft().r(2));
  }

  /** Which weights are kept, and which way vectors point, are found when a folder is read. */
  @ParameterizedTest
  @MethodSource("methodsWithTensorsOfTheirFiles")
  void anAdapterOfAFolderIsCopied(PeftConfig config) {
    Path saved = folder.resolve("saved");
    try (PeftModel model = llama(Precision.FLOAT64, config)) {
      tuner(model, prompts()).run();
      model.save(PeftModel.DEFAULT, saved);
    }
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = loader("tiny-llama").precision(Precision.FLOAT64).load()) {
        model.loadAdapter(PeftModel.DEFAULT, saved).activate(PeftModel.DEFAULT);
        model.unfreeze(PeftModel.DEFAULT);
        model.adapter(PeftModel.DEFAULT).rewrites().forEach(rewrite -> turn(rewrite.layer()));
        runs.add(Run.of(model, tuner(model, prompts()).accumulate(2).on(CPU, more)));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-8);
  }

  /** As a LoReFT of pyreft, whose vectors may point to either side. */
  private static void turn(TunerLayer<?, ?> layer) {
    for (Trainable tensor : layer.trainables()) {
      if (tensor.key().endsWith("original")) {
        float[] values = Tensors.floats(tensor.value());
        values[0] = -values[0];
        try (NDArray turned =
            tensor.value().getManager().create(values, tensor.value().getShape())) {
          Tensors.copy(tensor.value(), turned);
        }
        layer.loaded(true);
      }
    }
  }

  /** Parts, and what they draw, are those of the run that wrote the checkpoint. */
  @Test
  void aRunGoesOnWithAnotherNumberOfDevices() {
    Run whole;
    try (PeftModel model = llama(lora())) {
      whole = Run.of(model, tuner(model, prompts()).on(List.of(CPU, CPU)));
    }
    Path run = folder.resolve("run");
    int done = 0;
    for (Device[] more : new Device[][] {{CPU}, {}, {CPU, CPU}, {CPU}}) {
      int until = Math.min(6, done += 2);
      try (PeftModel model = llama(lora())) {
        FineTuner tuner = tuner(model, prompts()).on(CPU, more).checkpointTo(run);
        tuner.listener(
            Trainings.onStep(
                event -> {
                  if (event.step() == until) {
                    tuner.stop();
                  }
                }));
        Run part = Run.of(model, tuner);
        if (until == 6) {
          part.requireLike(whole, 1e-6);
        }
      }
    }
  }

  /** Fails at one of its losses, on the thread of a copy. */
  private static final class Failing implements Objective {

    private final AtomicInteger left;
    private final RuntimeException failure;

    Failing(int after, RuntimeException failure) {
      this.left = new AtomicInteger(after);
      this.failure = failure;
    }

    @Override
    public NDArray loss(Outputs outputs) {
      if (Thread.currentThread().getName().startsWith("peft4j-training-")
          && left.decrementAndGet() == 0) {
        throw failure;
      }
      return Roomy.OF_TASK.loss(outputs);
    }

    @Override
    public boolean isSumOfExamples() {
      return true;
    }
  }

  @Test
  void aFailureOfOneDeviceEndsTheStepAndNamesTheDevice() {
    try (PeftModel model = llama(lora())) {
      tuner(model, prompts()).objective(new Roomy(6)).steps(1).on(CPU, CPU).run();
      long live = Tensors.live();
      Failing failing = new Failing(3, new UnsupportedOperationException("no such kernel"));
      assertThatThrownBy(
              () -> tuner(model, prompts()).accumulate(3).objective(failing).on(CPU, CPU).run())
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("cpu(), one of 2 devices: no such kernel")
          .hasRootCauseInstanceOf(UnsupportedOperationException.class);
      assertThat(Tensors.live()).isEqualTo(live);
      tuner(model, prompts()).objective(new Roomy(6)).on(CPU, CPU).run();
      assertThat(Tensors.live()).isEqualTo(live);
    }
  }

  @Test
  void theDeviceWithTheLeastMemoryDecides() {
    try (PeftModel model = llama(lora())) {
      Failing once = new Failing(1, new EngineException(LACKING));
      assertThat(
              tuner(model, prompts())
                  .objective(once)
                  .autoBatchSize(true)
                  .on(CPU, CPU)
                  .run()
                  .details()
                  .microBatchSize())
          .isEqualTo(1);
      Failing again = new Failing(1, new EngineException(LACKING));
      assertThatThrownBy(() -> tuner(model, prompts()).objective(again).on(CPU, CPU).run())
          .isInstanceOf(OutOfDeviceMemoryException.class)
          .hasMessageContaining("3 rows at once");
    }
  }

  static Stream<PeftConfig> methodsWithPhases() {
    return Stream.of(
        AdaLoraConfig.ofRanks(4, 2).tinit(1).tfinal(1).deltaT(2),
        DiffPruningConfig.defaults(),
        LtSftConfig.defaults(),
        PruningConfig.movement(0.5));
  }

  /** Masks, ranks and cuts of the first training are no tensors of the adapter, or not all. */
  @ParameterizedTest
  @MethodSource("methodsWithPhases")
  void aSecondTrainingBeginsWithWhatTheFirstHasLeft(PeftConfig config) {
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = llama(Precision.FLOAT64, config)) {
        tuner(model, prompts()).run();
        runs.add(Run.of(model, tuner(model, prompts()).accumulate(2).on(CPU, more)));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-8);
  }

  @Test
  void aMethodThatKeepsMoreThanGradientsIsRefused() {
    try (PeftModel model = llama(SpielConfig.ag())) {
      assertThatThrownBy(() -> tuner(model, prompts()).on(CPU, CPU).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("cannot be trained on several devices")
          .hasMessageContaining("SpielConfig.ma()");
      assertThat(tuner(model, prompts()).run().steps()).isEqualTo(6);
    }
  }

  static Stream<PeftConfig> methodsThatReadTheirBatch() {
    return Stream.of(
        LilyConfig.ofRank(2),
        GatedLoraConfig.ofRank(2),
        BottleneckConfig.pfeiffer().useGating(true));
  }

  /** Means over a batch's tokens, or over its padding, are others in its parts. */
  @ParameterizedTest
  @MethodSource("methodsThatReadTheirBatch")
  void aMethodThatReadsItsBatchGetsWholeOnes(PeftConfig config) {
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = llama(Precision.FLOAT64, config)) {
        if (more.length > 0) {
          assertThatThrownBy(() -> tuner(model, prompts()).on(CPU, more).run())
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("a mean over")
              .hasMessageContaining("accumulate(2)");
          assertThatThrownBy(() -> tuner(model, prompts()).autoBatchSize(true).run())
              .hasMessageContaining("a mean over");
        }
        runs.add(Run.of(model, tuner(model, prompts()).accumulate(2).on(CPU, more)));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-8);
  }

  /** The copies' threads would wait for the step, which waits for them. */
  @Test
  @Timeout(60)
  void anObjectiveMayAskTheModelInTraining() {
    List<PreferenceExample> pairs = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      pairs.add(new PreferenceExample("w" + (3 + i), " w5" + " w4".repeat(i % 3), " w6"));
    }
    try (PeftModel model = llama(lora())) {
      Dpo dpo = new Dpo(0.1).reference(model.using(PeftModel.DEFAULT));
      assertThatThrownBy(() -> tuner(model, Examples.of(pairs)).objective(dpo).on(CPU, CPU).run())
          .isInstanceOf(AdvisedException.class)
          .hasMessageStartingWith("cpu(), one of 2 devices: the reference")
          .hasMessageContaining("has an adapter that is trained");
    }
  }

  /** ORPO's mean over the tokens of a batch is another one in its parts. */
  @Test
  void preferencesByOrpoStayInWholeBatches() {
    List<PreferenceExample> pairs = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      pairs.add(new PreferenceExample("w" + (3 + i), " w5" + " w4".repeat(i % 3), " w6"));
    }
    List<Run> runs = new ArrayList<>();
    for (Device[] more : new Device[][] {{}, {CPU}}) {
      try (PeftModel model = llama(lora())) {
        FineTuner tuner = tuner(model, Examples.of(pairs)).objective(new Orpo(0.1)).on(CPU, more);
        if (more.length > 0) {
          assertThatThrownBy(tuner::run).hasMessageContaining("ORPO with beta 0.1 may compare");
        }
        runs.add(Run.of(model, tuner.accumulate(2)));
      }
    }
    runs.get(1).requireLike(runs.get(0), 1e-6);
  }

  @Test
  void whatCannotBeSplitIsRefused() {
    try (PeftModel model = llama(lora())) {
      Objective comparing =
          new Objective() {
            @Override
            public NDArray loss(Outputs outputs) {
              return Roomy.OF_TASK.loss(outputs);
            }

            @Override
            public String toString() {
              return "comparison";
            }
          };
      assertThatThrownBy(() -> tuner(model, prompts()).objective(comparing).on(CPU, CPU).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("comparison may compare the examples of a batch")
          .hasMessageContaining("accumulate(2)");
      assertThat(
              tuner(model, prompts()).objective(comparing).accumulate(2).on(CPU, CPU).run().steps())
          .isEqualTo(6);
      assertThatThrownBy(() -> tuner(model, prompts()).batchSize(1).on(CPU, CPU).run())
          .hasMessageContaining("in 2 parts, but a batch has 1 rows")
          .hasMessageContaining("batchSize(2)");
      assertThatThrownBy(() -> tuner(model, prompts()).on(List.<Device>of()))
          .hasMessageContaining("expected one device or more");
      assertThatThrownBy(() -> tuner(model, prompts()).on(Device.gpu(7)).run())
          .hasMessageContaining("the model is on cpu()");
      assertThatThrownBy(() -> tuner(model, prompts()).on(CPU, Device.gpu(7)).run())
          .hasMessageContaining("there is no gpu(7)");
    }
  }
}
