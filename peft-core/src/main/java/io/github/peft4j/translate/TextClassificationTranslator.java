package io.github.peft4j.translate;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.translate.Batchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.peft4j.data.EncodedExample;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelInput;
import java.util.List;

/**
 * Lets DJL's {@code Predictor} classify texts. {@code predict} takes one; {@code batchPredict} pads
 * all it is given into one batch: for very many texts, {@link TextClassifier} is sparing.
 */
public final class TextClassificationTranslator implements Translator<String, Classifications> {

  private final AdaptedModel model;
  private final TextClassifier classifier;

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer of the model
   * @throws IllegalArgumentException if the model does not classify texts
   */
  public TextClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this.model = model;
    this.classifier = new TextClassifier(model, tokenizer);
  }

  @Override
  public void prepare(TranslatorContext context) {
    Blocks.require(context, model);
  }

  /** Ids (T). */
  @Override
  public NDList processInput(TranslatorContext context, String text) {
    EncodedExample example = classifier.encode(text);
    return new NDList(Blocks.manager(context, model).create(example.inputIds()));
  }

  /** Ids (B, T) and, if texts differ in length, their mask (B, T). */
  @Override
  public NDList batchProcessInput(TranslatorContext context, List<String> texts) {
    NDManager manager = Blocks.manager(context, model);
    ModelInput input = classifier.collate(manager, texts.stream().map(classifier::encode).toList());
    return input.mask() == null ? new NDList(input.ids()) : new NDList(input.ids(), input.mask());
  }

  /** Logits (C) to classes. */
  @Override
  public Classifications processOutput(TranslatorContext context, NDList logits) {
    return classifier.classifications(logits.singletonOrThrow()).get(0);
  }

  /** Logits (B, C) to classes. */
  @Override
  public List<Classifications> batchProcessOutput(TranslatorContext context, NDList logits) {
    return classifier.classifications(logits.singletonOrThrow());
  }

  @Override
  public Batchifier getBatchifier() {
    return Batchifier.STACK;
  }
}
