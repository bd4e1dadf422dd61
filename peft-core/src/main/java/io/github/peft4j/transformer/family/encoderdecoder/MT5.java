package io.github.peft4j.transformer.family.encoderdecoder;

import com.google.gson.JsonPrimitive;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.EncoderDecoderHeads;
import io.github.peft4j.transformer.family.Family;

/** mT5, whose decoder's states are not scaled (Xue et al. 2020, arXiv:2010.11934). */
public final class MT5 {

  private static final String NETWORK = "feed_forward_proj";

  /** The family. */
  public static final Family FAMILY =
      Family.encoderDecoder(
              "mt5",
              EncoderDecoderHeads::mt5,
              (config, body) -> T5.encoder(gated(config), body),
              (config, body) -> T5.decoder(gated(config), body))
          .ignores(T5.IGNORED);

  private MT5() {}

  /** Networks are gated by default. */
  private static ModelConfig gated(ModelConfig config) {
    return config.has(NETWORK) ? config : config.with(NETWORK, new JsonPrimitive("gated-gelu"));
  }
}
