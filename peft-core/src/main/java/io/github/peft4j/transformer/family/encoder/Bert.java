package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.AbsolutePositions.Counting;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/** BERT and its sentence encoders (Devlin et al. 2018, arXiv:1810.04805). */
public final class Bert {

  /** The table of positions, of a body of this name. */
  static final String POSITIONS = "%s.embeddings.position_embeddings";

  private static final String ABSOLUTE = "absolute";

  /** The family. */
  public static final Family FAMILY = Family.of("bert", EncoderHeads::bert, Bert::stack);

  private Bert() {}

  static StackSpec stack(ModelConfig config, String body) {
    StackSpec stack = withoutSegments(config, body);
    return stack.embedding(typed(stack.embedding(), body, config.size("type_vocab_size")));
  }

  /** An embedding with segments. */
  static EmbeddingSpec typed(EmbeddingSpec embedding, String body, int types) {
    return embedding.types(body + ".embeddings.token_type_embeddings").typeCount(types);
  }

  /** An embedding with positions and a norm. */
  static EmbeddingSpec embedding(ModelConfig config, String body, Sizes sizes) {
    return EmbeddingSpec.of(body + ".embeddings.word_embeddings", sizes.hidden())
        .positions(
            new PositionSpec.Learned(
                POSITIONS.formatted(body), config.size("max_position_embeddings"), 0, Counting.ALL))
        .norm(body + ".embeddings.LayerNorm");
  }

  static StackSpec withoutSegments(ModelConfig config, String body) {
    config.require("add_cross_attention", config.flag("add_cross_attention", false), false);
    config.require(
        "position_embedding_type", config.text("position_embedding_type", ABSOLUTE), ABSOLUTE);
    Sizes sizes = Sizes.of(config);
    double dropout = config.dropout("hidden_dropout_prob");
    AttentionSpec attention =
        AttentionSpec.of(
                "attention.self",
                List.of("query", "key", "value"),
                "attention.output.dense",
                BranchSpec.out("attention.output.LayerNorm"))
            .dropout(config.dropout("attention_probs_dropout_prob"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("intermediate.dense", "output.dense"),
            config.size("intermediate_size"),
            Activation.of(config, "hidden_act", "gelu"),
            BranchSpec.out("output.LayerNorm"));
    return StackSpec.of(
            body,
            sizes,
            embedding(config, body, sizes).dropout(dropout),
            i -> LayerSpec.of("encoder.layer." + i, attention, feedForward).dropout(dropout),
            NormSpec.layer(config.positive("layer_norm_eps", 1e-12)),
            null)
        .causal(config.flag("is_decoder", false));
  }
}
