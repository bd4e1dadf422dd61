package io.github.peft4j.train.evaluation;

import ai.djl.ndarray.NDManager;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingEncoder;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Encodes examples for a model's task, and turns batches into the arrays that the model takes. */
public final class BatchFeed {

  private BatchFeed() {}

  /**
   * Encodes examples for the model's task.
   *
   * @param maxTokens the most tokens of an example; fewer if adapters leave fewer positions
   */
  public static EncodedDataset encode(TextModel model, Examples<?> examples, int maxTokens) {
    return encode(model, examples, maxTokens, false);
  }

  /**
   * Encodes examples for the model's task.
   *
   * @param maxTokens the most tokens of an example; fewer if adapters leave fewer positions
   * @param skipTooLong whether examples whose answers do not fit are left out
   */
  public static EncodedDataset encode(
      TextModel model, Examples<?> examples, int maxTokens, boolean skipTooLong) {
    int maxLength = (int) Math.min(maxTokens, model.room());
    Tokenizer tokenizer = model.tokenizer();
    Task task = model.base().task();
    Map<Class<?>, Encoder<Example>> encoders = new ConcurrentHashMap<>();
    return EncodedDataset.of(
        examples,
        example ->
            encoders
                .computeIfAbsent(
                    example.getClass(),
                    kind ->
                        isTogether(example)
                            ? together(model, maxLength)
                            : encoder(task, tokenizer, maxLength, example, examples.dataset()))
                .encode(example),
        skipTooLong);
  }

  /** Texts that belong together have vectors each, whatever the model's task. */
  private static boolean isTogether(Example example) {
    return example instanceof AnchorExample || example instanceof ScoredPair;
  }

  private static Encoder<Example> together(TextModel model, int maxLength) {
    EmbeddingEncoder encoder =
        new EmbeddingEncoder(model.tokenizer(), model.embedder().settings(), maxLength);
    return example ->
        example instanceof AnchorExample anchor
            ? encoder.encode(anchor)
            : encoder.encode((ScoredPair) example);
  }

  @SuppressWarnings("unchecked") // the encoder is chosen by the example's own class
  private static Encoder<Example> encoder(
      Task task, Tokenizer tokenizer, int maxLength, Example example, Dataset<?> all) {
    Encoder<?> encoder =
        switch (task.type()) {
          case SEQ_CLS -> ofText(task, tokenizer, maxLength, example, all);
          case CAUSAL_LM ->
              example instanceof PromptExample
                  ? Encoder.prompt(tokenizer, maxLength)
                  : example instanceof TextExample ? Encoder.text(tokenizer, maxLength) : null;
          case SEQ_2_SEQ_LM ->
              example instanceof PromptExample
                  ? Encoder.sequenceToSequence(tokenizer, maxLength, maxLength)
                  : null;
          case TOKEN_CLS, QUESTION_ANS, MASKED_LM, FEATURE_EXTRACTION -> null;
        };
    if (encoder == null) {
      throw new IllegalArgumentException(
          "a model for "
              + task.type()
              + " cannot be trained on a "
              + example.getClass().getSimpleName()
              + "; it takes "
              + switch (task.type()) {
                case SEQ_CLS ->
                    switch (task.problem()) {
                      case SINGLE_LABEL -> "texts with labels: .text(column).label(column)";
                      case MULTI_LABEL ->
                          "texts with lists of labels: .text(column).labels(column)";
                      case REGRESSION -> "texts with numbers: .text(column).score(column)";
                    };
                case CAUSAL_LM ->
                    "prompts with answers, .prompt(column).answer(column), or plain texts";
                case SEQ_2_SEQ_LM -> "prompts with answers: .prompt(column).answer(column)";
                case TOKEN_CLS, QUESTION_ANS, MASKED_LM ->
                    "a loop of your own over Backpropagation: FineTuner reads no labels of tokens"
                        + " and no spans yet";
                case FEATURE_EXTRACTION ->
                    "texts that belong together: .anchor(column).positive(column) or"
                        + " .text(column).pair(column).score(column)";
              });
    }
    return (Encoder<Example>) encoder;
  }

  private static @Nullable Encoder<?> ofText(
      Task task, Tokenizer tokenizer, int maxLength, Example example, Dataset<?> all) {
    return switch (task.problem()) {
      case SINGLE_LABEL ->
          example instanceof ClassificationExample
              ? Encoder.classification(tokenizer, labels(task, all), maxLength)
              : null;
      case MULTI_LABEL ->
          example instanceof MultiLabelExample
              ? Encoder.multiLabel(tokenizer, Labels.of(task.labels()), maxLength)
              : null;
      case REGRESSION ->
          example instanceof RegressionExample
              ? Encoder.regression(tokenizer, task.labels().size(), maxLength)
              : null;
    };
  }

  private static Labels labels(Task task, Dataset<?> examples) {
    return Labels.of(task.labels())
        .asWrittenIn(
            new Dataset<>(
                examples.examples().stream()
                    .filter(ClassificationExample.class::isInstance)
                    .map(ClassificationExample.class::cast)
                    .toList()));
  }

  /** The model's input for a batch. */
  public static ModelInput input(TransformerModel model, Batch batch) {
    NDManager manager = model.manager();
    ModelInput input = ModelInput.of(manager, batch.inputIds(), batch.attentionMask());
    long[][] types = batch.tokenTypeIds();
    if (types != null) {
      input = input.withTypes(ModelInput.array(manager, types));
    }
    return model.task().type() == Task.Type.SEQ_2_SEQ_LM
        ? input.decoding(ModelInput.array(manager, model.shiftRight(batch.labels())))
        : input;
  }

  /** The labels that the model's outputs are compared with. */
  public static LossTargets targets(TransformerModel model, Batch batch) {
    return switch (batch.alignment()) {
      case VALUES -> new LossTargets.Values(batch.values());
      case NONE -> new LossTargets.None(batch.size(), batch.examples(), batch.values());
      case TARGET -> new LossTargets.Tokens(batch.labels());
      case TOKEN ->
          model.task().type() == Task.Type.CAUSAL_LM
              ? new LossTargets.NextTokens(batch.labels())
              : new LossTargets.Tokens(batch.labels());
      case SPAN ->
          new LossTargets.Spans(
              column(batch.labels(), 0), column(batch.labels(), 1), batch.inputIds()[0].length);
      case TEXT -> new LossTargets.Classes(column(batch.labels(), 0));
    };
  }

  private static long[] column(long[][] rows, int index) {
    return Arrays.stream(rows).mapToLong(row -> row[index]).toArray();
  }
}
