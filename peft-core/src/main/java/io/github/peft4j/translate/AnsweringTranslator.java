package io.github.peft4j.translate;

import ai.djl.ndarray.NDList;
import ai.djl.translate.Batchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * Base class of translators whose answers take any number of runs of the model.
 *
 * <p>A predictor runs its block once, but a text may need a run for each token or each window.
 * These translators therefore return an empty input, which the predictor does not run, and call the
 * model themselves.
 *
 * @param <I> the type of the inputs
 * @param <O> the type of the answers
 */
abstract class AnsweringTranslator<I, O> implements Translator<I, O> {

  private final String inputs = getClass().getName() + ".inputs";
  private final AdaptedModel model;

  AnsweringTranslator(AdaptedModel model) {
    this.model = model;
  }

  /** Refuses inputs before the predictor runs. */
  void check() {}

  /** The answers, one for each input. */
  abstract List<O> answers(List<I> inputs);

  @Override
  public final void prepare(TranslatorContext context) {
    Blocks.require(context, model);
  }

  @Override
  public final NDList processInput(TranslatorContext context, I input) {
    return batchProcessInput(context, List.of(input));
  }

  @Override
  public final NDList batchProcessInput(TranslatorContext context, List<I> batch) {
    check();
    context.setAttachment(inputs, batch);
    return new NDList();
  }

  @Override
  public final O processOutput(TranslatorContext context, NDList nothing) {
    return batchProcessOutput(context, nothing).get(0);
  }

  @Override
  @SuppressWarnings("unchecked") // what batchProcessInput attached
  public final List<O> batchProcessOutput(TranslatorContext context, NDList nothing) {
    return answers((List<I>) context.getAttachment(inputs));
  }

  @Override
  public final Batchifier getBatchifier() {
    return Batchifier.STACK;
  }
}
