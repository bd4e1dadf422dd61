package io.github.peft4j.train.evaluation;

import io.github.peft4j.TextModel;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.batch.IdsExample;
import io.github.peft4j.data.batch.Masker;
import io.github.peft4j.data.batch.TextBlocks;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.config.Task;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Encodes examples for a model's task. */
public final class TaskEncoder {

  private static final Logger LOG = LoggerFactory.getLogger(TaskEncoder.class);

  private TaskEncoder() {}

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
            new ByClass(new Reading(model, maxLength, settings, examples.dataset())),
            settings.skipTooLong());
    return task.type() == Task.Type.MASKED_LM && hasLabels(data) && !areIds(data)
        ? masked(model, data, maxLength, settings)
        : data;
  }

  /** Whether any labels are learnt: texts that belong together have none. */
  private static boolean hasLabels(EncodedDataset data) {
    return data.examples().stream().anyMatch(e -> e.alignment() == EncodedExample.Alignment.TOKEN);
  }

  /**
   * Whether the examples are ids, which say themselves what is masked.
   *
   * @throws IllegalArgumentException if only some are
   */
  private static boolean areIds(EncodedDataset data) {
    long ids =
        IntStream.range(0, data.size()).filter(i -> data.sourceOf(i) instanceof IdsExample).count();
    if (ids > 0 && ids < data.size()) {
      throw new IllegalArgumentException(
          "%d of %d examples are ids and the others are texts, whose tokens would be masked: train on one kind"
              .formatted(ids, data.size()));
    }
    return ids > 0;
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

  /** Encodes each example by its class. An encoder is made when the first of its class comes. */
  private static final class ByClass implements Encoder<Example> {

    private final Reading reading;
    private final TaskExamples kinds;
    private final Map<Class<?>, Encoder<Example>> encoders = new ConcurrentHashMap<>();

    ByClass(Reading reading) {
      this.reading = reading;
      this.kinds = TaskExamples.of(reading.task());
    }

    @Override
    public EncodedExample encode(Example example) {
      return rows(example).get(0);
    }

    @Override
    public List<EncodedExample> rows(Example example) {
      if (example instanceof TaskExample one) {
        Map<String, Long> values = Map.of(TaskExample.TASK_IDS, one.task());
        return rows(one.example()).stream().map(row -> row.withRowValues(values)).toList();
      }
      return of(example).rows(example);
    }

    private Encoder<Example> of(Example example) {
      return encoders.computeIfAbsent(
          example.getClass(), kind -> kinds.encoder(example.getClass(), reading));
    }
  }
}
