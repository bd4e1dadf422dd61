package io.github.peft4j.train.evaluation;

import io.github.peft4j.TextModel;
import io.github.peft4j.chat.ChatEncoder;
import io.github.peft4j.chat.ChatPreferenceEncoder;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.data.batch.QuestionWindow;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingEncoder;
import io.github.peft4j.transformer.config.Task;
import java.util.stream.Stream;

/**
 * What an encoder is made for.
 *
 * @param model the model
 * @param maxLength the most tokens of an example, which the model has room for
 * @param settings how examples become ids
 * @param all the examples, which say how labels are written
 */
record Reading(TextModel model, int maxLength, EncodingSettings settings, Dataset<?> all) {

  Task task() {
    return model.base().task();
  }

  Tokenizer tokenizer() {
    return model.tokenizer();
  }

  /** The model's classes, as the examples write them. */
  Labels labels() {
    return Labels.of(task().labels())
        .asWrittenIn(new Dataset<>(all(ClassificationExample.class).toList()));
  }

  /** The model's tags, as the examples write them. */
  Labels tags() {
    return Labels.of(task().labels())
        .asWritten(
            all(TokensExample.class)
                .flatMap(example -> example.tags().stream())
                .distinct()
                .toList());
  }

  private <E extends Example> Stream<E> all(Class<E> kind) {
    return all.examples().stream().filter(kind::isInstance).map(kind::cast);
  }

  EmbeddingEncoder embedding() {
    return new EmbeddingEncoder(tokenizer(), model.embedder().settings(), maxLength);
  }

  /** Tokens that are masked: long texts are cut later if they become blocks. */
  Encoder<TextExample> masked() {
    Masking masking = settings.masking();
    return Encoder.masked(
        tokenizer(), masking.blocks() ? Integer.MAX_VALUE : maxLength, masking.wholeWords());
  }

  Encoder<TokensExample> tokens() {
    return Encoder.tokens(
        tokenizer(), tags(), maxLength, settings.stride().orElse(-1), settings.labelAllTokens());
  }

  Encoder<QuestionExample> question() {
    return Encoder.question(
        tokenizer(), maxLength, settings.stride().orElse(QuestionWindow.STRIDE));
  }

  Encoder<ConversationExample> conversation() {
    return new ChatEncoder(tokenizer(), model.chatTemplate(), maxLength)
        .trainOn(settings.trainOn());
  }

  Encoder<ConversationPreference> chatPreference() {
    return new ChatPreferenceEncoder(tokenizer(), model.chatTemplate(), maxLength);
  }
}
