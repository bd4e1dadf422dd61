package io.github.peft4j.data.batch;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.List;

/**
 * Turns an example into token ids. Safe for use by many threads.
 *
 * @param <E> the type of the examples
 */
@FunctionalInterface
public interface Encoder<E extends Example> {

  /**
   * The ids and labels of an example.
   *
   * @param example the example
   * @return its ids and labels
   * @throws DataException if the example cannot be encoded
   */
  EncodedExample encode(E example);

  /**
   * The rows that an example becomes: one, unless it is read in windows.
   *
   * @param example the example
   * @return one row at least
   * @throws DataException if the example cannot be encoded
   */
  default List<EncodedExample> rows(E example) {
    return List.of(encode(example));
  }

  /**
   * An encoder for words with tags, with the labels of transformers' run_ner.py: the first token of
   * a word has the word's tag, and its other tokens and special tokens are {@link
   * EncodedExample#IGNORED}. Tokens beyond {@code maxLength} are cut.
   *
   * @param tokenizer the tokenizer
   * @param labels the tags
   * @param maxLength the most ids of an example
   * @return the encoder
   */
  static Encoder<TokensExample> tokens(Tokenizer tokenizer, Labels labels, int maxLength) {
    return new TokensEncoder(tokenizer, labels, maxLength, TokensEncoder.CUTS, false);
  }

  /**
   * An encoder for words with tags that can do more than {@link #tokens(Tokenizer, Labels, int)}.
   *
   * @param tokenizer the tokenizer
   * @param labels the tags
   * @param maxLength the most ids of a row
   * @param stride the number of tokens that windows of a long list of words share, 0 or more;
   *     negative: the list is cut
   * @param allTokens whether all tokens of a word have labels: those after the first one have the
   *     word's tag with {@code I-} in place of {@code B-}, if there is such a tag
   * @return the encoder
   */
  static Encoder<TokensExample> tokens(
      Tokenizer tokenizer, Labels labels, int maxLength, int stride, boolean allTokens) {
    return new TokensEncoder(tokenizer, labels, maxLength, stride, allTokens);
  }

  /**
   * An encoder for questions, with the windows and labels of transformers' run_qa.py: see {@link
   * QuestionWindow}. An example becomes a row for each window.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of a window
   * @param stride the number of the text's tokens that windows share; {@link QuestionWindow#STRIDE}
   *     is lowered where windows are short
   * @return the encoder
   */
  static Encoder<QuestionExample> question(Tokenizer tokenizer, int maxLength, int stride) {
    return new QuestionEncoder(tokenizer, maxLength, stride);
  }

  /**
   * An encoder for masked language modelling. The labels are no ids yet, but the words that are
   * masked together: {@link Masker} draws the masks. Texts that are too long lose tokens at their
   * end.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of an example
   * @param wholeWords whether all tokens of a word are masked together
   * @return the encoder
   */
  static Encoder<TextExample> masked(Tokenizer tokenizer, int maxLength, boolean wholeWords) {
    return new MaskedTextEncoder(tokenizer, maxLength, wholeWords);
  }

  /**
   * An encoder for classification. The ids are those of the text or the pair, with special tokens.
   * The label is the class's id. Examples that are too long lose tokens at the end, the longer text
   * of a pair first; special tokens stay.
   *
   * @param tokenizer the tokenizer
   * @param labels the classes
   * @param maxLength the most ids of an example
   * @return the encoder
   */
  static Encoder<ClassificationExample> classification(
      Tokenizer tokenizer, Labels labels, int maxLength) {
    return new ClassificationEncoder(tokenizer, labels, maxLength);
  }

