package io.github.peft4j.translate;

import ai.djl.ndarray.NDList;
import ai.djl.translate.Batchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for text generation with DJL's {@code Predictor}. {@code predict} continues or
 * answers one prompt, {@code batchPredict} several at once.
 *
 * <p>A predictor runs its block once, but a text needs a run for each token. This translator
 * therefore returns an empty input, which the predictor does not run, and generates the text with a
 * {@link Generator}.
 */
public final class CausalLmTranslator implements Translator<String, String> {

  private static final String PROMPTS = CausalLmTranslator.class.getName() + ".prompts";

  private final AdaptedModel model;
  private final Generator generator;
  private final GenerationConfig config;

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is not a language model
   */
  public CausalLmTranslator(AdaptedModel model, Tokenizer tokenizer, GenerationConfig config) {
    this.model = model;
    this.generator = new Generator(model, tokenizer);
    this.config = config;
  }

  @Override
  public void prepare(TranslatorContext context) {
    Blocks.require(context, model);
  }

  @Override
  public NDList processInput(TranslatorContext context, String prompt) {
    return batchProcessInput(context, List.of(prompt));
  }

  @Override
  public NDList batchProcessInput(TranslatorContext context, List<String> prompts) {
    generator.requireOneAnswer(config);
    context.setAttachment(PROMPTS, prompts);
    return new NDList();
  }

  @Override
  public String processOutput(TranslatorContext context, NDList nothing) {
    return batchProcessOutput(context, nothing).get(0);
  }

  @Override
  @SuppressWarnings("unchecked")
  public List<String> batchProcessOutput(TranslatorContext context, NDList nothing) {
    List<String> prompts = (List<String>) context.getAttachment(PROMPTS);
    return generator.generate(prompts, config).stream().map(Generation::text).toList();
  }

  @Override
  public Batchifier getBatchifier() {
    return Batchifier.STACK;
  }
}
