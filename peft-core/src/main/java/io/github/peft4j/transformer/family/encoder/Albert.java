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
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/**
 * ALBERT: BERT with embeddings of a size of their own, and layers that are applied several times
 * (Lan et al. 2019, arXiv:1909.11942).
 */
public final class Albert {

  /** The family. The ignored fields are in the configs of the authors and mean nothing. */
  public static final Family FAMILY =
      Family.of("albert", EncoderHeads::albert, Albert::stack)
          .ignores(
              "down_scale_factor",
              "gap_size",
              "layers_to_keep",
              "net_structure_type",
              "num_memory_blocks");

  private Albert() {}

  private static StackSpec stack(ModelConfig config, String body) {
    StackSpec bert = Bert.stack(config, body);
    Sizes sizes = bert.sizes();
    int groups = config.size("num_hidden_groups", 1);
    int inGroup = config.size("inner_group_num", 1);
    double share = (double) sizes.layers() / groups; // of all applications, for one group
    AttentionSpec attention =
        AttentionSpec.of(
                "attention",
                List.of("query", "key", "value"),
                "attention.dense",
                BranchSpec.out("attention.LayerNorm"))
            .dropout(config.dropout("attention_probs_dropout_prob"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("ffn", "ffn_output"),
            config.size("intermediate_size"),
            Activation.of(config, "hidden_act", "gelu_new"),
            BranchSpec.out("full_layer_layer_norm"));
    return bert.sizes(sizes.layers(sizes.layers() * inGroup))
        .embedding(
            bert.embedding()
                .dimension(config.size("embedding_size", 128))
                .projection(body + ".encoder.embedding_hidden_mapping_in"))
        .layer(
            i ->
                LayerSpec.of(
                        "encoder.albert_layer_groups.%d.albert_layers.%d"
                            .formatted(
                                (int) Math.floor((i - i % inGroup) / (inGroup * share)),
                                i % inGroup),
                        attention,
                        feedForward)
                    .attentionOutputDropout(config.dropout("hidden_dropout_prob")));
  }
}
