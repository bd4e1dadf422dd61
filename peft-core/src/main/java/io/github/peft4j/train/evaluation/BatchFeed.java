package io.github.peft4j.train.evaluation;

import ai.djl.ndarray.NDManager;
import io.github.peft4j.TextModel;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.chat.ChatEncoder;
import io.github.peft4j.chat.ChatPreferenceEncoder;
import io.github.peft4j.chat.TemplateException;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.batch.Masker;
import io.github.peft4j.data.batch.QuestionWindow;
import io.github.peft4j.data.batch.TextBlocks;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingEncoder;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PackedTexts;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Encodes examples for a model's task, and turns batches into the arrays that the model takes. */
public final class BatchFeed {

  private static final Logger LOG = LoggerFactory.getLogger(BatchFeed.class);

  private BatchFeed() {}

  /**
   * Encodes examples for the model's task.
   *
   * @param maxTokens the most tokens of an example; fewer if adapters leave fewer positions
   */
  public static EncodedDataset encode(TextModel model, Examples<?> examples, int maxTokens) {
    return encode(model, examples, EncodingSettings.of(maxTokens));
  }

  /**
   * Encodes examples for the model's task.
   *
   * @param settings whose {@code maxLength} is lowered if adapters leave fewer positions
   */
  public static EncodedDataset encode(
      TextModel model, Examples<?> examples, EncodingSettings settings) {
    int maxLength = (int) Math.min(settings.maxLength(), model.room());
    Task task = model.base().task();
    EncodedDataset data =
        EncodedDataset.of(
            examples,
            new ByClass(model, maxLength, settings, examples.dataset()),
            settings.skipTooLong());
    return task.type() == Task.Type.MASKED_LM && hasLabels(data)
        ? masked(model, data, maxLength, settings)
        : data;
  }

  /** Whether any labels are learnt: texts that belong together have none. */
  private static boolean hasLabels(EncodedDataset data) {
    return data.examples().stream().anyMatch(e -> e.alignment() == EncodedExample.Alignment.TOKEN);
  }

