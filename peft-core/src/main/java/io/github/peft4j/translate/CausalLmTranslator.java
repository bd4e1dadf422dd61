package io.github.peft4j.translate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for text generation with DJL's {@code Predictor}. {@code predict} continues or
 * answers one prompt, {@code batchPredict} several at once.
 */
public final class CausalLmTranslator extends AnsweringTranslator<String, String> {

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
    super(model);
    this.generator = new Generator(model, tokenizer);
    this.config = config;
  }

  @Override
  void check() {
    generator.requireOneAnswer(config);
  }

  @Override
  List<String> answers(List<String> prompts) {
    return generator.generate(prompts, config).stream().map(Generation::text).toList();
  }
}
