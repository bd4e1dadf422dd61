package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network.Mixture;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network.StoredExperts;
import io.github.peft4j.transformer.family.StackSpec;

/**
 * Mixtral: Mistral with a mixture of experts in each layer (Jiang et al. 2024, arXiv:2401.04088).
 */
public final class Mixtral {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY
          .like("mixtral", DecoderHeads.llama("Mixtral"), Mixtral::change)
          .ignores("router_aux_loss_coef");

  private static final StoredExperts STORED =
      new StoredExperts(
          "block_sparse_moe.gate",
          "block_sparse_moe.experts.%d.w1",
          "block_sparse_moe.experts.%d.w3",
          "block_sparse_moe.experts.%d.w2");

  private Mixtral() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    config.require("router_jitter_noise", config.number("router_jitter_noise", 0), 0.0);
    Mixture mixture = mixture(config, STORED, 8, 2, true);
    return Mistral.windowed(stack, config, null).eachFeedForward(f -> f.network(mixture));
  }

  /**
   * The mixture of a config.
   *
   * @param count the default number of experts
   * @param perToken the default number of experts of a token
   * @throws UnsupportedModelException if the config asks for the routers' auxiliary loss
   */
  static Mixture mixture(
      ModelConfig config, StoredExperts stored, int count, int perToken, boolean normalised) {
    requireNoAuxiliaryLoss(config);
    int experts = count(config, count);
    String field = "num_experts_per_tok";
    int chosen = config.size(field, perToken);
    if (chosen > experts) {
      throw config.error(field, chosen, "at most the number of experts, " + experts);
    }
    return new Mixture("mlp", "mlp.gate", "mlp.experts", stored, experts, chosen, normalised);
  }

  /** Releases of transformers name the number differently. */
  private static int count(ModelConfig config, int usual) {
    String field = config.has("num_local_experts") ? "num_local_experts" : "num_experts";
    int count = config.size(field, usual);
    if (config.has("num_experts") && config.size("num_experts") != count) {
      throw config.error(
          "num_experts", config.size("num_experts"), "the same as num_local_experts, " + count);
    }
    return count;
  }

  private static void requireNoAuxiliaryLoss(ModelConfig config) {
    String field = "output_router_logits";
    if (config.flag(field, false)) {
      throw new UnsupportedModelException(
          config.error(
              field,
              true,
              "false: transformers then adds the routers' auxiliary loss to that of the labels"
                  + " (router_aux_loss_coef), which is not computed here; set it to false to train"
                  + " on the labels alone. Outputs do not depend on it"));
    }
  }
}
