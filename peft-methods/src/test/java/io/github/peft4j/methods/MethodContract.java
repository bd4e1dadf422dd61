package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.OwnOptimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every method must keep to, on models small enough for finite differences. A subclass has the
 * table of methods: {@code static Stream<Arguments> cases()}, see {@link MethodCase#onItsModels}.
 * What a method computes is tested on all its models: the start, gradients, merging, decoding. Ways
 * to run a step, and what becomes of files, tensors and names, are tested on one of them ({@link
 * InTurn}).
 */
@ExtendWith(NamedFailures.class)
abstract class MethodContract {

  private static final String NAME = PeftModel.DEFAULT;

  @TempDir Path folder;

  private static PeftModel adapted(MethodCase method, TinyModel tiny, Precision precision) {
    return tiny.load(precision).adapt(method.config());
  }

  private static PeftModel perturbed(MethodCase method, TinyModel tiny, Precision precision) {
    PeftModel model = adapted(method, tiny, precision);
    perturb(model.adapter(NAME), 11);
    return model;
  }

  /** Moves every trained tensor away from where it starts. */
  static void perturb(Adapter adapter, long seed) {
    Random random = new Random(seed);
    for (Trainable tensor : adapter.trainables()) {
      float[] values = Tensors.floats(tensor.value());
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (0.1 * random.nextGaussian());
      }
      set(tensor, values);
    }
  }

  private static void set(Trainable tensor, float[] values) {
    try (NDArray array = tensor.value().getManager().create(values, tensor.value().getShape())) {
      Tensors.copy(tensor.value(), array);
    }
  }

  private static float[] logits(TinyModel tiny, PeftModel model) {
    ModelInput input = tiny.input(model);
    try (NDArray logits = model.logits(input)) {
      return Tensors.floats(logits);
    } finally {
      input.close();
    }
  }

  /** The sum of the losses of all labels. */
  static double sumOfLosses(TinyModel tiny, PeftModel model) {
    return Autograd.without(
        () -> {
          try (ModelCall call = model.newCall();
              Scope scope = new Scope();
              Pass pass = call.pass()) {
            NDArray hidden = model.base().hidden(tiny.input(model), pass);
            return model.base().head().loss(hidden, tiny.targets(), pass).toDoubleArray()[0];
          }
        });
  }

  private static double loss(TinyModel tiny, PeftModel model) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            double penalty =
                model.adapter(NAME).rewrites().stream()
                    .map(rewrite -> rewrite.layer().penalty())
                    .mapToDouble(p -> p == null ? 0 : p.toDoubleArray()[0])
                    .sum();
            return sumOfLosses(tiny, model) / model.count(tiny.targets()) + penalty;
          }
        });
  }

  private static Map<String, float[]> gradients(TinyModel tiny, PeftModel model, Tapes tapes) {
    Backpropagation backpropagation = new Backpropagation(model, tapes);
    LossTargets targets = tiny.targets();
    backpropagation.run(tiny.input(model), targets, 1.0 / model.count(targets), 0);
    backpropagation.penalty();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    model.adapter(NAME).tensors().forEach((name, tensor) -> read(name, tensor, gradients));
    model.trainables().forEach(Trainable::clearGradient);
    return gradients;
  }

  private static void read(String name, Trainable tensor, Map<String, float[]> gradients) {
    if (tensor.isBuffer()) {
      return;
    }
    NDArray gradient = Autograd.gradient(tensor.value());
    assertThat(gradient).as("gradient of %s", name).isNotNull();
    try (gradient) {
      gradients.put(name, Tensors.floats(gradient));
    }
  }

  private static List<String> configs(PeftModel model) {
    return model.adapter(NAME).parts().stream().map(AdapterPart::configText).toList();
  }

  private static void train(TinyModel tiny, PeftModel model, int steps) {
    train(tiny, model, NAME, false, steps);
  }

  private static void train(
      TinyModel tiny, PeftModel model, String name, boolean recompute, int steps) {
    LossTargets targets = tiny.targets();
    Adapter adapter = model.adapter(name);
    StepListener listener = adapter.listener(TrainingRule.ALIKE);
    try (AdapterTraining training = model.train(name);
        Backpropagation backpropagation =
            new Backpropagation(training, recompute ? Activations.RECOMPUTED : Activations.KEPT);
        Optimizer optimizer =
            OwnOptimizer.of(adapter.rewrites().stream().map(Rewrite::layer))
                .of(adapter.groups(TrainingRule.ALIKE, new ParameterGroup(1e-2, 0.01)), 1e-2)) {
      Update update = new Update(optimizer, listener, 1);
      for (int step = 1; step <= steps; step++) {
        ModelInput input = tiny.input(model);
        backpropagation.run(input, targets, 1.0 / model.count(targets), step);
        input.close();
        backpropagation.penalty();
        update.run(step, steps, 1e-2, 0);
      }
    } finally {
      listener.afterTraining();
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void aFreshAdapterChangesNothing(MethodCase method, TinyModel tiny) {
    assumeTrue(method.startsWithoutEffect(), "the method promises no such thing");
    try (PeftModel model = adapted(method, tiny, Precision.FLOAT64)) {
      float[] with = logits(tiny, model);
      assertClose("logits", with, logits(tiny, model.disable()), 1e-6);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void aCopyForAnotherDeviceIsTheSame(MethodCase method, TinyModel tiny) {
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT32)) {
      float[] logits = logits(tiny, model);
      try (AdapterTraining training = model.train(NAME);
          AdapterTraining copy = training.copy(model.base().device());
          ModelCall call = copy.newCall();
          NDArray copied = call.logits(tiny.input(model))) {
        assertThat(Tensors.floats(copied)).isEqualTo(logits);
        assertThat(copy.adapter()).isNotSameAs(training.adapter());
      }
      assertThat(logits(tiny, model)).isEqualTo(logits);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void gradientsAreThoseOfFiniteDifferences(MethodCase method, TinyModel tiny) {
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT64)) {
      Map<String, float[]> gradients = gradients(tiny, model, Tapes.KEPT);
      Random random = new Random(5);
      gradients.forEach(
          (name, gradient) -> {
            if (method.hasWholeGradient().test(name)) {
              double[] direction = random.doubles(gradient.length, -1, 1).toArray();
              double expected = 0;
              for (int i = 0; i < gradient.length; i++) {
                expected += direction[i] * gradient[i];
              }
              Trainable tensor = requireNonNull(model.adapter(NAME).tensors().get(name));
              assertThat(slope(tiny, model, tensor, direction))
                  .as(name)
                  .isCloseTo(expected, Offset.offset(1e-6 + 1e-4 * Math.abs(expected)));
            }
          });
    }
  }

  /** The derivative of the loss along a direction, by central differences. */
  private static double slope(
      TinyModel tiny, PeftModel model, Trainable tensor, double[] direction) {
    double[] start = tensor.value().toDoubleArray();
    double h = 1e-5;
    double ahead = lossAt(tiny, model, tensor, start, direction, h);
    double behind = lossAt(tiny, model, tensor, start, direction, -h);
    lossAt(tiny, model, tensor, start, direction, 0);
    return (ahead - behind) / (2 * h);
  }

  private static double lossAt(
      TinyModel tiny,
      PeftModel model,
      Trainable tensor,
      double[] start,
      double[] direction,
      double distance) {
    double[] values = new double[start.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = start[i] + distance * direction[i];
    }
    try (NDArray array = tensor.value().getManager().create(values, tensor.value().getShape())) {
      Tensors.copy(tensor.value(), array);
    }
    return distance == 0 ? 0 : loss(tiny, model);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void gradientsDoNotDependOnTheTape(MethodCase method, TinyModel tiny) {
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT32)) {
      Map<String, float[]> recorded = gradients(tiny, model, Tapes.KEPT);
      for (Tapes tapes : List.of(Tapes.RECOMPUTED, Tapes.MOVED)) {
        Map<String, float[]> other = gradients(tiny, model, tapes);
        assertThat(other.keySet()).isEqualTo(recorded.keySet());
        recorded.forEach(
            (name, g) -> assertClose(tapes + " " + name, requireNonNull(other.get(name)), g, 1e-5));
      }
    }
  }

  /** Sums over parts round otherwise. */
  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void partsHaveTheGradientsOfTheWhole(MethodCase method, TinyModel tiny) {
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT64)) {
      Map<String, float[]> whole = gradients(tiny, model, Tapes.KEPT);
      Map<String, float[]> parts = gradients(tiny, model, Tapes.DIVIDED);
      whole.forEach(
          (name, g) -> {
            float largest = 0;
            for (float each : g) {
              largest = Math.max(largest, Math.abs(each));
            }
            assertThat(requireNonNull(parts.get(name)))
                .as(name)
                .containsExactly(g, Offset.offset(1e-9f + 1e-6f * largest));
          });
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void trainingLeavesTheModelAsItWas(MethodCase method, TinyModel tiny) {
    try (PeftModel model = adapted(method, tiny, Precision.FLOAT32)) {
      Map<String, float[]> before = weights(model);
      float[] start = logits(tiny, model.disable());
      model.enable();
      train(tiny, model, 3);
      weights(model).forEach((name, w) -> assertThat(w).as(name).isEqualTo(before.get(name)));
      model
          .base()
          .parameters()
          .forEach(site -> assertThat(site.frozen().hasGradient()).as(site.name()).isFalse());
      assertThat(logits(tiny, model)).isNotEqualTo(start);
      assertThat(logits(tiny, model.disable())).isEqualTo(start);
    }
  }

  /** On a GPU, steps run as CUDA graphs if the method's layers say that they may. */
  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void graphsOfStepsComputeWhatStepsCompute(MethodCase method, TinyModel tiny) {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "SKIPPED: there is no GPU for CUDA graphs");
    List<float[]> trained = new ArrayList<>();
    for (String graphs : List.of("false", "always")) {
      System.setProperty("peft4j.cudaGraphs", graphs);
      try (PeftModel model = perturbed(method, tiny, Precision.FLOAT32)) {
        train(tiny, model, 8);
        trained.add(logits(tiny, model));
      } finally {
        System.clearProperty("peft4j.cudaGraphs");
      }
    }
    assertClose("trained by graphs", trained.get(1), trained.get(0), 1e-3);
  }

  private static Map<String, float[]> weights(PeftModel model) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    List<ParameterSite> sites = model.base().parameters().toList();
    sites.forEach(site -> weights.put(site.name(), Tensors.floats(site.frozen())));
    return weights;
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void aSavedAdapterComesBack(MethodCase method, TinyModel tiny) {
    try (PeftModel model = adapted(method, tiny, Precision.FLOAT32)) {
      train(tiny, model, 3);
      float[] trained = logits(tiny, model);
      model.save(folder.toString());
      try (PeftModel again = tiny.load(Precision.FLOAT32)) {
        again.loadAdapter(folder.toString());
        assertClose("loaded logits", logits(tiny, again), trained, 1e-6);
        assertThat(configs(again)).isEqualTo(configs(model));
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void mergingKeepsTheLogitsAndUnmergingIsExact(MethodCase method, TinyModel tiny) {
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT32)) {
      float[] unmerged = logits(tiny, model);
      if (!method.merges()) {
        assertThatThrownBy(model::merge)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("cannot be merged");
        return;
      }
      Map<String, float[]> before = weights(model);
      assertClose("merged", logits(tiny, model.merge()), unmerged, 1e-5);
      assertThat(logits(tiny, model.unmerge())).isEqualTo(unmerged);
      weights(model).forEach((name, w) -> assertThat(w).as(name).isEqualTo(before.get(name)));
      float[] plain = logits(tiny, model.merge());
      model.mergeAndUnload();
      assertThat(model.adapters()).isEmpty();
      assertThat(logits(tiny, model)).isEqualTo(plain);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void nothingIsLeftOfAnAdapterThatIsRemoved(MethodCase method, TinyModel tiny) {
    try (PeftModel model = tiny.load(Precision.FLOAT32)) {
      long before = Tensors.live();
      for (int i = 0; i < 2; i++) {
        model.adapt(method.config()).save(folder.toString()).remove(NAME);
        model.loadAdapter(folder.toString()).remove(NAME);
        assertThat(Tensors.live()).as("arrays in the engine").isEqualTo(before);
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void nothingIsLeftOfAdaptersThatWereTrained(MethodCase method, TinyModel tiny) {
    try (PeftModel model = tiny.load(Precision.FLOAT32)) {
      logits(tiny, model);
      long before = Tensors.live();
      model.adapt(method.config()).adapt("other", method.config());
      for (String name : List.of(NAME, "other")) {
        model.activate(name);
        logits(tiny, model);
        train(tiny, model, name, false, 3);
        train(tiny, model, name, true, 3);
        logits(tiny, model);
      }
      model.activate(NAME, "other");
      if (method.stacks()) {
        logits(tiny, model);
      } else {
        assertRefusesBoth(tiny, model);
      }
      model.remove(NAME).remove("other");
      assertThat(Tensors.live()).as("arrays in the engine").isEqualTo(before);
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @ArgumentsSource(InTurn.class)
  void twoAdaptersLiveOnOneModel(MethodCase method, TinyModel tiny) {
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT32)) {
      float[] first = logits(tiny, model);
      model.adapt("other", method.config());
      perturb(model.adapter("other"), 12);
      float[] second = logits(tiny, model);
      assertThat(second).isNotEqualTo(first);
      model.activate(NAME);
      assertThat(logits(tiny, model)).isEqualTo(first);
      model.activate("other");
      assertThat(logits(tiny, model)).isEqualTo(second);
      model.activate(NAME, "other");
      if (!method.stacks()) {
        assertRefusesBoth(tiny, model);
      } else {
        float[] both = logits(tiny, model);
        if (method.merges()) {
          assertClose("both merged", logits(tiny, model.merge()), both, 1e-4);
          model.unmerge();
        }
      }
      model.remove("other").activate(NAME);
      assertThat(logits(tiny, model)).isEqualTo(first);
    }
  }

  private static void assertRefusesBoth(TinyModel tiny, PeftModel model) {
    assertThatThrownBy(() -> logits(tiny, model))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one on top of the other");
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void textsAreWrittenWithACacheAsWithout(MethodCase method, TinyModel tiny) {
    assumeTrue(tiny.writes(), "the model writes no texts");
    assumeTrue(method.cached(), "the method promises no such thing");
    try (PeftModel model = perturbed(method, tiny, Precision.FLOAT64)) {
      assertWritten(tiny, model);
      System.setProperty("peft4j.repeatedSteps", "true"); // as on a GPU
      assertWritten(tiny, model);
    } finally {
      System.clearProperty("peft4j.repeatedSteps");
    }
  }

  private static void assertWritten(TinyModel tiny, PeftModel model) {
    List<long[]> prompts = List.of(new long[] {9, 4}, new long[] {5, 6, 7, 8, 9});
    long[][] texts = {{7, 3, 21}, {30, 2, 11}};
    try (ModelCall call = model.newCall();
        Decoding decoding = call.decode(prompts, 0)) {
      for (int step = 0; step < 3; step++) {
        try (Scope scope = new Scope()) {
          float[] rows = Tensors.floats(decoding.logits());
          for (int i = 0; i < texts.length; i++) {
            int width = rows.length / texts.length;
            assertClose(
                "step " + step + " of text " + i,
                Arrays.copyOfRange(rows, i * width, (i + 1) * width),
                uncached(tiny, model, prompts.get(i), Arrays.copyOf(texts[i], step)),
                1e-6);
          }
        }
        decoding.append(new long[] {texts[0][step], texts[1][step]}, new boolean[] {true, true});
      }
    }
  }

  private static float[] uncached(TinyModel tiny, PeftModel model, long[] prompt, long[] text) {
    try (ModelCall call = model.newCall();
        Pass pass = call.pass()) {
      return Tensors.floats(model.base().nextLogits(tiny.input(model, prompt, text), pass));
    }
  }
}
