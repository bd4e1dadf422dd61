package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;

/** Granite 3: factors of embeddings, scores, branches and logits (Granite Team 2024). */
public final class Granite {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY.like("granite", DecoderHeads::granite, Granite::change);

  private Granite() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    double scale = config.positive("attention_multiplier", 1);
    double branches = config.positive("residual_multiplier", 1);
    return stack
        .embedding(stack.embedding().scale(config.positive("embedding_multiplier", 1)))
        .eachLayer((i, layer) -> layer.attention(layer.attention().scale(scale)).scale(branches));
  }
}
