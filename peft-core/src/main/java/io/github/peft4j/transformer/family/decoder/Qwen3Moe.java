package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec.Norms;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network.Mixture;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network.StoredExperts;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import java.util.List;

/** Qwen3 with a mixture of experts in most layers (Yang et al. 2025, arXiv:2505.09388). */
public final class Qwen3Moe {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY
          .like("qwen3_moe", DecoderHeads.llamaWithTransformer("Qwen3Moe"), Qwen3Moe::change)
          .ignores("router_aux_loss_coef", "max_window_layers");

  private static final StoredExperts STORED =
      new StoredExperts(
          "mlp.gate",
          "mlp.experts.%d.gate_proj",
          "mlp.experts.%d.up_proj",
          "mlp.experts.%d.down_proj");

  private Qwen3Moe() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    Integer size = Windows.size(config, 4096);
    Integer window = config.flag("use_sliding_window", false) ? size : null;
    Mixture mixture = Mixtral.mixture(config, STORED, 128, 8, config.flag("norm_topk_prob", false));
    int inner = config.size("moe_intermediate_size", 768);
    List<Long> dense = config.integers("mlp_only_layers");
    int step = config.size("decoder_sparse_step", 1);
    return stack
        .eachAttention((i, a) -> a.window(window).norms(new Norms("q_norm", "k_norm", false)))
        .eachLayer(
            (i, layer) ->
                dense.contains((long) i) || (i + 1) % step != 0
                    ? layer
                    : layer.feedForward(layer.feedForward().network(mixture).inner(inner)));
  }
}
