package io.github.peft4j.train.evaluation;

import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.batch.IdsExample;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.transformer.config.Task;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What models for a task learn from: the classes of examples with their encoders, and how
 * predictions are measured. A new kind of example is a line here.
 *
 * @param takes what they take, in words
 * @param calls the same, in calls of the readers
 * @param measures the task's own measures
 * @param encoders how an encoder is made for each class of examples
 */
record TaskExamples(
    String takes,
    String calls,
    List<Measure> measures,
    Map<Class<? extends Example>, Function<Reading, ? extends Encoder<?>>> encoders) {

  static TaskExamples of(Task task) {
    return switch (task.type()) {
      case SEQ_CLS -> ofTexts(task);
      case CAUSAL_LM ->
          takes(
                  "conversations, prompts with answers, preferences, or plain texts",
                  ".conversations(), .prompt(column).answer(column), .preferences() or"
                      + " .text(column)")
              .with(TextExample.class, r -> Encoder.text(r.tokenizer(), r.maxLength()))
              .with(PromptExample.class, r -> Encoder.prompt(r.tokenizer(), r.maxLength()))
              .with(PreferenceExample.class, r -> Encoder.preference(r.tokenizer(), r.maxLength()))
              .with(ConversationExample.class, Reading::conversation)
              .with(ConversationPreference.class, Reading::chatPreference);
      case SEQ_2_SEQ_LM ->
          takes(
                  "prompts with answers, or preferences",
                  ".prompt(column).answer(column) or .preferences()")
              .with(
                  PromptExample.class,
                  r -> Encoder.sequenceToSequence(r.tokenizer(), r.maxLength(), r.maxLength()))
              .with(
                  PreferenceExample.class,
                  r -> Encoder.preferredTarget(r.tokenizer(), r.maxLength(), r.maxLength()));
      case TOKEN_CLS ->
          takes("words with tags", ".tokens(column).tags(column)", new EntityMeasure(task.labels()))
              .with(TokensExample.class, Reading::tokens);
      case QUESTION_ANS ->
          takes("questions with a text and its answers", ".questions()", new AnswerMeasure())
              .with(QuestionExample.class, Reading::question);
      case MASKED_LM ->
          takes("plain texts", ".text(column)").with(TextExample.class, Reading::masked);
      case FEATURE_EXTRACTION ->
          takes(
              "texts that belong together",
              ".anchor(column).positive(column) or .text(column).pair(column).similarity(column)");
    };
  }

  private static TaskExamples ofTexts(Task task) {
    return switch (task.problem()) {
      case SINGLE_LABEL ->
          takes(
                  "texts with labels",
                  ".text(column).label(column)",
                  new ClassMeasure(task.labels().size()))
              .with(
                  ClassificationExample.class,
                  r -> Encoder.classification(r.tokenizer(), r.labels(), r.maxLength()));
      case MULTI_LABEL ->
          takes(
                  "texts with lists of labels",
                  ".text(column).labels(column)",
                  new MultiLabelMeasure())
              .with(
                  MultiLabelExample.class,
                  r -> Encoder.multiLabel(r.tokenizer(), Labels.of(task.labels()), r.maxLength()));
      case REGRESSION ->
          takes("texts with numbers", ".text(column).score(column)", new RegressionMeasure())
              .with(
                  RegressionExample.class,
                  r -> Encoder.regression(r.tokenizer(), task.labels().size(), r.maxLength()));
    };
  }

  /** Texts that belong together have vectors each, and ids are ids, whatever the model's task. */
  private static TaskExamples takes(String takes, String calls, Measure... measures) {
    return new TaskExamples(takes, calls, List.of(measures), Map.of())
        .with(AnchorExample.class, r -> r.embedding()::encode)
        .with(ScoredPair.class, r -> r.embedding()::encode)
        .with(IdsExample.class, r -> example -> example.fitting(r.maxLength()));
  }

  private <E extends Example> TaskExamples with(
      Class<E> kind, Function<Reading, Encoder<E>> encoder) {
    Map<Class<? extends Example>, Function<Reading, ? extends Encoder<?>>> more =
        new HashMap<>(encoders);
    more.put(kind, encoder);
    return new TaskExamples(takes, calls, measures, Map.copyOf(more));
  }

  /**
   * The encoder of a class of examples.
   *
   * @throws IllegalArgumentException if the task does not learn from them
   */
  @SuppressWarnings("unchecked") // the encoder is that of the class
  Encoder<Example> encoder(Class<? extends Example> kind, Reading reading) {
    Function<Reading, ? extends Encoder<?>> encoder = encoders.get(kind);
    if (encoder == null) {
      throw new AdvisedException(
          "a model for %s cannot be trained on a %s; it takes %s"
              .formatted(reading.task().type(), kind.getSimpleName(), takes),
          Remedy.TAKE_OTHER_DATA.with("Read them by " + calls, takes));
    }
    return (Encoder<Example>) encoder.apply(reading);
  }
}
