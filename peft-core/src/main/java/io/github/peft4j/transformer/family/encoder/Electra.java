package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;

/** ELECTRA: BERT with embeddings of a size of their own (Clark et al. 2020, arXiv:2003.10555). */
public final class Electra {

  /** The family. The ignored fields are of the head for multiple choice. */
  public static final Family FAMILY =
      Family.of("electra", EncoderHeads::electra, Electra::stack)
          .ignores(
              "summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout");

  private Electra() {}

  private static StackSpec stack(ModelConfig config, String body) {
    StackSpec bert = Bert.stack(config, body);
    int size = config.size("embedding_size", 128);
    return bert.embedding(
        bert.embedding()
            .dimension(size)
            .projection(size == bert.sizes().hidden() ? null : body + ".embeddings_project"));
  }
}