  /**
   * An encoder for a decoder that answers prompts. As in TRL, prompt and answer are tokenized as
   * one text, and the answer begins where the ids of the prompt alone end, or where those of the
   * text differ from them; a warning names the first prompt of that kind. A blank between prompt
   * and answer must be part of one of them, and is best at the start of the answer. The end-of-text
   * id follows. The labels of the prompt are {@link EncodedExample#IGNORED}. If the prompt begins
   * with the beginning-of-text token as text, it gets no second one.
   *
   * <p>Examples that are too long lose tokens at the start of the prompt, after its
   * beginning-of-text token. The answer is never cut, because a cut answer would teach the model to
   * stop in the middle.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of an example
   * @return the encoder, which throws {@link DataException} if the answer alone is too long
   */
  static Encoder<PromptExample> prompt(Tokenizer tokenizer, int maxLength) {
    return new PromptExampleEncoder(tokenizer, maxLength);
  }

  /**
   * An encoder for an encoder-decoder that answers prompts. The model reads the prompt's ids and
   * writes the answer's. Either loses tokens at its end if it is too long; special tokens stay.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of a prompt
   * @param maxAnswerLength the most ids of an answer
   * @return the encoder
   */
  static Encoder<PromptExample> sequenceToSequence(
      Tokenizer tokenizer, int maxLength, int maxAnswerLength) {
    return new SequenceToSequenceEncoder(tokenizer, maxLength, maxAnswerLength);
  }

  /**
   * An encoder for a decoder that learns which of two answers is better: two texts that belong
   * together, the prompt with the chosen answer and the prompt with the rejected one. As in TRL,
   * prompt and answer are tokenized as one text, and the answers begin where the ids of the prompt
   * alone end, or where those of either text differ from them. The end-of-text id follows. Labels
   * of the prompt are {@link EncodedExample#IGNORED}.
   *
   * <p>As in TRL, texts that are too long lose tokens of the answer, at their end.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of a text
   * @return the encoder, which throws {@link DataException} if the prompt alone is too long
   */
  static Encoder<PreferenceExample> preference(Tokenizer tokenizer, int maxLength) {
    return new PreferenceEncoder(tokenizer, maxLength);
  }

  /**
   * An encoder for an encoder-decoder that learns which of two answers is better: the prompt with
   * each of them, see {@link #sequenceToSequence}.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of a prompt
   * @param maxAnswerLength the most ids of an answer
   * @return the encoder
   */
  static Encoder<PreferenceExample> preferredTarget(
      Tokenizer tokenizer, int maxLength, int maxAnswerLength) {
    Encoder<PromptExample> answers = sequenceToSequence(tokenizer, maxLength, maxAnswerLength);
    return pair ->
        answers
            .encode(new PromptExample(pair.prompt(), pair.chosen()))
            .with(answers.encode(new PromptExample(pair.prompt(), pair.rejected())));
  }

  /**
   * An encoder for language modelling. The ids are those of the text and the end-of-text id, and
   * all are also labels. A text that begins with the beginning-of-text token as text gets no second
   * one. Texts that are too long lose tokens at their end.
   *
   * @param tokenizer the tokenizer
   * @param maxLength the most ids of an example
   * @return the encoder
   */
  static Encoder<TextExample> text(Tokenizer tokenizer, int maxLength) {
    return new TextEncoder(tokenizer, maxLength);
  }

  /**
   * An encoder for regression: texts or pairs, with special tokens, and a number for each. Examples
   * that are too long lose tokens as in {@link #classification}.
   *
   * @param tokenizer the tokenizer
   * @param values the number of values that the model gives; it must be 1
   * @param maxLength the most ids of an example
   * @return the encoder
   * @throws DataException if the model gives several values
   */
  static Encoder<RegressionExample> regression(Tokenizer tokenizer, int values, int maxLength) {
    return ValuesEncoder.regression(tokenizer, values, maxLength);
  }

  /**
   * An encoder for several labels at once: texts or pairs, with special tokens, and 1 or 0 for each
   * label. Examples that are too long lose tokens as in {@link #classification}.
   *
   * @param tokenizer the tokenizer
   * @param labels the labels
   * @param maxLength the most ids of an example
   * @return the encoder, which throws {@link DataException} for an unknown label
   */
  static Encoder<MultiLabelExample> multiLabel(Tokenizer tokenizer, Labels labels, int maxLength) {
    return ValuesEncoder.multiLabel(tokenizer, labels, maxLength);
  }
}
