package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.composition.Fusing;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.fusion.FusionConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.SublayerSite;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** AdapterFusion: its formula, its training and its file. */
class FusionTest {

  @TempDir Path folder;

  private static PeftModel fused(TinyModel tiny, FusionConfig config) {
    PeftModel model = tiny.load(Precision.FLOAT64);
    for (String name : config.adapterNames()) {
      model.adapt(name, BottleneckConfig.houlsby().reductionFactor(4));
      CompositionTest.perturb(model.adapter(name), name.hashCode());
    }
    model.adapt("mix", config);
    CompositionTest.perturb(model.adapter("mix"), 5);
    return model;
  }

  /** The layer against the formula, number by number, in plain Java. */
  @Test
  void theLayerIsItsFormula() {
    try (PeftModel model = fused(TinyModel.BERT, FusionConfig.of("a", "b", "c"));
        Scope scope = new Scope()) {
      SublayerSite site =
          model
              .base()
              .sites()
              .filter(s -> s instanceof SublayerSite && model.adapter("mix").layer(s) != null)
              .map(SublayerSite.class::cast)
              .reduce((first, last) -> last)
              .orElseThrow();
      @SuppressWarnings("unchecked")
      Fusing<SublayerSite.Input, NDArray> layer =
          (Fusing<SublayerSite.Input, NDArray>) requireNonNull(model.adapter("mix").layer(site));
      Map<String, double[]> w = new TreeMap<>();
      requireNonNull(model.adapter("mix").layer(site))
          .trainables()
          .forEach(t -> w.put(t.key(), t.value().toDoubleArray()));
      int d = (int) site.dimension();
      Random random = new Random(1);
      double[] h = random.doubles(d, -1, 1).toArray();
      double[] residual = random.doubles(d, -1, 1).toArray();
      double[][] u = new double[3][];
      for (int i = 0; i < 3; i++) {
        u[i] = random.doubles(d, -1, 1).toArray();
      }
      NDManager manager = model.base().manager();
      Function<double[], NDArray> row = x -> manager.create(x, new Shape(1, 1, d));
      SublayerSite.Input input =
          new SublayerSite.Input(
              row.apply(h),
              row.apply(residual),
              (x, context) -> x,
              (sum, context) -> sum.mul(0.5)); // a norm that halves
      Pass pass = Pass.inference(ActiveAdapters.NONE);
      Function<Computation<SublayerSite.Input, NDArray>, Forward<SublayerSite.Input, NDArray>>
          bound = computation -> new Forward<>(computation, pass);
      double[] actual =
          Autograd.without(
              () ->
                  layer
                      .fuse(
                          input,
                          bound.apply((in, context) -> in.hidden()),
                          List.of(
                              bound.apply((in, context) -> in.hidden().add(row.apply(u[0]))),
                              bound.apply((in, context) -> in.hidden().add(row.apply(u[1]))),
                              bound.apply((in, context) -> in.hidden().add(row.apply(u[2])))))
                      .toDoubleArray());
      double[] z = new double[d];
      for (int i = 0; i < d; i++) {
        z[i] = 0.5 * (h[i] + residual[i]);
      }
      double[] query = affine(get(w, "query.weight"), get(w, "query.bias"), z);
      double[] p = new double[3];
      double sum = 0;
      for (int i = 0; i < 3; i++) {
        double[] key = affine(get(w, "key.weight"), get(w, "key.bias"), u[i]);
        double score = 0;
        for (int j = 0; j < d; j++) {
          score += query[j] * key[j];
        }
        p[i] = Math.exp(score);
        sum += p[i];
      }
      double[] expected = h.clone();
      for (int i = 0; i < 3; i++) {
        double[] value = affine(get(w, "value.weight"), new double[d], u[i]);
        for (int j = 0; j < d; j++) {
          expected[j] += p[i] / sum * value[j];
        }
      }
      assertThat(actual).containsExactly(expected, within(1e-12));
    }
  }

  private static double[] get(Map<String, double[]> tensors, String key) {
    return requireNonNull(tensors.get(key), key);
  }

