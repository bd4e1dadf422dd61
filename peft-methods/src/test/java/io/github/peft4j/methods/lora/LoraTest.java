package io.github.peft4j.methods.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LoraTest {

  private static PeftModel load(String name) {
    return Peft.load(TinyModels.golden(name).toString());
  }

  private static LoraConfig completed(PeftModel model, LoraConfig config) {
    return (LoraConfig) model.adapt(config).adapter(PeftModel.DEFAULT).config();
  }

  @Test
  void whatPeftFillsInIsFilledIn() {
    try (PeftModel model = load("tiny-llama")) {
      TargetModules usual = completed(model, LoraConfig.ofRank(2)).targetModules();
      assertThat(usual).isEqualTo(TargetModules.of(List.of("q_proj", "v_proj")));
      assertThat(model.adapter("default").parts().get(0).configText())
          .contains("\"fan_in_fan_out\": false");
    }
    try (PeftModel model = load("tiny-bert")) {
      LoraConfig all =
          completed(model, LoraConfig.ofRank(2).targetModules(TargetModules.ALL_LINEAR));
      // "dense" ends the pooler's name as well as those in the layers, and all are meant.
      assertThat(all.targetModules())
          .isEqualTo(TargetModules.of(List.of("query", "key", "value", "dense")));
      assertThat(model.adapter("default").rewrites()).hasSize(2 * 6 + 1 + 2);
    }
  }

  private static long rankOf(PeftModel model, String module) {
    String name = "base_model.model.model.layers.0.self_attn." + module + ".lora_A.weight";
    Trainable factor = Objects.requireNonNull(model.adapter("default").tensors().get(name));
    return factor.value().getShape().get(0);
  }

  /** Of several patterns that fit a module the first counts, here and in what is saved. */
  @Test
  void patternsKeepTheirOrder() {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    List<String> patterns = List.of("v_proj", ".*_proj", "q_proj", "self_attn.q_proj", "[a-z_]+");
    patterns.forEach(pattern -> ranks.put(pattern, 1 + ranks.size()));
    LoraConfig config = LoraConfig.ofRank(8).rankPattern(ranks);
    assertThat(config.rankPattern().keySet()).containsExactlyElementsOf(patterns);
    try (PeftModel model = load("tiny-llama")) {
      model.adapt(config.targetModules("q_proj", "v_proj"));
      assertThat(rankOf(model, "v_proj")).isOne();
      assertThat(rankOf(model, "q_proj")).isEqualTo(2);
      assertThat(model.adapter("default").parts().get(0).configText())
          .containsSubsequence(patterns.stream().map(pattern -> '"' + pattern + '"').toList());
    }
  }

  @Test
  void patternsThatMatchNothingAreNamed() {
    try (PeftModel model = load("tiny-llama")) {
      LoraConfig config =
          LoraConfig.ofRank(8)
              .targetModules("q_proj", "v_proj")
              .rankPattern(Map.of("q_proj", 2, "k_proj", 4))
              .alphaPattern(Map.of("layers.0.self_attn.v_proj", 3.0));
      assertThat(Logged.by(() -> model.adapt(config)))
          .contains("LoraConfig: [k_proj] of rank_pattern match no module")
          .doesNotContain("alpha_pattern");
    }
  }

  /** GPT-2's weights are stored as (in, out). */
  @Test
  void transposedWeightsAreSaidToBe() {
    try (PeftModel model = load("tiny-llama")) {
      ParameterSite weight =
          Objects.requireNonNull(
                  model.base().site(LinearSite.class, "model.layers.0.self_attn.q_proj"))
              .weight();
      LinearSite conv =
          new LinearSite(
              "h.0.attn.c_attn",
              LinearSite.Role.QUERY_KEY_VALUE,
              weight,
              null,
              true,
              (x, context) -> x);
      Initializer initial = new Initializer(model.base().manager(), Precision.FLOAT32, 1);
      LoraConfig config =
          new Lora()
              .complete(
                  LoraConfig.ofRank(2), new Sites(Stream.of(conv), Map.of(), initial, null, null));
      assertThat(config.fanInFanOut()).isTrue();
      assertThat(config.targetModules()).isEqualTo(TargetModules.of(List.of("c_attn")));
    }
  }

  /** Where the last parts of names would mean more modules, whole names are written. */
  @Test
  void targetsMeanNoOtherModules() {
    try (PeftModel model = load("tiny-llama")) {
      Sites sites =
          new Sites(
              model.base().sites(),
              Map.of(),
              new Initializer(model.base().manager(), Precision.FLOAT32, 1),
              null,
              null);
      Selection<LinearSite> some =
          sites.linear(TargetModules.of(List.of("layers.1.self_attn.q_proj")));
      assertThat(some.targets())
          .isEqualTo(TargetModules.of(List.of("model.layers.1.self_attn.q_proj")));
    }
  }

  private static double loss(PeftModel model, long seed) {
    long[][] ids = {{5, 6, 7, 30, 8}, {9, 4, 12, 5, 39}};
    return new Backpropagation(model, Activations.KEPT)
        .run(
            ModelInput.of(model.base().manager(), ids, null),
            new LossTargets.NextTokens(ids),
            0.1,
            seed);
  }

  /** As in PEFT, dropout is before A of a linear module, and embeddings have none. */
  @Test
  void embeddingsHaveNoDropout() {
    LoraConfig config =
        LoraConfig.ofRank(2).loraDropout(0.7).initLoraWeights(LoraInitialization.RANDOM);
    try (PeftModel model = load("tiny-llama").adapt(config.targetModules("embed_tokens"))) {
      assertThat(loss(model, 1)).isEqualTo(loss(model, 2));
    }
    try (PeftModel model = load("tiny-llama").adapt(config.targetModules("q_proj"))) {
      assertThat(loss(model, 1)).isNotEqualTo(loss(model, 2));
    }
  }

  @Test
  void tokensThatAreNotThereAreRefused() {
    try (PeftModel model = load("tiny-llama")) {
      assertThatThrownBy(() -> model.adapt(LoraConfig.ofRank(2).trainableTokenIndices(5, 40)))
          .hasMessageContaining("[5, 40]; expected ids below 40");
      assertThat(model.adapters()).isEmpty();
    }
  }
}
