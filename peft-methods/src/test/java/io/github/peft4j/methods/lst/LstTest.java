package io.github.peft4j.methods.lst;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.fisher.FisherScores;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.StackSite;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LstTest {

  private static final LstConfig HALF = LstConfig.ofReductionFactor(2);
  private static final long[][] IDS = {{5, 6, 7, 8}, {9, 4, 30, 5}};

  @TempDir Path folder;

  /** Two layers with D = 16, 4 heads of 4 dimensions, 2 heads of keys, 24 in the network. */
  private PeftModel llama() {
    Path base = folder.resolve("llama");
    if (!Files.exists(base)) {
      TinyModels.copy("tiny-llama", base);
    }
    return Peft.load(base.toString());
  }

  @Test
  void theSideNetworkStartsAsTheModelPrunedByMagnitude() {
    try (PeftModel model = llama().adapt(HALF)) {
      assertPruned(model, magnitudes(model));
    }
  }

  @Test
  void fisherInformationOfExamplesPrunesIt() {
    try (PeftModel model = llama()) {
      Map<String, float[]> information =
          FisherScores.of(model, Trainings.echoes(5), 3, 512, 7, name -> true);
      LstPruning.of(HALF).examples(3).seed(7).adapt(model, Trainings.echoes(5));
      assertThat(model.adapters().keySet()).containsExactly("default");
      assertPruned(model, information);
      Map<String, float[]> magnitudes = magnitudes(model);
      assertThatThrownBy(() -> assertPruned(model, magnitudes)).isInstanceOf(AssertionError.class);
    }
  }

  private static Map<String, float[]> magnitudes(PeftModel model) {
    Map<String, float[]> magnitudes = new LinkedHashMap<>();
    weights(model)
        .forEach(
            (name, w) -> {
              float[] values = w.clone();
              for (int i = 0; i < values.length; i++) {
                values[i] = Math.abs(values[i]);
              }
              magnitudes.put(name, values);
            });
    return magnitudes;
  }

  private static Map<String, float[]> weights(PeftModel model) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    List<ParameterSite> sites = model.base().parameters().toList();
    sites.forEach(site -> weights.put(site.name(), Tensors.floats(site.frozen())));
    return weights;
  }

  /** By plain loops: which of 16 hidden, 4 head and 24 inner dimensions are kept. */
  private static void assertPruned(PeftModel model, Map<String, float[]> importance) {
    Function<String, float[]> of = name -> requireNonNull(importance.get(name));
    double[] hidden = new double[16];
    for (int layer = 0; layer < 2; layer++) {
      String prefix = "model.layers." + layer + ".";
      for (String map :
          List.of("self_attn.q", "self_attn.k", "self_attn.v", "mlp.gate", "mlp.up")) {
        float[] w = of.apply(prefix + map + "_proj.weight"); // (out, 16)
        for (int i = 0; i < w.length; i++) {
          hidden[i % 16] += w[i];
        }
      }
      for (String map : List.of("self_attn.o", "mlp.down")) {
        float[] w = of.apply(prefix + map + "_proj.weight"); // (16, in)
        for (int i = 0; i < w.length; i++) {
          hidden[i / (w.length / 16)] += w[i];
        }
      }
    }
    int[] stream = largest(hidden, 8);
    Map<String, float[]> weights = weights(model);
    assertThat(side(model, "norm.weight"))
        .isEqualTo(cut(requireNonNull(weights.get("model.norm.weight")), 1, new int[1], stream));
    for (int layer = 0; layer < 2; layer++) {
      String prefix = "model.layers." + layer + ".";
      double[] head = new double[4];
      for (String map : List.of("q", "k", "v")) {
        addRows(head, of.apply(prefix + "self_attn." + map + "_proj.weight"), stream);
      }
      double[] inner = new double[24];
      addRows(inner, of.apply(prefix + "mlp.gate_proj.weight"), stream);
      addRows(inner, of.apply(prefix + "mlp.up_proj.weight"), stream);
      int[] queries = blocks(largest(head, 2), 4, 4);
      int[] keys = blocks(largest(head, 2), 4, 2);
      int[] network = largest(inner, 12);
      assertCut(model, weights, layer, "self_attn.q_proj", 16, queries, stream);
      assertCut(model, weights, layer, "self_attn.k_proj", 16, keys, stream);
      assertCut(model, weights, layer, "self_attn.v_proj", 16, keys, stream);
      assertCut(model, weights, layer, "self_attn.o_proj", 16, stream, queries);
      assertCut(model, weights, layer, "mlp.gate_proj", 16, network, stream);
      assertCut(model, weights, layer, "mlp.up_proj", 16, network, stream);
      assertCut(model, weights, layer, "mlp.down_proj", 24, stream, network);
    }
  }

  private static void addRows(double[] scores, float[] w, int[] columns) {
    for (int row = 0; row < w.length / 16; row++) {
      for (int column : columns) {
        scores[row % scores.length] += w[row * 16 + column];
      }
    }
  }

  private static int[] largest(double[] scores, int k) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, scores.length).boxed().toList());
    order.sort(Comparator.comparingDouble((Integer i) -> scores[i]).reversed());
    int[] kept = order.subList(0, k).stream().mapToInt(i -> i).toArray();
    Arrays.sort(kept);
    return kept;
  }

  private static int[] blocks(int[] kept, int size, int count) {
    return IntStream.range(0, count)
        .flatMap(block -> Arrays.stream(kept).map(i -> block * size + i))
        .toArray();
  }

  private static void assertCut(
      PeftModel model,
      Map<String, float[]> weights,
      int layer,
      String map,
      int width,
      int[] rows,
      int[] columns) {
    String name = "layers." + layer + "." + map + ".weight";
    assertThat(side(model, name))
        .as(name)
        .isEqualTo(cut(requireNonNull(weights.get("model." + name)), width, rows, columns));
  }

  private static float[] cut(float[] w, int width, int[] rows, int[] columns) {
    float[] cut = new float[rows.length * columns.length];
    for (int i = 0; i < cut.length; i++) {
      cut[i] = w[rows[i / columns.length] * width + columns[i % columns.length]];
    }
    return cut;
  }

  private static float[] side(PeftModel model, String name) {
    return Tensors.floats(
        requireNonNull(
                model.adapter("default").tensors().get("base_model.model.model.side." + name))
            .value());
  }

  /** Notes whether a map of the frozen model is recorded. */
  private static final class Probe extends TunerLayer<NDArray, NDArray> {
    private final List<Boolean> recorded = new ArrayList<>();

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      NDArray y = base.forward(x);
      recorded.add(base.context().tape().isWatching() || Autograd.requiresGradient(y));
      return y;
    }
  }

  @Test
  void nothingOfTheModelIsRecorded() {
    try (PeftModel model = llama().adapt(HALF)) {
      Probe probe = new Probe();
      AdapterLayers probes = new AdapterLayers();
      probes.put(
          requireNonNull(model.base().site(LinearSite.class, "model.layers.1.self_attn.q_proj")),
          probe);
      AdapterLayers side = new AdapterLayers();
      for (Rewrite rewrite : model.adapter("default").rewrites()) {
        side.put((StackSite) rewrite.site(), (Ladder) rewrite.layer());
      }
      try (Scope scope = new Scope();
          Pass pass =
              new Pass(
                  Tape.recording(1),
                  null,
                  model
                      .base()
                      .resolve(
                          Composition.stack("probe", "side"),
                          Map.of("probe", probes, "side", side)))) {
        ModelInput input = ModelInput.of(model.base().manager(), IDS, null);
        assertThat(Autograd.requiresGradient(model.base().hidden(input, pass))).isTrue();
      }
      assertThat(probe.recorded).containsExactly(false);
    }
  }

  /** Rows of the side network's cache change places as those of the model's. */
  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-t5"})
  void beamsAreWrittenWithACacheAsWithout(String name) {
    Path base = folder.resolve(name);
    TinyModels.copy(name, base);
    try (PeftModel model = Peft.from(base).precision(Precision.FLOAT64).load()) {
      model.adapt("a", HALF).adapt("b", HALF.sideLayers(List.of(1)));
      for (String adapter : List.of("a", "b")) {
        model.activate(adapter);
        GenerationConfig beams = GenerationConfig.beams(3).maxNewTokens(8);
        String written = model.generate("w5 w6 w7", beams).text();
        assertThat(model.generate("w5 w6 w7", beams.useCache(false)).text()).isEqualTo(written);
      }
      model.activate(Composition.average("a", "b")); // each has a cache of its own
      GenerationConfig greedy = GenerationConfig.greedy().maxNewTokens(8);
      String both = model.generate("w5 w6 w7", greedy).text();
      assertThat(model.generate("w5 w6 w7", greedy.useCache(false)).text()).isEqualTo(both);
    }
  }

  @Test
  void aPartOfABatchIsRefused() {
    try (PeftModel model = llama().adapt("side", HALF).adapt("lora", LoraConfig.ofRank(2))) {
      model.activate(Composition.parallel("side", "lora"));
      ModelInput input = ModelInput.of(model.base().manager(), IDS, null);
      assertThatThrownBy(() -> model.logits(input))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("runs for a whole batch")
          .hasMessageContaining("one after the other");
    }
  }

  @Test
  void layersAndWidthsThatThereAreNotAreRefused() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.adapt(HALF.sideLayers(List.of(0, 2))))
          .hasMessageContaining("side_layers")
          .hasMessageContaining("indices below 2");
      assertThatThrownBy(() -> model.adapt(LstConfig.defaults()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("heads have 4 dimensions")
          .hasMessageContaining("smaller factor");
      assertThatThrownBy(() -> LstPruning.of(HALF).examples(0))
          .hasMessageContaining("examples is 0; expected 1 or more");
      assertThatThrownBy(() -> HALF.sideLayers(List.of(1, 1)))
          .hasMessageContaining("different indices");
      assertThat(model.adapters()).isEmpty();
    }
  }
}
