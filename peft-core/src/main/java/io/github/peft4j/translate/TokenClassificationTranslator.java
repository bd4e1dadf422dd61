package io.github.peft4j.translate;

import ai.djl.modality.nlp.translator.NamedEntity;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for finding entities with DJL's {@code Predictor}. It takes and gives what DJL's own
 * {@code TokenClassificationTranslator} does. The index of an entity is its place among those of
 * the text.
 */
public final class TokenClassificationTranslator
    extends AnsweringTranslator<String, NamedEntity[]> {

  /**
   * Creates a translator with the tagger's defaults.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public TokenClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this(model, new TokenClassifier(model, tokenizer));
  }

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tagger a tagger of this model
   */
  public TokenClassificationTranslator(AdaptedModel model, TokenClassifier tagger) {
    super(
        model,
        texts ->
            tagger.entities(texts).stream().map(TokenClassificationTranslator::named).toList());
  }

  private static NamedEntity[] named(List<Entity> entities) {
    NamedEntity[] named = new NamedEntity[entities.size()];
    for (int i = 0; i < named.length; i++) {
      Entity e = entities.get(i);
      named[i] = new NamedEntity(e.type(), (float) e.score(), i, e.text(), e.start(), e.end());
    }
    return named;
  }
}
