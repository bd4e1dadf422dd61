package io.github.peft4j;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.translate.TextClassifier;
import java.util.List;
import java.util.function.Consumer;

/** Text in, text or classes out: what a model and its tokenizer do together, in one line each. */
public interface TextModel extends AdaptedModel {

  /** The frozen model. */
  @Override
  TransformerModel base();

  /**
   * The tokenizer.
   *
   * @throws IllegalStateException if the model was loaded without one
   */
  Tokenizer tokenizer();

  /**
   * Logits in inference: (B, V) for a class each, (B, T, V) for tokens.
   *
   * @return the logits, which the caller closes
   */
  default NDArray logits(ModelInput input) {
    try (ModelCall call = newCall()) {
      return call.logits(input);
    }
  }

  /**
   * Continues a prompt, or answers it if the model is an encoder-decoder, with the likeliest
   * tokens, up to 256.
   *
   * @return the new text
   */
  default String generate(String prompt) {
    return generate(prompt, GenerationConfig.greedy()).text();
  }

  /** Continues or answers a prompt. */
  default Generation generate(String prompt, GenerationConfig config) {
    return generator().generate(prompt, config);
  }

  /**
   * Continues or answers a prompt and hands out the text as it comes.
   *
   * @param listener is given pieces of whole characters, on the calling thread
   */
  default Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return generator().generate(prompt, config, listener);
  }

  /**
   * Continues or answers several prompts in one batch. From adapters in parallel come all prompts'
   * texts by the first adapter, then by the second, …
   */
  default List<Generation> generate(List<String> prompts, GenerationConfig config) {
    return generator().generate(prompts, config);
  }

  /**
   * What writes texts with this model and the adapters that it computes with at the time.
   *
   * @throws IllegalArgumentException if the model is for no task that writes
   */
  default Generator generator() {
    return new Generator(this, tokenizer());
  }

  /**
   * Classifies a text.
   *
   * @throws IllegalStateException if adapters are active in parallel, which give an answer each
   */
  default Classifications classify(String text) {
    return classifier().classify(text);
  }

  /**
   * Classifies a pair of texts, as a training has it by {@code .text(column).pair(column)}.
   *
   * @throws IllegalStateException if adapters are active in parallel, which give an answer each
   */
  default Classifications classify(TextPair pair) {
    return classifier().classify(pair);
  }

  /**
   * Classifies texts, several at a time. From adapters in parallel come all texts' classes by the
   * first adapter, then by the second, …
   */
  default List<Classifications> classify(List<String> texts) {
    return classifier().classify(texts);
  }

  /**
   * What classifies texts, and pairs of them, with this model and the adapters that it computes
   * with at the time.
   *
   * @throws IllegalArgumentException if the model does not classify texts
   */
  default TextClassifier classifier() {
    return new TextClassifier(this, tokenizer());
  }
}
