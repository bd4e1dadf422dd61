package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.combine.Combination;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Combined adapters against the arithmetic of their weights' changes in plain Java. */
class CombinationTest {

  private static final double[] WEIGHTS = {0.7, -0.4, 1.5};
  private static final int FULL = 16; // the smaller side of every matrix that is rewritten here

  @TempDir Path folder;

  /** Three adapters of unlike ranks, scales and targets, a table among them. */
  private static PeftModel three() {
    PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT64);
    add(
        model,
        "a",
        LoraConfig.ofRank(2).loraAlpha(6).targetModules("q_proj", "v_proj", "embed_tokens"));
    add(
        model,
        "b",
        LoraConfig.ofRank(3).loraAlpha(5).useRslora(true).targetModules("v_proj", "q_proj"));
    add(model, "c", LoraConfig.ofRank(4).targetModules("v_proj", "lm_head", "embed_tokens"));
    return model;
  }

  private static void add(PeftModel model, String name, PeftConfig config) {
    model.adapt(name, config);
    CompositionTest.perturb(model.adapter(name), name.hashCode());
  }

  private static Combination all() {
    return Combination.of("a", "b", "c").weights(WEIGHTS);
  }

  /** What adapters do to each weight, by its name; an adapter that does nothing is left out. */
  private static Map<String, Map<String, double[]>> changes(PeftModel model, String... names) {
    Map<String, Map<String, double[]>> changes = new LinkedHashMap<>();
    for (String name : names) {
      model
          .adapter(name)
          .rewrites()
          .forEach(
              rewrite -> {
                Site<?, ?> site = rewrite.site();
                changes
                    .computeIfAbsent(site.weightSiteRequired().name(), key -> new LinkedHashMap<>())
                    .put(name, change(site.weightSiteRequired(), (Mergeable) rewrite.layer()));
              });
    }
    return changes;
  }

  private static double[] change(ParameterSite weight, Mergeable layer) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            NDArray frozen = weight.frozen();
            return layer.merge(frozen).sub(frozen).toDoubleArray();
          }
        });
  }

  /** What is expected of the changes of one weight. */
  private interface Rule {
    double of(double[] changes, double[] weights);
  }

  private static void check(PeftModel model, Rule rule, @Nullable Double density) {
    Map<String, Map<String, double[]>> parts = changes(model, "a", "b", "c");
    Map<String, Map<String, double[]>> made = changes(model, "new");
    assertThat(made.keySet()).isEqualTo(parts.keySet());
    parts.forEach(
        (weight, byAdapter) -> {
          double[][] x =
              byAdapter.values().stream()
                  .map(change -> density == null ? change : largest(change, density))
                  .toArray(double[][]::new);
          double[] w =
              byAdapter.keySet().stream()
                  .mapToDouble(name -> WEIGHTS[name.charAt(0) - 'a'])
                  .toArray();
          double[] expected =
              IntStream.range(0, x[0].length)
                  .mapToDouble(
                      i -> rule.of(Arrays.stream(x).mapToDouble(change -> change[i]).toArray(), w))
                  .toArray();
          assertThat(requireNonNull(requireNonNull(made.get(weight)).get("new")))
              .as(weight)
              .containsExactly(expected, within(1e-9));
        });
  }

  private static double[] largest(double[] values, double density) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, values.length).boxed().toList());
    order.sort(Comparator.comparingDouble(i -> -Math.abs(values[i])));
    double[] left = new double[values.length];
    order.subList(0, (int) (density * values.length)).forEach(i -> left[i] = values[i]);
    return left;
  }

  private static double sum(double[] x, double[] w) {
    return IntStream.range(0, x.length).mapToDouble(i -> w[i] * x[i]).sum();
  }

  private static double meanOfElected(double[] x, double[] w, double votes) {
    double sum = 0;
    int count = 0;
    for (int i = 0; i < x.length; i++) {
      if (x[i] != 0 && (x[i] > 0) == (votes >= 0)) {
        sum += w[i] * x[i];
        count++;
      }
    }
    return sum / Math.max(1, count);
  }

  @Test
  void aSumIsExactAndItsRanksAddUp() {
    try (PeftModel model = three()) {
      Composition before = model.active();
      model.combine("new", all());
      check(model, CombinationTest::sum, null);
      assertThat(model.adapter("new").parts().get(0).configText())
          .contains("\"model.layers.0.self_attn.q_proj\": 5")
          .contains("\"model.embed_tokens\": 6")
          .contains("\"r\": 9");
      assertThat(model.active()).isEqualTo(before);
      assertThat(model.activate("new").active()).isEqualTo(Composition.of("new"));
    }
  }

  @Test
  void aSumOfFullRankIsExactHoweverItIsDecomposed() {
    try (PeftModel model = three()) {
      model.combine("new", all().rank(FULL));
      check(model, CombinationTest::sum, null);
      model.remove("new").combine("new", all().magnitudePrune(1).rank(FULL));
      check(model, CombinationTest::sum, null);
    }
  }

  /** Two ways to a truncated decomposition: by the factors and by the whole matrix. */
  @Test
  void aLowerRankIsTheNearest() {
    try (PeftModel model = three()) {
      model.combine("new", all().rank(2));
      model.combine("whole", all().magnitudePrune(1).rank(2));
      Map<String, Map<String, double[]>> both = changes(model, "new", "whole");
      both.forEach(
          (weight, change) -> {
            double[] two = requireNonNull(change.get("new"));
            assertThat(two)
                .as(weight)
                .containsExactly(requireNonNull(change.get("whole")), within(1e-9));
          });
      assertThat(model.adapter("new").parts().get(0).configText())
          .contains("\"r\": 2")
          .contains("\"lora_alpha\": 2");
    }
  }

  @Test
  void prunedChangesAreThoseOfLargestMagnitude() {
    try (PeftModel model = three()) {
      model.combine("new", all().magnitudePrune(0.3).rank(FULL));
      check(model, CombinationTest::sum, 0.3);
    }
  }

  @Test
  void signsAreElected() {
    try (PeftModel model = three()) {
      model.combine("new", all().ties(0.6).rank(FULL));
      check(model, (x, w) -> meanOfElected(x, w, Arrays.stream(x).sum()), 0.6);
      model
          .remove("new")
          .combine("new", all().ties(0.6).electing(Combination.Election.FREQUENCY).rank(FULL));
      check(model, (x, w) -> meanOfElected(x, w, Arrays.stream(x).map(Math::signum).sum()), 0.6);
    }
  }

  @Test
  void whatIsDroppedIsDroppedBySeed() {
    try (PeftModel model = three()) {
      Combination half = Combination.of("a").dareLinear(0.5, 3).rank(FULL);
      model.combine("x", half);
      model.combine("y", half);
      model.combine("z", Combination.of("a").dareLinear(0.5, 4).rank(FULL));
      int kept = 0;
      int all = 0;
      for (Map<String, double[]> change : changes(model, "a", "x", "y", "z").values()) {
        if (change.size() == 1) {
          continue;
        }
        double[] a = requireNonNull(change.get("a"));
        double[] x = requireNonNull(change.get("x"));
        assertThat(x).isEqualTo(change.get("y")).isNotEqualTo(change.get("z"));
        for (int i = 0; i < a.length; i++) {
          boolean here = Math.abs(x[i]) > Math.abs(a[i]);
          assertThat(x[i]).isCloseTo(here ? 2 * a[i] : 0, within(1e-9));
          kept += here ? 1 : 0;
          all++;
        }
      }
      assertThat(kept / (double) all).isBetween(0.45, 0.55);
      model.combine("new", all().dareTies(1, 0).rank(FULL));
      check(model, (x, w) -> meanOfElected(x, w, Arrays.stream(x).sum()), null);
    }
  }

  /** Methods without factors give what they do to the weight, relative to the frozen one. */
  @Test
  void otherChangesOfWeightsAreDecomposed() {
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT64)) {
      add(model, "a", LohaConfig.ofRank(2));
      add(model, "b", OftConfig.ofBlockSize(4));
      add(model, "c", LoraConfig.ofRank(2).useDora(true));
      assertThatThrownBy(() -> model.combine("new", all()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("field 'rank'");
      assertThat(model.adapters()).containsOnlyKeys("a", "b", "c");
      model.combine("new", all().rank(FULL));
      check(model, CombinationTest::sum, null);
    }
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT64)) {
      add(model, "a", ShiraConfig.ofRank(1));
      add(model, "b", TrainableTokensConfig.of(5, 9));
      add(model, "c", LoraConfig.ofRank(2));
      model.combine("new", all().ties(0.5).rank(FULL));
      check(model, (x, w) -> meanOfElected(x, w, Arrays.stream(x).sum()), 0.5);
    }
  }

  @Test
  void classifiersAreCombinedWhole() {
    try (PeftModel model = TinyModel.BERT.load(Precision.FLOAT64)) {
      add(model, "a", LoraConfig.ofRank(2));
      add(model, "b", LoraConfig.ofRank(2));
      add(model, "c", LoraConfig.ofRank(2));
      model.combine("new", all());
      check(model, CombinationTest::sum, null);
      assertThat(changes(model, "new")).containsKeys("classifier.weight", "classifier.bias");
    }
  }

  @Test
  void aCombinationIsSavedAndLoaded() {
    try (PeftModel model = three();
        PeftModel again = TinyModel.LLAMA.load(Precision.FLOAT64)) {
      model.combine("new", all()).activate("new");
      double[] expected = CompositionTest.logits(TinyModel.LLAMA, model, model.active());
      model.save("new", folder);
      again.loadAdapter("new", folder);
      assertThat(CompositionTest.logits(TinyModel.LLAMA, again, again.active()))
          .containsExactly(expected, within(1e-5));
    }
  }

  @Test
  void whatIsNoChangeOfWeightsIsRefused() {
    try (PeftModel model = TinyModel.BERT.load(Precision.FLOAT64)) {
      add(model, "a", LoraConfig.ofRank(2));
      add(model, "p", PrefixTuningConfig.ofVirtualTokens(3));
      add(model, "i", Ia3Config.defaults());
      add(model, "o", LoraConfig.ofRank(2).bias("lora_only"));
      assertThatThrownBy(() -> model.combine("new", Combination.of("a", "p")))
          .hasMessageContaining("adapter 'p' (PREFIX_TUNING) cannot be combined")
          .hasMessageContaining("is no change of weights");
      assertThatThrownBy(() -> model.combine("new", Combination.of("a", "i").rank(4)))
          .hasMessageContaining("adapter 'i' (IA3)")
          .hasMessageContaining("changes the bias as well");
      assertThatThrownBy(() -> model.combine("new", Combination.of("a", "o")))
          .hasMessageContaining("a part of")
          .hasMessageContaining("query");
      assertThatThrownBy(() -> model.combine("new", Combination.of("a", "x")))
          .hasMessageContaining("there is no adapter 'x'");
      assertThatThrownBy(() -> Combination.of("a", "b").ties(0))
          .hasMessageContaining("field 'density' is 0.0; expected a value in (0, 1]");
      assertThat(model.adapters()).containsOnlyKeys("a", "p", "i", "o");
    }
  }

  /** PEFT's svd_clamp: torch.quantile of U S and Vᵀ together, by linear interpolation. */
  @Test
  void clampingCutsBothFactorsAtAQuantileOfAll() {
    try (PeftModel model = three()) {
      model.combine("plain", all().rank(3));
      model.combine("clamped", all().rank(3).clamp(0.83));
      List<Rewrite> plain = model.adapter("plain").rewrites();
      for (int i = 0; i < plain.size(); i++) {
        double[][] factors = factors(plain.get(i));
        double[] sorted = Arrays.stream(factors).flatMapToDouble(Arrays::stream).sorted().toArray();
        double place = 0.83 * (sorted.length - 1);
        int below = (int) place;
        double most = sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
        double[][] clamped = factors(model.adapter("clamped").rewrites().get(i));
        for (int j = 0; j < 2; j++) {
          double[] expected =
              Arrays.stream(factors[j]).map(x -> Math.max(-most, Math.min(most, x))).toArray();
          assertThat(clamped[j]).containsExactly(expected, within(1e-9));
          assertThat(clamped[j]).isNotEqualTo(factors[j]);
        }
      }
      assertThatThrownBy(() -> all().clamp(0.5))
          .hasMessageContaining("field 'clamp' is 0.5; expected a value in (0.5, 1]");
    }
  }

  private static double[][] factors(Rewrite rewrite) {
    return rewrite.layer().trainables().stream()
        .map(tensor -> tensor.value().toDoubleArray())
        .toArray(double[][]::new);
  }

  @Test
  void typesAreKnownByPeftsNames() {
    Map<String, Combination> types =
        Map.of(
            "cat", all(),
            "magnitude_prune_svd", all().magnitudePrune(0.4).rank(4),
            "dare_linear_svd", all().dareLinear(0.4, 5).rank(4),
            "ties_svd", all().ties(0.4).rank(4),
            "dare_ties_svd", all().dareTies(0.4, 5).rank(4));
    try (PeftModel model = three()) {
      types.forEach(
          (type, same) -> {
            model.combine("same", same);
            model.combine(
                "named", type.equals("cat") ? all().type(type) : all().type(type, 0.4, 5));
            Map<String, Map<String, double[]>> changes = changes(model, "same", "named");
            model.remove("same").remove("named");
            assertThat(model.adapters()).hasSize(3);
            if (!type.equals("cat")) {
              changes.keySet().retainAll(List.of("model.layers.0.self_attn.v_proj.weight"));
            }
            changes.forEach(
                (weight, by) ->
                    assertThat(requireNonNull(by.get("named")))
                        .as("%s of %s", type, weight)
                        .containsExactly(requireNonNull(by.get("same")), within(1e-9)));
          });
      assertThatThrownBy(() -> all().type("linear"))
          .hasMessageContaining("field 'combination_type' is linear; expected one of [cat, svd")
          .hasMessageContaining("take cat for linear");
      assertThatThrownBy(() -> all().type("svd", 0.5, 0))
          .hasMessageContaining("field 'density' is 0.5; expected 1, as svd prunes nothing");
    }
  }

  /** Left open, svd has the largest of the ranks that are there. */
  @Test
  void svdHasTheLargestRank() {
    try (PeftModel model = three()) {
      model.combine("new", Combination.of("a", "b").type("svd"));
      model.combine("same", Combination.of("a", "b").rank(3));
      changes(model, "new", "same")
          .forEach(
              (weight, by) ->
                  assertThat(requireNonNull(by.get("new")))
                      .as(weight)
                      .containsExactly(requireNonNull(by.get("same")), within(1e-9)));
      for (Rewrite rewrite : model.adapter("new").rewrites()) {
        boolean both = rewrite.site().name().endsWith("_proj");
        assertThat(rewrite.layer().trainables().get(0).value().getShape().get(0))
            .as(rewrite.site().name())
            .isEqualTo(both ? 3 : 2);
      }
    }
  }
}
