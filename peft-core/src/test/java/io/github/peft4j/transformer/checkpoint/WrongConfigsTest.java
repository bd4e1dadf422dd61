package io.github.peft4j.transformer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Values that no model has are errors that name the field, and not foreign exceptions. */
class WrongConfigsTest {

  private static final String SIZES =
      "'hidden_size': 48, 'num_hidden_layers': 2, 'num_attention_heads': 4,"
          + " 'intermediate_size': 96, 'max_position_embeddings': 64, 'vocab_size': 32";

  private static List<StackSpec> stacks(String family, String fields) {
    JsonObject json =
        JsonParser.parseString("{'model_type': '%s', %s, %s}".formatted(family, SIZES, fields))
            .getAsJsonObject();
    ModelConfig config = ModelConfig.of(json, "config.json");
    List<StackSpec> stacks = Families.of(config).stacks(config, "body");
    stacks.forEach(stack -> Objects.requireNonNull(stack.layer().apply(0)));
    return stacks;
  }

  @ParameterizedTest
  @CsvSource({
    "falcon, ffn_hidden_size: -1, ffn_hidden_size",
    "falcon, max_position_embeddings: -1, max_position_embeddings",
    "gemma3_text, sliding_window_pattern: 0, sliding_window_pattern",
    "smollm3, no_rope_layer_interval: 0, no_rope_layer_interval",
    "modernbert, global_attn_every_n_layers: 0, global_attn_every_n_layers",
    "modernbert, local_attention: -4, local_attention",
    "opt, 'ffn_dim: 96, word_embed_proj_dim: -1', word_embed_proj_dim",
    "albert, 'type_vocab_size: 2, embedding_size: -1', embedding_size",
    "phi3, 'rope_scaling: {type: longrope, original_max_position_embeddings: 1, factor: 4.0,"
        + " short_factor: [1, 1, 1, 1, 1, 1], long_factor: [2, 2, 2, 2, 2, 2]}',"
        + " original_max_position_embeddings",
  })
  void areNamed(String family, String fields, String named) {
    assertThatThrownBy(() -> stacks(family, fields))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("config.json")
        .hasMessageContaining("'" + named + "'")
        .hasMessageContaining("expected");
  }

  /** transformers rotates the whole head in these families, whatever the file says. */
  @Test
  void llamaRotatesTheWholeHead() {
    RopeSpec rope =
        Objects.requireNonNull(
            stacks("llama", "rope_parameters: {rope_theta: 100.0, partial_rotary_factor: 0.5}")
                .get(0)
                .layer()
                .apply(0)
                .attention()
                .rope());
    assertThat(rope.dimensions()).isEqualTo(12);
  }

  @Test
  void phi3RotatesTheShareThatTheFileSays() {
    RopeSpec rope =
        Objects.requireNonNull(
            stacks("phi3", "rope_parameters: {rope_theta: 100.0, partial_rotary_factor: 0.5}")
                .get(0)
                .layer()
                .apply(0)
                .attention()
                .rope());
    assertThat(rope.dimensions()).isEqualTo(6);
  }
}
