package io.github.peft4j.translate;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.translate.Batchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.List;

/**
 * Base class of the translators for classification.
 *
 * @param <I> the type of the inputs
 */
abstract class ClassificationTranslator<I> implements Translator<I, Classifications> {

  private final AdaptedModel model;
  private final TextClassifier classifier;

  ClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this.model = model;
    this.classifier = new TextClassifier(model, tokenizer);
  }

  /** The token ids of an input. */
  abstract EncodedExample encode(TextClassifier classifier, I input);

  @Override
  public void prepare(TranslatorContext context) {
    Blocks.require(context, model);
  }

  /** Ids (T), their mask (T), and their segments (T). */
  @Override
  public NDList processInput(TranslatorContext context, I input) {
    NDList rows = batchProcessInput(context, List.of(input));
    NDList single = new NDList();
    rows.forEach(row -> single.add(row.squeeze(0)));
    return single;
  }

  /** Ids (B, T), their mask (B, T), and their segments (B, T). */
  @Override
  public NDList batchProcessInput(TranslatorContext context, List<I> inputs) {
    classifier.requireOneAnswer();
    NDManager manager = Blocks.manager(context, model);
    ModelInput input =
        classifier.collate(manager, inputs.stream().map(each -> encode(classifier, each)).toList());
    NDArray mask = input.mask();
    NDArray types = input.types();
    NDList arrays = new NDList(input.ids());
    if (mask != null || types != null) {
      arrays.add(mask == null ? input.ids().onesLike() : mask);
    }
    if (types != null) {
      arrays.add(types);
    }
    return arrays;
  }

  /** Converts logits (C) to classes. */
  @Override
  public Classifications processOutput(TranslatorContext context, NDList logits) {
    return classifier.classifications(logits.singletonOrThrow()).get(0);
  }

  /** Converts logits (B, C) to classes. */
  @Override
  public List<Classifications> batchProcessOutput(TranslatorContext context, NDList logits) {
    return classifier.classifications(logits.singletonOrThrow());
  }

  @Override
  public Batchifier getBatchifier() {
    return Batchifier.STACK;
  }
}
