package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/**
 * MPNet: BERT without segments, with RoBERTa's positions and T5's relative positions (Song et al.
 * 2020, arXiv:2004.09297).
 */
public final class MpNet {

  /** The family. */
  public static final Family FAMILY = Family.of("mpnet", EncoderHeads::mpnet, MpNet::stack);

  private static final String BUCKETS = "relative_attention_num_buckets";
  private static final int BUCKET_COUNT = 32;
  private static final int FARTHEST = 128;

  /** The id of padding that transformers takes for positions, whatever the config says. */
  private static final int PADDING = 1;

  private MpNet() {}

  private static StackSpec stack(ModelConfig config, String body) {
    // transformers computes 32 buckets for a table of any length
    config.require(BUCKETS, config.integer(BUCKETS, BUCKET_COUNT), BUCKET_COUNT);
    StackSpec bert = Bert.withoutSegments(config, body);
    return Roberta.behindPadding(bert, config, PADDING)
        .scoreBias(
            new ScoreBiasSpec.Relative(
                body + ".encoder.relative_attention_bias", BUCKET_COUNT, FARTHEST, true))
        .eachAttention(
            (i, a) ->
                a.module("attention.attn")
                    .projections(List.of("q", "k", "v"))
                    .output("attention.attn.o")
                    .branch(BranchSpec.out("attention.LayerNorm")));
  }
}
