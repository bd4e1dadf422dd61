package io.github.peft4j.transformer.family.encoderdecoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.EncoderDecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.StackSpec;

/**
 * Marian and OPUS-MT (Junczys-Dowmunt et al. 2018, arXiv:1804.00344), with sinusoidal positions.
 */
public final class Marian {

  /** The family. */
  public static final Family FAMILY =
      Family.encoderDecoder("marian", EncoderDecoderHeads::marian, Marian::encoder, Marian::decoder)
          .ignores(Bart.IGNORED);

  private Marian() {}

  private static StackSpec encoder(ModelConfig config, String body) {
    requireOneVocabulary(config);
    return scaledTexts(sinusoidal(Bart.encoder(config, body, BranchSpec::out)));
  }

  private static StackSpec decoder(ModelConfig config, String body) {
    return scaledAfterwards(sinusoidal(Bart.decoder(config, body, BranchSpec::out)));
  }

  private static void requireOneVocabulary(ModelConfig config) {
    String shared = "share_encoder_decoder_embeddings";
    config.require(shared, config.flag(shared, true), true);
    int vocabulary = config.size("vocab_size");
    String decoder = "decoder_vocab_size";
    config.require(decoder, config.integer(decoder, vocabulary), vocabulary);
  }

  /** A stack of BART with sines for positions, and without a norm of the embedding. */
  static StackSpec sinusoidal(StackSpec stack) {
    PositionSpec positions =
        new PositionSpec.Sinusoidal(stack.prefix() + "embed_positions", (int) stack.limit());
    return stack.embedding(stack.embedding().norm(null).positions(positions));
  }

  /** An encoder's factor is that of texts without virtual tokens, while BART's is the table's. */
  static StackSpec scaledTexts(StackSpec encoder) {
    EmbeddingSpec embedding = encoder.embedding();
    return encoder.embedding(embedding.tableScale(1).textScale(embedding.tableScale()));
  }

  /** A decoder's factor is that of all vectors, virtual tokens included. */
  static StackSpec scaledAfterwards(StackSpec decoder) {
    EmbeddingSpec embedding = decoder.embedding();
    return decoder.embedding(embedding.tableScale(1).scale(embedding.tableScale()));
  }
}
