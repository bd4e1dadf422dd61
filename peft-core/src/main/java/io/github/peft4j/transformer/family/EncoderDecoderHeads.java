package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.HeadSpec.Output;
import io.github.peft4j.transformer.head.LanguageModelHead.Logits;

/** The heads of encoder-decoders. */
public final class EncoderDecoderHeads {

  private static final Output LM_HEAD = Output.vocabulary("lm_head");
  private static final Output LM_HEAD_WITH_BIAS = LM_HEAD.plusBuffer("final_logits_bias");

  private EncoderDecoderHeads() {}

  /** T5 and Flan-T5. A decoder with a tied output map scales its states. */
  public static Heads t5(ModelConfig config) {
    boolean tied = config.flag("tie_word_embeddings", true);
    boolean scaled = config.flag("scale_decoder_outputs", tied);
    double scale = scaled ? 1 / Math.sqrt(config.size("d_model")) : 1;
    return Heads.of("T5", "", HeadSpec.sequenceToSequence(LM_HEAD.with(new Logits(scale, 1, 0))));
  }

  /** mT5, which never scales. */
  public static Heads mt5(ModelConfig config) {
    return Heads.of("MT5", "", HeadSpec.sequenceToSequence(LM_HEAD));
  }

  /** BART. */
  public static Heads bart(ModelConfig config) {
    return Heads.of("Bart", "model", HeadSpec.sequenceToSequence(LM_HEAD_WITH_BIAS));
  }

  /** mBART. */
  public static Heads mbart(ModelConfig config) {
    return Heads.of("MBart", "model", HeadSpec.sequenceToSequence(LM_HEAD_WITH_BIAS));
  }

  /** Marian. */
  public static Heads marian(ModelConfig config) {
    return Heads.of(
        "Marian", "model", HeadSpec.sequenceToSequence(LM_HEAD_WITH_BIAS).named("MTModel"));
  }

  /** Pegasus. */
  public static Heads pegasus(ModelConfig config) {
    return Heads.of("Pegasus", "model", HeadSpec.sequenceToSequence(LM_HEAD_WITH_BIAS));
  }
}
