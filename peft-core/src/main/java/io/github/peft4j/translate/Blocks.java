package io.github.peft4j.translate;

import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.translate.TranslatorContext;
import io.github.peft4j.transformer.AdaptedModel;

/** Checks and helpers for translators. */
final class Blocks {

  private Blocks() {}

  /**
   * Refuses a predictor of another model, whose outputs would be interpreted with the wrong
   * tokenizer.
   */
  static void require(TranslatorContext context, AdaptedModel model) {
    Block block = context.getBlock();
    if (block != model) {
      throw new IllegalArgumentException(
          "the translator was made for another model than the predictor's block, a "
              + block.getClass().getSimpleName()
              + "; make it with that block and its tokenizer()");
    }
  }

  /** A manager on the model's device that lives as long as the prediction. */
  static NDManager manager(TranslatorContext context, AdaptedModel model) {
    return context.getNDManager().newSubManager(model.base().device());
  }
}
