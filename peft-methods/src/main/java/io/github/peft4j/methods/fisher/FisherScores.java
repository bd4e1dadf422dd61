package io.github.peft4j.methods.fisher;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.BatchSampler;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.evaluation.TaskEncoder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The Fisher information of a model's parameters: the sum of their squared gradients over examples,
 * with the examples' labels, one example at a time.
 */
public final class FisherScores {

  private FisherScores() {}

  /**
   * The information of tensors. Meanwhile a copy of the model, its gradient and the information are
   * in memory.
   *
   * @param examples of the model's task; a random part of them is read if there are more than
   *     {@code most}
   * @param most the number of examples, above 0; null for all
   * @param maxLength the most tokens of an example; at most the model's positions are read
   * @param seed of the choice of examples and of dropout
   * @param names the tensors
   * @return the information of each tensor, row-major, by the tensor's name
   * @throws IllegalArgumentException if no example has a label that counts
   */
  public static Map<String, float[]> of(
      PeftModel model,
      Examples<?> examples,
      @Nullable Integer most,
      int maxLength,
      long seed,
      Predicate<String> names) {
    List<Batch> batches = batches(model, examples, most, maxLength, seed);
    return FisherInformation.in(
        model,
        FullConfig.defaults(),
        names,
        GradType.SQUARE,
        information -> {
          batches.forEach(
              batch -> information.add(batch, BatchFeed.targets(model.base(), batch), 1));
          Map<String, float[]> scores = new LinkedHashMap<>();
          information.scores().forEach((name, values) -> scores.put(name, values.get()));
          return scores;
        });
  }

  /** Batches of one example each, in an order drawn from the seed. */
  static List<Batch> batches(
      PeftModel model, Examples<?> examples, @Nullable Integer most, int maxLength, long seed) {
    int length = (int) Math.min(maxLength, model.base().maxPositions());
    EncodedDataset data = TaskEncoder.encode(model, examples, length);
    Collator collator = new Collator(model.base().padId(model.tokenizer().padId()));
    return BatchSampler.shuffled(data.size(), 1, seed).epoch(0).stream()
        .limit(most == null ? data.size() : most)
        .map(row -> collator.collate(data.select(row)))
        .toList();
  }
}