  private static EncodedDataset masked(
      TextModel model, EncodedDataset texts, int maxLength, EncodingSettings settings) {
    Tokenizer tokenizer = model.tokenizer();
    EncodedDataset rows = texts;
    if (settings.masking().blocks()) {
      TextBlocks.Blocks blocks = TextBlocks.of(texts, maxLength);
      LOG.info(
          "{} texts were joined into {} blocks of {} tokens; {} tokens after the last block were dropped",
          texts.size(),
          blocks.rows().size(),
          maxLength,
          blocks.dropped());
      rows = blocks.rows();
    }
    long mask =
        tokenizer
            .maskId()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "the tokenizer has no mask_token, so nothing can be masked"));
    int vocabulary = (int) Math.min(tokenizer.vocabularySize(), model.base().head().classes());
    return rows.maskedBy(new Masker(settings.masking(), mask, vocabulary, settings.seed()));
  }

  /** Encodes each example by its class. */
  private static final class ByClass implements Encoder<Example> {

    private final TextModel model;
    private final int maxLength;
    private final EncodingSettings settings;
    private final Dataset<?> all;
    private final Map<Class<?>, Encoder<Example>> encoders = new ConcurrentHashMap<>();

    ByClass(TextModel model, int maxLength, EncodingSettings settings, Dataset<?> all) {
      this.model = model;
      this.maxLength = maxLength;
      this.settings = settings;
      this.all = all;
    }

    @Override
    public EncodedExample encode(Example example) {
      return of(example).encode(example);
    }

    @Override
    public List<EncodedExample> rows(Example example) {
      try {
        return of(example).rows(example);
      } catch (TemplateException e) { // a DataException is told with the example it is about
        throw new DataException(String.valueOf(e.getMessage()), e);
      }
    }

    private Encoder<Example> of(Example example) {
      return encoders.computeIfAbsent(example.getClass(), kind -> newEncoder(example));
    }

    private Encoder<Example> newEncoder(Example example) {
      if (isTogether(example)) {
        return together(model, maxLength);
      }
      Task task = model.base().task();
      boolean chat =
          example instanceof ConversationExample || example instanceof ConversationPreference;
      return chat && task.type() == Task.Type.CAUSAL_LM
          ? conversations(model, maxLength, settings, example)
          : encoder(task, model.tokenizer(), maxLength, settings, example, all);
    }
  }

  @SuppressWarnings("unchecked") // for conversations only
  private static Encoder<Example> conversations(
      TextModel model, int maxLength, EncodingSettings settings, Example example) {
    Encoder<?> encoder =
        example instanceof ConversationExample
            ? new ChatEncoder(model.tokenizer(), model.chatTemplate(), maxLength)
                .trainOn(settings.trainOn())
            : new ChatPreferenceEncoder(model.tokenizer(), model.chatTemplate(), maxLength);
    return (Encoder<Example>) encoder;
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
      Task task,
      Tokenizer tokenizer,
      int maxLength,
      EncodingSettings settings,
      Example example,
      Dataset<?> all) {
    Encoder<?> encoder =
        switch (task.type()) {
          case SEQ_CLS -> ofText(task, tokenizer, maxLength, example, all);
          case CAUSAL_LM ->
              example instanceof PromptExample
                  ? Encoder.prompt(tokenizer, maxLength)
                  : example instanceof PreferenceExample
                      ? Encoder.preference(tokenizer, maxLength)
                      : example instanceof TextExample ? Encoder.text(tokenizer, maxLength) : null;
          case SEQ_2_SEQ_LM ->
              example instanceof PromptExample
                  ? Encoder.sequenceToSequence(tokenizer, maxLength, maxLength)
                  : example instanceof PreferenceExample
                      ? Encoder.preferredTarget(tokenizer, maxLength, maxLength)
                      : null;
          case TOKEN_CLS ->
              example instanceof TokensExample
                  ? Encoder.tokens(
                      tokenizer,
                      tags(task, all),
                      maxLength,
                      settings.stride().orElse(-1),
                      settings.labelAllTokens())
                  : null;
          case QUESTION_ANS ->
              example instanceof QuestionExample
                  ? Encoder.question(
                      tokenizer, maxLength, settings.stride().orElse(QuestionWindow.STRIDE))
                  : null;
          case MASKED_LM ->
              example instanceof TextExample
                  ? Encoder.masked(
                      tokenizer,
                      settings.masking().blocks() ? Integer.MAX_VALUE : maxLength,
                      settings.masking().wholeWords())
                  : null;
          case FEATURE_EXTRACTION -> null;
        };
    if (encoder == null) {
      Wanted wanted = wanted(task);
      throw new AdvisedException(
          "a model for %s cannot be trained on a %s; it takes %s"
              .formatted(task.type(), example.getClass().getSimpleName(), wanted.examples()),
          Remedy.TAKE_OTHER_DATA.with("Read them by " + wanted.calls(), wanted.examples()));
    }
    return (Encoder<Example>) encoder;
  }

  /** The examples of a task, and how they are read. */
  private record Wanted(String examples, String calls) {}

  private static Wanted wanted(Task task) {
    return switch (task.type()) {
      case SEQ_CLS ->
          switch (task.problem()) {
            case SINGLE_LABEL -> new Wanted("texts with labels", ".text(column).label(column)");
            case MULTI_LABEL ->
                new Wanted("texts with lists of labels", ".text(column).labels(column)");
            case REGRESSION -> new Wanted("texts with numbers", ".text(column).score(column)");
          };
      case CAUSAL_LM ->
          new Wanted(
              "conversations, prompts with answers, preferences, or plain texts",
              ".conversations(), .prompt(column).answer(column), .preferences() or .text(column)");
      case SEQ_2_SEQ_LM ->
          new Wanted(
              "prompts with answers, or preferences",
              ".prompt(column).answer(column) or .preferences()");
      case TOKEN_CLS -> new Wanted("words with tags", ".tokens(column).tags(column)");
      case QUESTION_ANS -> new Wanted("questions with a text and its answers", ".questions()");
      case MASKED_LM -> new Wanted("plain texts", ".text(column)");
      case FEATURE_EXTRACTION ->
          new Wanted(
              "texts that belong together",
              ".anchor(column).positive(column) or .text(column).pair(column).similarity(column)");
    };
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

  private static Labels tags(Task task, Dataset<?> examples) {
    return Labels.of(task.labels())
        .asWritten(
            examples.examples().stream()
                .filter(TokensExample.class::isInstance)
                .flatMap(example -> ((TokensExample) example).tags().stream())
                .distinct()
                .toList());
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

  /**
   * Checks that the examples have conversations, whose parts can be chosen.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static void requireConversations(EncodedDataset data) {
    Example other = null;
    for (int i = 0; i < data.size(); i++) {
      Example source = data.sourceOf(i);
      if (source instanceof ConversationExample) {
        return;
      }
      other = source;
    }
    throw new AdvisedException(
        "trainOn chooses parts of conversations, but the examples are %ss"
            .formatted(other == null ? "other example" : other.getClass().getSimpleName()),
        Remedy.READ_CONVERSATIONS.with(
            "Leave trainOn out, or read conversations, by .messages() or .conversations()"));
  }

  /** The model's input for a batch. */
  public static ModelInput input(TransformerModel model, Batch batch) {
    NDManager manager = model.manager();
    ModelInput input = ModelInput.of(manager, batch.inputIds(), batch.attentionMask());
    long[][] types = batch.tokenTypeIds();
    if (types != null) {
      input = input.withTypes(ModelInput.array(manager, types));
    }
    int[][] packed = batch.packed();
    if (packed != null) {
      input = input.withTexts(PackedTexts.of(manager, packed, batch.length()));
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
              ? new LossTargets.NextTokens(
                  batch.packed() == null ? batch.labels() : batch.nextLabels())
              : new LossTargets.Tokens(batch.labels());
      case SPAN ->
          new LossTargets.Spans(
              column(batch.labels(), 0), column(batch.labels(), 1), batch.inputIds()[0].length);
      case TEXT -> new LossTargets.Classes(column(batch.labels(), 0));
    };
  }

  /** What a batch counts for in the mean of an objective, see {@link Objective#units}. */
  public static double units(
      Objective objective, Batch batch, TransformerModel model, ActiveAdapters adapters) {
    return objective.units(batch.examples(), model.labels(targets(model, batch), adapters));
  }

  private static long[] column(long[][] rows, int index) {
    return Arrays.stream(rows).mapToLong(row -> row[index]).toArray();
  }
}
