package io.github.peft4j.translate;

import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import ai.djl.translate.Batchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;
import java.util.function.Function;

/**
 * A translator for DJL's {@code Predictor} that gives what a model answers. There is a class for
 * each task; take this one for anything else.
 *
 * <pre>{@code
 * new AnsweringTranslator<List<String>, List<String>>(model, model.tagger()::tagAll)
 * }</pre>
 *
 * <p>A predictor runs its block once, but a text may need a run for each token or each window.
 * These translators therefore return an empty input, which the predictor does not run, and call the
 * model themselves. They have no state: several predictors and threads may use one.
 *
 * @param <I> the type of the inputs
 * @param <O> the type of the answers
 */
public class AnsweringTranslator<I, O> implements Translator<I, O> {

  private final String inputs = getClass().getName() + ".inputs";
  private final AdaptedModel model;
  private final Function<List<I>, List<O>> answers;

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param answers the answers of this model, one for each input; called by all threads that
   *     predict
   */
  public AnsweringTranslator(AdaptedModel model, Function<List<I>, List<O>> answers) {
    this.model = model;
    this.answers = answers;
  }

  /**
   * Refuses a predictor of another model, whose answers the predictor's user would expect.
   *
   * @throws IllegalArgumentException if the predictor's block is not this model
   */
  @Override
  public final void prepare(TranslatorContext context) {
    Block block = context.getBlock();
    if (block != model) {
      throw new IllegalArgumentException(
          "the translator was made for another model than the predictor's block, a "
              + block.getClass().getSimpleName()
              + "; make it with that block and its tokenizer()");
    }
  }

  @Override
  public final NDList processInput(TranslatorContext context, I input) {
    return batchProcessInput(context, List.of(input));
  }

  /** Remembers the inputs; the model gets nothing. */
  @Override
  public final NDList batchProcessInput(TranslatorContext context, List<I> batch) {
    context.setAttachment(inputs, batch);
    return new NDList();
  }

  @Override
  public final O processOutput(TranslatorContext context, NDList nothing) {
    return batchProcessOutput(context, nothing).get(0);
  }

  /**
   * The answers to the inputs.
   *
   * @throws IllegalStateException if there are not as many answers as inputs
   */
  @Override
  @SuppressWarnings("unchecked") // what batchProcessInput attached
  public final List<O> batchProcessOutput(TranslatorContext context, NDList nothing) {
    List<I> batch = (List<I>) context.getAttachment(inputs);
    List<O> given = answers.apply(batch);
    if (given.size() != batch.size()) {
      throw new IllegalStateException(
          "%d inputs have %d answers; expected one for each: adapters in parallel give several, so use one at a time"
              .formatted(batch.size(), given.size()));
    }
    return given;
  }

  @Override
  public final Batchifier getBatchifier() {
    return Batchifier.STACK;
  }
}
