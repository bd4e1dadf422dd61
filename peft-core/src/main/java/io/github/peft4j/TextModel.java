package io.github.peft4j;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.chat.ChatTemplate;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.embed.TextEmbedder;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.translate.Answer;
import io.github.peft4j.translate.ChatGenerator;
import io.github.peft4j.translate.Entity;
import io.github.peft4j.translate.Filling;
import io.github.peft4j.translate.MaskFiller;
import io.github.peft4j.translate.QuestionAnswerer;
import io.github.peft4j.translate.TextClassifier;
import io.github.peft4j.translate.TextScorer;
import io.github.peft4j.translate.TokenClassifier;
import java.util.List;
import java.util.function.Consumer;

/**
 * Text in; text, classes, tags, answers or vectors out: what a model and its tokenizer do.
 *
 * <p>For each task there is a verb with the usual settings, such as {@link #classify(String)}, and
 * a noun with settings to choose, such as {@link #classifier}.
 */
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
   * Logits in inference: (B, classes) for sequence classification, (B, T, classes) for token
   * classification, (B, T, V) for causal and masked language models, (B, U, V) for an
   * encoder-decoder, (B, T, 2) for question answering: starts and ends.
   *
   * @return the logits, which the caller closes
   */
  default NDArray logits(ModelInput input) {
    try (ModelCall call = newCall()) {
      return call.logits(input);
    }
  }

  /**
   * Continues a prompt, or answers it if the model is an encoder-decoder. Decoding is greedy, up to
   * 256 new tokens.
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
   * Continues or answers a prompt and streams the text.
   *
   * @param listener receives pieces of text that hold whole characters, on the calling thread
   */
  default Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return generator().generate(prompt, config, listener);
  }

  /**
   * Continues or answers several prompts in one batch. With adapters in parallel, the result has
   * the texts of all prompts by the first adapter, then by the second, …
   */
  default List<Generation> generate(List<String> prompts, GenerationConfig config) {
    return generator().generate(prompts, config);
  }

  /**
   * The chat template in the model's folder.
   *
   * @throws IllegalStateException if there is none
   * @throws io.github.peft4j.chat.TemplateException if it has something that peft4j does not know
   */
  ChatTemplate chatTemplate();

  /**
   * Answers a conversation. Decoding is greedy; see {@link #chat(Conversation, GenerationConfig)}.
   *
   * @param messages the conversation so far
   * @return the text of the answer
   */
  default String chat(Message... messages) {
    return chat(Conversation.of(messages), GenerationConfig.greedy()).text();
  }

  /**
   * Answers a conversation. The chat template makes of it the prompt, with the start of an answer.
   * The answer ends at the model's end-of-text tokens and at the token that the template writes
   * after a turn of the assistant.
   *
   * @param conversation the conversation so far, with tools and further variables of the template
   * @throws io.github.peft4j.chat.TemplateException if the template refuses the conversation
   * @throws IllegalArgumentException if the model does not continue prompts
   */
  default Generation chat(Conversation conversation, GenerationConfig config) {
    return chatGenerator().generate(conversation, config);
  }

  /**
   * Answers a conversation and streams the text.
   *
   * @param listener receives pieces of text that hold whole characters, on the calling thread
   */
  default Generation chat(
      Conversation conversation, GenerationConfig config, Consumer<String> listener) {
    return chatGenerator().generate(conversation, config, listener);
  }

  /**
   * A generator of answers to conversations. Each call uses the adapters that are active at that
   * time.
   *
   * @throws IllegalArgumentException if the model does not continue prompts
   * @throws IllegalStateException if the model has no chat template, or is closed
   */
  default ChatGenerator chatGenerator() {
    base().requireOpen();
    ChatGenerator.requirePrompts(base()); // before the template, which such a model has not
    return new ChatGenerator(this, tokenizer(), chatTemplate());
  }

  /**
   * A generator of texts. Each call uses the adapters that are active at that time.
   *
   * @throws IllegalArgumentException if the model's task does not generate text
   * @throws IllegalStateException if the model is closed
   */
  default Generator generator() {
    base().requireOpen();
    return new Generator(this, tokenizer());
  }

  /**
   * The vector of a text, as {@link #embeddingSettings} say.
   *
   * @return D numbers
   * @throws IllegalStateException if adapters are active in parallel, which give a vector each
   */
  default float[] embed(String text) {
    return embedder().embed(text);
  }

  /**
   * The vectors of texts, computed in batches. With adapters in parallel, the result has the
   * vectors of all texts by the first adapter, then by the second, …
   *
   * @return [N][D], in the order of the texts
   */
  default float[][] embed(List<String> texts) {
    return embedder().embed(texts);
  }

  /**
   * An embedder of texts. Each call uses the adapters that are active at that time.
   *
   * @throws IllegalArgumentException if the model is an encoder-decoder
   * @throws IllegalStateException if the model is closed
   */
  default TextEmbedder embedder() {
    base().requireOpen();
    TextEmbedder.requireOneStack(base()); // before a warning about its settings
    return new TextEmbedder(this, tokenizer(), embeddingSettings());
  }

  /**
   * How the model's states become vectors of texts: as {@code modules.json} in its folder says, or,
   * if there is none, the mean of the states, as sentence-transformers does.
   *
   * @throws IllegalArgumentException if the folder's files ask for something that is not supported
   */
  EmbeddingSettings embeddingSettings();

  /**
   * Classifies a text.
   *
   * @throws IllegalStateException if adapters are active in parallel, which give an answer each
   */
  default Classifications classify(String text) {
    return classifier().classify(text);
  }

  /**
   * Classifies a pair of texts, encoded as in training with {@code .text(column).pair(column)}.
   *
   * @throws IllegalStateException if adapters are active in parallel, which give an answer each
   */
  default Classifications classify(TextPair pair) {
    return classifier().classify(pair);
  }

  /**
   * Classifies texts in batches. With adapters in parallel, the result has the classes of all texts
   * by the first adapter, then by the second, …
   */
  default List<Classifications> classify(List<String> texts) {
    return classifier().classify(texts);
  }

  /**
   * A classifier of texts and of pairs of texts. Each call uses the adapters that are active at
   * that time.
   *
   * @throws IllegalArgumentException if the model does not classify texts
   * @throws IllegalStateException if the model is closed
   */
  default TextClassifier classifier() {
    base().requireOpen();
    return new TextClassifier(this, tokenizer());
  }

  /** The entities of a text, such as names, in their order. */
  default List<Entity> entities(String text) {
    return tagger().entities(text);
  }

  /**
   * The tag of each word of a text.
   *
   * @param words the words, as in training
   * @return a tag for each word
   */
  default List<String> tagWords(List<String> words) {
    return tagger().tag(words);
  }

  /**
   * A tagger of words, which also finds entities in texts. Each call uses the adapters that are
   * active at that time.
   *
   * @throws IllegalArgumentException if the model is not for token classification
   * @throws IllegalStateException if the model is closed
   */
  default TokenClassifier tagger() {
    base().requireOpen();
    return new TokenClassifier(this, tokenizer());
  }

  /**
   * The best answer to a question in a text.
   *
   * @param context the text to read
   */
  default Answer answer(String question, String context) {
    return questionAnswerer().answer(question, context);
  }

  /**
   * A reader that finds answers in texts. Each call uses the adapters that are active at that time.
   *
   * @throws IllegalArgumentException if the model is not for question answering
   * @throws IllegalStateException if the model is closed
   */
  default QuestionAnswerer questionAnswerer() {
    base().requireOpen();
    return new QuestionAnswerer(this, tokenizer());
  }

  /**
   * The five likeliest tokens in place of the mask of a text, the likeliest first.
   *
   * @param text with one mask, such as {@code [MASK]}
   */
  default List<Filling> fillMask(String text) {
    return maskFiller().fill(text);
  }

  /**
   * A filler of masks. Each call uses the adapters that are active at that time.
   *
   * @throws IllegalArgumentException if the model is not a masked language model
   * @throws IllegalStateException if the model is closed
   */
  default MaskFiller maskFiller() {
    base().requireOpen();
    return new MaskFiller(this, tokenizer());
  }

  /**
   * The number that a model for regression gives a text.
   *
   * @throws IllegalArgumentException if the model gives several numbers
   */
  default double score(String text) {
    return scorer().score(text);
  }

  /**
   * The number that a model for regression gives a pair of texts, such as the relevance of a
   * passage for a query.
   *
   * @throws IllegalArgumentException if the model gives several numbers
   */
  default double score(TextPair pair) {
    return scorer().score(pair);
  }

  /**
   * A scorer of texts and pairs, which also gives the labels of a model for several. Each call uses
   * the adapters that are active at that time.
   *
   * @throws IllegalArgumentException if the model is for neither regression nor several labels
   * @throws IllegalStateException if the model is closed
   */
  default TextScorer scorer() {
    base().requireOpen();
    return new TextScorer(this, tokenizer());
  }
}
