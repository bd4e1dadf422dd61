package io.github.peft4j.translate;

import io.github.peft4j.embed.TextEmbedder;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for the vectors of texts with DJL's {@code Predictor}. It takes and gives what DJL's
 * own {@code TextEmbeddingTranslator} does: a text, and its vector of D numbers.
 */
public final class TextEmbeddingTranslator extends AnsweringTranslator<String, float[]> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param embedder an embedder of this model, such as {@code model.embedder()}
   */
  public TextEmbeddingTranslator(AdaptedModel model, TextEmbedder embedder) {
    super(model, texts -> List.of(embedder.embed(texts)));
  }
}
