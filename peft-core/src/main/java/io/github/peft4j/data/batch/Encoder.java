package io.github.peft4j.data.batch;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.tokenizer.Tokenizer;

/**
 * Turns an example into token ids. May be called by many threads at once.
 *
 * @param <E> the kind of example
 */
@FunctionalInterface
public interface Encoder<E extends Example> {

  /**
   * The ids and labels of an example.
   *
   * @param example the example
   * @return its ids
   * @throws DataException if the example cannot be encoded
   */
  EncodedExample encode(E example);

  /**
   * For classification: the text, or the pair, with its special tokens; the label's id. What is too
   * long loses tokens at the end, the longer text of a pair first; special tokens stay.
   *
   * @param tokenizer the tokenizer
   * @param labels the classes
   * @param maxLength the most ids that an example may have
   * @return the encoder
   */
  static Encoder<ClassificationExample> classification(
      Tokenizer tokenizer, Labels labels, int maxLength) {
    return new ClassificationEncoder(tokenizer, labels, maxLength);
  }

  /**
   * For a decoder that answers prompts: the prompt's ids, the answer's ids and the end-of-text id.
   * Prompt and answer are tokenized each by itself, so that generation sees the same prompt; a
   * blank that is to stand between them has to be in one of them. The prompt's labels are {@link
   * EncodedExample#IGNORED}.
   *
   * <p>What is too long loses tokens at the start of the prompt, save its beginning-of-text token.
   * The answer is never cut: half an answer would teach the model to stop in the middle.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids that an example may have
   * @return the encoder, which throws {@link DataException} if an answer alone is too long
   */
  static Encoder<PromptExample> prompt(Tokenizer tokenizer, int maxLength) {
    return new PromptExampleEncoder(tokenizer, maxLength);
  }

  /**
   * For an encoder-decoder that answers prompts: the prompt's ids are read, the answer's written.
   * Either, if too long, loses tokens at its end; special tokens stay.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids that a prompt may have
   * @param maxAnswerLength the most ids that an answer may have
   * @return the encoder
   */
  static Encoder<PromptExample> sequenceToSequence(
      Tokenizer tokenizer, int maxLength, int maxAnswerLength) {
    return new SequenceToSequenceEncoder(tokenizer, maxLength, maxAnswerLength);
  }

  /**
   * For plain language modelling: the text's ids and the end-of-text id, each of them a label too.
   * What is too long loses tokens at its end.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids that an example may have
   * @return the encoder
   */
  static Encoder<TextExample> text(Tokenizer tokenizer, int maxLength) {
    return new TextEncoder(tokenizer, maxLength);
  }
}