  private static double[] affine(double[] weight, double[] bias, double[] x) {
    double[] y = bias.clone();
    for (int i = 0; i < y.length; i++) {
      for (int j = 0; j < x.length; j++) {
        y[i] += weight[i * x.length + j] * x[j];
      }
    }
    return y;
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "BERT", "T5"})
  void aFusionOfOneAdapterTwiceOverIsThatAdapter(TinyModel tiny) {
    try (PeftModel model =
        fused(tiny, FusionConfig.of("a", "b").value(false).regularization(false))) {
      double[] twice = CompositionTest.logits(tiny, model, Composition.fuse("mix", "a", "a"));
      Composition stacked =
          tiny == TinyModel.BERT // the fusion has a classifier of its own
              ? Composition.fuse("mix", Composition.average("a", "a"))
              : Composition.of("a");
      assertThat(twice).containsExactly(CompositionTest.logits(tiny, model, stacked), within(1e-9));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "BERT", "T5"})
  void onlyTheFusionIsTrained(TinyModel tiny) {
    try (PeftModel model = fused(tiny, FusionConfig.of("a", "b"))) {
      assertThat(model.adapter("a").isFrozen()).isTrue();
      List<Trainable> trained = model.trainables();
      assertThat(trained).isEqualTo(model.adapter("mix").trainables());
      List<double[]> before = values(model, "a", "b");
      double[] start = logits(tiny, model);
      Backpropagation backpropagation = new Backpropagation(model, Activations.RECOMPUTED);
      LossTargets targets = tiny.targets();
      try (AdamW optimizer = AdamW.of(trained, 0)) {
        for (int step = 0; step < 2; step++) {
          backpropagation.run(tiny.input(model), targets, 1.0 / model.count(targets), step);
          assertThat(backpropagation.penalty()).isPositive();
          optimizer.update(1e-2);
          optimizer.gradients().clear();
        }
      }
      assertThat(logits(tiny, model)).isNotEqualTo(start);
      List<double[]> after = values(model, "a", "b");
      for (int i = 0; i < before.size(); i++) {
        assertThat(after.get(i)).isEqualTo(before.get(i));
      }
    }
  }

  private static List<double[]> values(PeftModel model, String... names) {
    return List.of(names).stream()
        .flatMap(name -> model.adapter(name).trainables().stream())
        .map(tensor -> tensor.value().toDoubleArray())
        .toList();
  }

  private static double[] logits(TinyModel tiny, PeftModel model) {
    return CompositionTest.logits(tiny, model, model.active());
  }

  /** By central differences along a direction, with both ways back. */
  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "BERT", "T5"})
  void gradientsAreThoseOfFiniteDifferences(TinyModel tiny) {
    try (PeftModel model = fused(tiny, FusionConfig.of("a", "b"))) {
      LossTargets targets = tiny.targets();
      for (boolean recompute : new boolean[] {false, true}) {
        Backpropagation backpropagation =
            new Backpropagation(model, recompute ? Activations.RECOMPUTED : Activations.KEPT);
        for (Trainable tensor : model.trainables()) {
          backpropagation.run(tiny.input(model), targets, 1, 0);
          double[] gradient;
          try (NDArray array = requireNonNull(Autograd.gradient(tensor.value()))) {
            gradient = array.toDoubleArray();
          }
          model.trainables().forEach(Trainable::clearGradient);
          double[] direction = new Random(2).doubles(gradient.length, -1, 1).toArray();
          double expected = 0;
          for (int i = 0; i < gradient.length; i++) {
            expected += direction[i] * gradient[i];
          }
          double slope =
              (lossAt(tiny, model, tensor, direction, 1e-5)
                      - lossAt(tiny, model, tensor, direction, -1e-5))
                  / 2e-5;
          assertThat(slope)
              .as(tensor.key())
              .isCloseTo(expected, within(1e-5 + 1e-4 * Math.abs(expected)));
        }
      }
    }
  }

  private static double lossAt(
      TinyModel tiny, PeftModel model, Trainable tensor, double[] direction, double distance) {
    double[] start = tensor.value().toDoubleArray();
    double[] moved = start.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += distance * direction[i];
    }
    set(tensor, moved);
    double loss = MethodContract.sumOfLosses(tiny, model);
    set(tensor, start);
    return loss;
  }

  private static void set(Trainable tensor, double[] values) {
    try (NDArray array = tensor.value().getManager().create(values, tensor.value().getShape())) {
      Tensors.copy(tensor.value(), array);
    }
  }

  @Test
  void aFusionIsNoChangeOfWeights() {
    try (PeftModel model = fused(TinyModel.LLAMA, FusionConfig.of("a", "b"))) {
      assertThatThrownBy(model::merge)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("cannot be merged");
      assertThatThrownBy(
              () -> CompositionTest.logits(TinyModel.LLAMA, model, Composition.of("mix")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("take Composition.fuse(fusion, adapters)");
    }
  }

  @Test
  void aSavedFusionComesBack() {
    TinyModel tiny = TinyModel.LLAMA;
    try (PeftModel model = fused(tiny, FusionConfig.of("a", "b"));
        PeftModel again = tiny.load(Precision.FLOAT64)) {
      double[] expected = logits(tiny, model);
      for (String name : List.of("a", "b", "mix")) {
        model.save(name, folder.resolve(name));
        again.loadAdapter(name, folder.resolve(name));
      }
      assertThat(logits(tiny, again.activate("mix"))).containsExactly(expected, within(1e-5));
    }
  }

  @Test
  void otherAdaptersAreRefused() {
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32)) {
      model.adapt("a", LoraConfig.ofRank(2)).adapt("b", LoraConfig.ofRank(2));
      assertThatThrownBy(() -> model.adapt("mix", FusionConfig.of("a", "b")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("adapter_names")
          .hasMessageContaining("bottleneck adapters");
      model.adapt("c", BottleneckConfig.pfeiffer().reductionFactor(4));
      assertThatThrownBy(() -> model.adapt("mix", FusionConfig.of("a", "c")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("adapter a changes model.layers.0.self_attn.q_proj")
          .hasMessageContaining("only bottleneck adapters are fused");
      assertThat(model.adapters()).containsOnlyKeys("a", "b", "c");
      assertThat(model.active()).isEqualTo(Composition.of("c"));
    }
  }
}
