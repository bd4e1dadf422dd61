package io.github.peft4j.train;

import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.BatchSampler;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.train.evaluation.Evaluator;
import java.util.Arrays;
import java.util.List;

/**
 * Assigns batches to the steps of a training. The assignment depends only on the step, so that a
 * killed run can continue.
 */
final class BatchPlan {

  private final EncodedDataset data;
  private final BatchSampler sampler;
  private final Collator collator;
  private final int accumulation;
  private int sampledEpoch = -1;
  private List<int[]> sampled = List.of();

  /**
   * Creates a plan.
   *
   * @param accumulation number of batches in a step; the last step of an epoch may have fewer
   */
  BatchPlan(EncodedDataset data, BatchSampler sampler, Collator collator, int accumulation) {
    this.data = data;
    this.sampler = sampler;
    this.collator = collator;
    this.accumulation = accumulation;
  }

  /** The number of optimizer steps in an epoch. */
  long stepsPerEpoch() {
    return (accumulation - 1L + sampler.batchesPerEpoch()) / accumulation;
  }

  /** The examples of a step's batches. */
  List<int[]> examples(long step) {
    int epoch = epoch(step);
    int first = (int) (step % stepsPerEpoch()) * accumulation;
    if (epoch != sampledEpoch) {
      sampled = sampler.epoch(epoch);
      sampledEpoch = epoch;
    }
    return sampled.subList(first, first + Math.min(accumulation, sampled.size() - first));
  }

  private int epoch(long step) {
    return (int) (step / stepsPerEpoch());
  }

  /** The positions of those examples in the data set, from 0, as a list for each batch. */
  List<List<Integer>> positions(List<int[]> examples) {
    return examples.stream()
        .map(rows -> Arrays.stream(rows).mapToObj(data::position).toList())
        .toList();
  }

  /** The most tokens that a batch can have, padding included. */
  long largestBatch() {
    int longest = data.examples().stream().mapToInt(Evaluator::size).max().orElse(1);
    return (long) sampler.batchSize() * longest;
  }

  /** The first batch of a step. */
  Batch firstBatch(long step) {
    return batch(step, examples(step).get(0));
  }

  /** The batches of a step. */
  List<Batch> batches(long step) {
    return examples(step).stream().map(rows -> batch(step, rows)).toList();
  }

  private Batch batch(long step, int[] rows) {
    return collator.collate(data.select(epoch(step), rows));
  }
}
