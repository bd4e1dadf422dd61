package io.github.peft4j.transformer.family.encoderdecoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EncoderDecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;

/** Pegasus: mBART's norms and Marian's positions (Zhang et al. 2019, arXiv:1912.08777). */
public final class Pegasus {

  private static final String NORM = "layer_norm";

  /** The family. */
  public static final Family FAMILY =
      Family.encoderDecoder(
              "pegasus", EncoderDecoderHeads::pegasus, Pegasus::encoder, Pegasus::decoder)
          .ignores(Bart.IGNORED);

  private Pegasus() {}

  private static StackSpec encoder(ModelConfig config, String body) {
    StackSpec encoder = Marian.sinusoidal(Bart.encoder(config, body, BranchSpec::before));
    return Marian.scaledTexts(encoder).finalNorm(NORM);
  }

  private static StackSpec decoder(ModelConfig config, String body) {
    StackSpec decoder = Marian.sinusoidal(Bart.decoder(config, body, BranchSpec::before));
    return Marian.scaledAfterwards(decoder).finalNorm(NORM);
  }
}
