package io.github.peft4j.transformer.family.encoderdecoder;

import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EncoderDecoderHeads;
import io.github.peft4j.transformer.family.Family;

/** mBART, with norms before branches and after the stacks (Liu et al. 2020, arXiv:2001.08210). */
public final class MBart {

  /** The family. A text for the decoder begins with its last token, the language's id. */
  public static final Family FAMILY =
      Family.encoderDecoder(
              "mbart",
              EncoderDecoderHeads::mbart,
              (config, body) ->
                  Bart.encoder(config, body, BranchSpec::before).finalNorm("layer_norm"),
              (config, body) ->
                  Bart.decoder(config, body, BranchSpec::before).finalNorm("layer_norm"))
          .ignores(Bart.IGNORED)
          .wrapsLabels();

  private MBart() {}
}
