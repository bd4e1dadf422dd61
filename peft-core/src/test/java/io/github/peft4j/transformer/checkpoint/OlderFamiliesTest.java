package io.github.peft4j.transformer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Older names of fields, and what is not computed, in configs of encoder-decoders and decoders. */
class OlderFamiliesTest {

  private static final String BLOOM =
      "{'model_type': 'bloom', 'n_embed': 48, 'n_layer': 2, 'num_attention_heads': 4}";
  private static final String FALCON =
      "{'model_type': 'falcon', 'hidden_size': 48, 'num_hidden_layers': 2,"
          + " 'num_attention_heads': 4}";
  private static final String NEOX =
      "{'model_type': 'gpt_neox', 'hidden_size': 48, 'num_hidden_layers': 2,"
          + " 'num_attention_heads': 2, 'intermediate_size': 96, 'max_position_embeddings': 64,"
          + " 'rotary_pct': 0.5, 'rotary_emb_base': 1000}";
  private static final String OPT =
      "{'model_type': 'opt', 'hidden_size': 48, 'num_hidden_layers': 2, 'ffn_dim': 96,"
          + " 'num_attention_heads': 4, 'max_position_embeddings': 64}";
  private static final String PHI =
      "{'model_type': 'phi', 'hidden_size': 48, 'num_hidden_layers': 2,"
          + " 'num_attention_heads': 4, 'intermediate_size': 96, 'max_position_embeddings': 64}";
  private static final String MARIAN =
      "{'model_type': 'marian', 'vocab_size': 32, 'd_model': 48, 'encoder_layers': 2,"
          + " 'decoder_layers': 2, 'encoder_attention_heads': 4, 'decoder_attention_heads': 4,"
          + " 'encoder_ffn_dim': 96, 'decoder_ffn_dim': 96, 'max_position_embeddings': 64}";

  private static List<StackSpec> stacks(JsonObject json) {
    ModelConfig config = ModelConfig.of(json, "config.json");
    List<StackSpec> stacks = Families.of(config).stacks(config, "body");
    assertThat(stacks).allSatisfy(stack -> assertThat(stack.layer().apply(0)).isNotNull());
    return stacks;
  }

  private static JsonObject json(String config) {
    return JsonParser.parseString(config).getAsJsonObject();
  }

  @Test
  void bloomHasOlderNamesOfSizes() {
    assertThat(stacks(json(BLOOM)).get(0).sizes().hidden()).isEqualTo(48);
    assertThat(stacks(json(BLOOM)).get(0).sizes().heads()).isEqualTo(4);
  }

  @Test
  void gptNeoXHasOlderNamesOfRotaryPositions() {
    RopeSpec rope =
        Objects.requireNonNull(stacks(json(NEOX)).get(0).layer().apply(0).attention().rope());
    assertThat(rope.dimensions()).isEqualTo(12);
    assertThat(rope.theta()).isEqualTo(1000);
  }

  @Test
  void falconHasOneKeyForAllQueriesUnlessItSaysOtherwise() {
    assertThat(stacks(json(FALCON)).get(0).sizes().keyValueHeads()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "bloom, 'pretraining_tp: 2, slow_but_exact: true', slow_but_exact",
    "bloom, n_inner: 96, n_inner",
    "falcon, 'new_decoder_architecture: true, parallel_attn: false', parallel_attn",
    "falcon, num_ln_in_parallel_attn: 2, num_ln_in_parallel_attn",
    "falcon, 'parallel_attn: false, hidden_dropout: 0.1', attention_dropout",
    "neox, is_decoder: true, is_decoder",
    "opt, layer_norm_elementwise_affine: false, layer_norm_elementwise_affine",
    "opt, layerdrop: 0.1, layerdrop",
    "phi, tie_word_embeddings: true, tie_word_embeddings",
    "marian, share_encoder_decoder_embeddings: false, share_encoder_decoder_embeddings",
    "marian, decoder_vocab_size: 30, decoder_vocab_size",
    "marian, encoder_layerdrop: 0.1, encoder_layerdrop",
  })
  void whatIsNotComputedIsRefusedByName(String family, String fields, String named) {
    JsonObject config =
        json(
            switch (family) {
              case "bloom" -> BLOOM;
              case "falcon" -> FALCON;
              case "neox" -> NEOX;
              case "opt" -> OPT;
              case "phi" -> PHI;
              default -> MARIAN;
            });
    json("{" + fields + "}").entrySet().forEach(e -> config.add(e.getKey(), e.getValue()));
    assertThatThrownBy(() -> stacks(config))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("config.json: field '" + named + "'");
  }
}
