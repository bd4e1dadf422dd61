package io.github.peft4j.transformer.family.decoder;

import com.google.gson.JsonObject;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec.Norms;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Gemma 3, text: five layers with a window for each one without, which have rotary positions of
 * their own; normalised queries and keys (Gemma Team 2025, arXiv:2503.19786).
 */
public final class Gemma3 {

  /** The text models. */
  public static final Family FAMILY =
      Gemma.FAMILY.like("gemma3_text", DecoderHeads::gemma3Text, Gemma3::change);

  /**
   * The text model within models for images and texts. Their config files leave out fields that
   * have transformers' default.
   */
  public static final Family MULTIMODAL =
      Gemma.FAMILY
          .like("gemma3", DecoderHeads::gemma3, Gemma3::change)
          .ignores(
              "boi_token_index",
              "eoi_token_index",
              "image_token_index",
              "mm_tokens_per_image",
              "vision_config")
          .within(
              new Family.Part(
                  "text_config",
                  defaults(),
                  Map.of(
                      "language_model.model.", "model.language_model.",
                      "language_model.lm_head.", "lm_head."),
                  List.of(
                      "vision_tower.",
                      "model.vision_tower.",
                      "multi_modal_projector.",
                      "model.multi_modal_projector.")));

  /** The defaults of transformers' Gemma3TextConfig. */
  private static JsonObject defaults() {
    JsonObject defaults = new JsonObject();
    defaults.addProperty("vocab_size", 262_208);
    defaults.addProperty("hidden_size", 2304);
    defaults.addProperty("intermediate_size", 9216);
    defaults.addProperty("num_hidden_layers", 26);
    defaults.addProperty("num_attention_heads", 8);
    defaults.addProperty("num_key_value_heads", 4);
    defaults.addProperty("head_dim", 256);
    defaults.addProperty("max_position_embeddings", 131_072);
    defaults.addProperty("sliding_window", 4096);
    return defaults;
  }

  private Gemma3() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    Sizes sizes = stack.sizes();
    config.require("attn_logit_softcapping", config.has("attn_logit_softcapping"), false);
    boolean bothWays = config.flag("use_bidirectional_attention", false);
    int pattern = config.size("sliding_window_pattern", config.size("_sliding_window_pattern", 6));
    IntPredicate sliding = Windows.sliding(config, sizes.layers(), i -> (i + 1) % pattern != 0);
    Integer size = Windows.size(config, 4096);
    IntFunction<@Nullable Integer> window =
        Windows.of(sliding, bothWays && size != null ? Integer.valueOf(size / 2) : size);
    RopeSpec local =
        rope(config, "sliding_attention", "rope_local_base_freq", 10_000, sizes.head());
    RopeSpec global = rope(config, "full_attention", "rope_theta", 1_000_000, sizes.head());
    return Gemma2.normedAround(stack, config)
        .causal(!bothWays)
        .eachAttention(
            (i, a) ->
                a.window(window.apply(i))
                    .rope(sliding.test(i) ? local : global)
                    .norms(new Norms("q_norm", "k_norm", false)));
  }

  /** The rotary positions of a kind of layer; in older configs only global layers are scaled. */
  private static RopeSpec rope(
      ModelConfig config, String kind, String theta, double usual, int head) {
    ModelConfig given =
        config.has("rope_parameters")
            ? config.within("rope_parameters").within(kind)
            : kind.equals("full_attention") ? config.within("rope_scaling") : config.within(kind);
    double base = given.positive("rope_theta", config.positive(theta, usual));
    return RopeSpec.of(config, given, head).theta(base);
  }
}
