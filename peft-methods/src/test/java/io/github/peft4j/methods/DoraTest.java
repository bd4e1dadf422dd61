package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DoraTest {

  private static final long[][] IDS =
      new Random(1)
          .longs(8, 5, 32)
          .mapToObj(seed -> new Random(seed).longs(8, 5, 32).toArray())
          .toArray(long[][]::new);

  /**
   * A large batch scales the weights, and takes the magnitudes' gradients from the outputs; a row
   * alone scales the outputs. Both are the same function.
   */
  @ParameterizedTest
  @CsvSource({"tiny-llama", "tiny-bert", "tiny-gpt2-classifier"})
  void gradientsOfABatchAreTheSumsOfThoseOfItsRows(String name) {
    gradientsOfABatchAreTheSumsOfThoseOfItsRows(name, false);
    gradientsOfABatchAreTheSumsOfThoseOfItsRows(name, true);
  }

  private static void gradientsOfABatchAreTheSumsOfThoseOfItsRows(String name, boolean recompute) {
    LoraConfig config =
        LoraConfig.ofRank(2)
            .useDora(true)
            .initLoraWeights(LoraInitialization.RANDOM)
            .targetModules("all-linear");
    Peft.Loader loader = Peft.from(TinyModels.golden(name)).precision(Precision.FLOAT64);
    try (PeftModel model = loader.load().adapt(config)) {
      perturb(model);
      Map<String, double[]> whole = gradients(model, recompute, IDS);
      Map<String, double[]> rows =
          gradients(
              model,
              recompute,
              Arrays.stream(IDS).map(row -> new long[][] {row}).toArray(long[][][]::new));
      assertThat(rows.keySet()).isEqualTo(whole.keySet());
      rows.forEach(
          (tensor, expected) ->
              assertThat(requireNonNull(whole.get(tensor)))
                  .as(tensor)
                  .containsExactly(expected, Offset.offset(1e-9)));
    }
  }

  @ParameterizedTest
  @CsvSource({"LLAMA, false", "BERT, true"})
  void batchesLeaveNoArraysBehind(TinyModel tiny, boolean recompute) {
    LoraConfig config = LoraConfig.ofRank(2).useDora(true).targetModules("all-linear");
    try (PeftModel model = tiny.load(Precision.FLOAT32).adapt(config)) {
      gradients(model, recompute, IDS);
      long before = Tensors.live();
      for (int i = 0; i < 20; i++) {
        gradients(model, recompute, IDS);
      }
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  /** A layer that is computed again goes forward by another kernel first, biases included. */
  @ParameterizedTest
  @CsvSource({"tiny-llama", "tiny-bert", "tiny-gpt2-classifier"})
  void gradientsIn16BitsAreThoseIn64Rounded(String name) {
    Map<String, double[]> exact = gradients(name, Precision.FLOAT64, false);
    for (boolean recompute : new boolean[] {false, true}) {
      Map<String, double[]> rounded = gradients(name, Precision.BFLOAT16, recompute);
      assertThat(rounded.keySet()).isEqualTo(exact.keySet());
      double[] expected = all(exact);
      double[] actual = all(rounded);
      Arrays.setAll(actual, i -> actual[i] - expected[i]);
      assertThat(norm(actual))
          .as("recompute %s", recompute)
          .isBetween(1e-4 * norm(expected), 0.05 * norm(expected));
    }
  }

  private static Map<String, double[]> gradients(
      String name, Precision precision, boolean recompute) {
    LoraConfig config = LoraConfig.ofRank(2).useDora(true).targetModules("all-linear");
    try (PeftModel model =
        Peft.from(TinyModels.golden(name)).precision(precision).load().adapt(config)) {
      perturb(model);
      return gradients(model, recompute, IDS);
    }
  }

  /** Beside a method that is not made of kernels, PyTorch's graph records the layer. */
  @ParameterizedTest
  @CsvSource({"tiny-llama, FLOAT32", "tiny-llama, BFLOAT16"})
  void recomputedIsTheSameBesideAMethodThatIsNotMadeOfKernels(String name, Precision precision) {
    LoraConfig dora = LoraConfig.ofRank(2).useDora(true).targetModules("all-linear");
    Peft.Loader loader = Peft.from(TinyModels.golden(name)).precision(precision);
    try (PeftModel model = loader.load().adapt(dora)) {
      perturb(model);
      model.adapt("scales", Ia3Config.defaults());
      model.activate(Composition.stack(PeftModel.DEFAULT, "scales"));
      Map<String, double[]> kept = gradients(model, false, IDS);
      Map<String, double[]> again = gradients(model, true, IDS);
      kept.forEach(
          (tensor, expected) ->
              assertThat(requireNonNull(again.get(tensor))).as(tensor).containsExactly(expected));
    }
  }

  private static double[] all(Map<String, double[]> tensors) {
    return tensors.values().stream().flatMapToDouble(Arrays::stream).toArray();
  }

  private static double norm(double[] values) {
    return Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
  }

  private static void perturb(PeftModel model) {
    Random random = new Random(3);
    for (Trainable tensor : model.adapter(PeftModel.DEFAULT).trainables()) {
      double[] values = doubles(tensor.value());
      Arrays.setAll(values, i -> values[i] + 0.2 * random.nextGaussian());
      try (NDArray moved = tensor.value().getManager().create(values, tensor.value().getShape())) {
        Tensors.copy(tensor.value(), moved);
      }
    }
  }

  private static Map<String, double[]> gradients(
      PeftModel model, boolean recompute, long[][]... batches) {
    Map<String, Trainable> tensors = model.adapter(PeftModel.DEFAULT).tensors();
    tensors.values().forEach(Trainable::clearGradient);
    for (long[][] ids : batches) {
      try (Scope scope = new Scope()) {
        new Backpropagation(model, recompute ? Activations.RECOMPUTED : Activations.KEPT)
            .run(ModelInput.of(model.base().manager(), ids, null), targets(model, ids), 0.1, 1);
      }
    }
    Map<String, double[]> gradients = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          try (NDArray gradient = requireNonNull(Autograd.gradient(tensor.value()), name)) {
            gradients.put(name, doubles(gradient));
          }
        });
    return gradients;
  }

  private static LossTargets targets(PeftModel model, long[][] ids) {
    return model.base().task().type() == Task.Type.SEQ_CLS
        ? new LossTargets.Classes(Arrays.stream(ids).mapToLong(row -> row[0] % 3).toArray())
        : new LossTargets.NextTokens(ids);
  }

  private static double[] doubles(NDArray array) {
    float[] floats = Tensors.floats(array);
    return array.getDataType() == DataType.FLOAT64
        ? array.toDoubleArray()
        : IntStream.range(0, floats.length).mapToDouble(k -> floats[k]).toArray();
  }
}
