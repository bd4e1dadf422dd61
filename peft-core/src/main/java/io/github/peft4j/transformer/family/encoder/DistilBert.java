package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/** DistilBERT: BERT without segments, under other names (Sanh et al. 2019, arXiv:1910.01108). */
public final class DistilBert {

  private static final Sizes.Fields FIELDS =
      new Sizes.Fields("dim", "n_layers", "n_heads", null, null);

  /**
   * The family. {@code sinusoidal_pos_embds} says how the table of positions was initialised, which
   * is in the checkpoint; {@code tie_weights_} is of an old class.
   */
  public static final Family FAMILY =
      Family.of("distilbert", EncoderHeads::distilbert, DistilBert::stack)
          .ignores("sinusoidal_pos_embds", "tie_weights_");

  private DistilBert() {}

  private static StackSpec stack(ModelConfig config, String body) {
    Sizes sizes = Sizes.of(config, FIELDS);
    double dropout = config.dropout("dropout");
    AttentionSpec attention =
        AttentionSpec.of(
                "attention",
                List.of("q_lin", "k_lin", "v_lin"),
                "attention.out_lin",
                BranchSpec.out("sa_layer_norm"))
            .dropout(config.dropout("attention_dropout"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("ffn.lin1", "ffn.lin2"),
            config.size("hidden_dim"),
            Activation.of(config, "activation", "gelu"),
            BranchSpec.out("output_layer_norm"));
    return StackSpec.of(
            body,
            sizes,
            Bert.embedding(config, body, sizes).dropout(dropout),
            i ->
                LayerSpec.of("transformer.layer." + i, attention, feedForward)
                    .feedForwardOutputDropout(dropout),
            NormSpec.layer(1e-12),
            null)
        .causal(false);
  }
}
