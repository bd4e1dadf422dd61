package io.github.peft4j.translate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for text generation with DJL's {@code Predictor}: a decoder continues prompts, an
 * encoder-decoder answers them. {@code predict} takes one prompt, {@code batchPredict} several in
 * one batch.
 */
public final class CausalLmTranslator extends AnsweringTranslator<String, String> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is not a language model
   */
  public CausalLmTranslator(AdaptedModel model, Tokenizer tokenizer, GenerationConfig config) {
    this(model, new Generator(model, tokenizer), config);
  }

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param generator a generator of this model
   */
  public CausalLmTranslator(AdaptedModel model, Generator generator, GenerationConfig config) {
    super(model, prompts -> texts(generator, prompts, config));
  }

  private static List<String> texts(
      Generator generator, List<String> prompts, GenerationConfig config) {
    generator.requireOneAnswer(config);
    return generator.generate(prompts, config).stream().map(Generation::text).toList();
  }
}
