package io.github.peft4j.train;

import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.BatchSampler;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Packing;
import io.github.peft4j.train.evaluation.Evaluator;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Assigns batches to the steps of a training. The assignment depends only on the step, so that a
 * killed run can continue. A row of a batch is an example, or several that are packed.
 */
final class BatchPlan {

  private final EncodedDataset data;
  private final @Nullable Packing packing;
  private final BatchSampler sampler;
  private final Collator collator;
  private final int accumulation;
  private int rowsAtOnce;
  private int sampledEpoch = -1;
  private List<int[]> sampled = List.of();

  /**
   * Creates a plan.
   *
   * @param packing the examples of each row, or null if a row is an example
   * @param sampler assigns rows to batches
   * @param accumulation number of batches in a step; the last step of an epoch may have fewer
   */
  BatchPlan(
      EncodedDataset data,
      @Nullable Packing packing,
      BatchSampler sampler,
      Collator collator,
      int accumulation) {
    this.data = data;
    this.packing = packing;
    this.sampler = sampler;
    this.collator = collator;
    this.accumulation = accumulation;
    this.rowsAtOnce = sampler.batchSize();
  }

  /** The most rows that are computed at once: those of a batch, or of a part of it. */
  int rowsAtOnce() {
    return rowsAtOnce;
  }

  /** In how many parts the batches of a step are computed, if they are full. */
  int partsOfStep() {
    int rows = Math.min(sampler.batchSize(), rowCount());
    return accumulation * ((rows + rowsAtOnce - 1) / rowsAtOnce);
  }

  /** Lets batches be computed in parts of this many rows at most. */
  void rowsAtOnce(int rows) {
    this.rowsAtOnce = Math.min(rows, sampler.batchSize());
  }

  /** The number of optimizer steps in an epoch. */
  long stepsPerEpoch() {
    return (accumulation - 1L + sampler.batchesPerEpoch()) / accumulation;
  }

  /** The rows of a step's batches. */
  List<int[]> rows(long step) {
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

  /** The positions in the data set, from 0, of a step's examples, as a list for each batch. */
  List<List<Integer>> positions(long step) {
    return rows(step).stream()
        .map(
            rows -> Arrays.stream(rows).flatMap(this::examplesOf).mapToObj(data::position).toList())
        .toList();
  }

  private IntStream examplesOf(int row) {
    return packing == null ? IntStream.of(row) : Arrays.stream(packing.rows()[row]);
  }

  /** The examples of a row, with the masks of the first epoch. */
  List<EncodedExample> examples(int row) {
    return data.drawn(0, examplesOf(row).toArray());
  }

  /** The length that each row has by itself. */
  private int[] lengths() {
    int[] sizes = data.examples().stream().mapToInt(Evaluator::size).toArray();
    return packing == null ? sizes : packing.lengths(sizes);
  }

  /** The most tokens that are computed at once, padding included. */
  long largestBatch() {
    return (long) rowsAtOnce * Arrays.stream(lengths()).max().orElse(1);
  }

  /** The number of rows in an epoch. */
  int rowCount() {
    return packing == null ? data.size() : packing.rows().length;
  }

  /**
   * The share of the positions of an epoch's rows that are tokens, from 0 to 1. The others are
   * padding, to the longest row of a batch.
   */
  double fill() {
    int[] lengths = lengths();
    long positions = 0;
    for (int[] batch : sampler.epoch(0)) {
      positions +=
          (long) batch.length * Arrays.stream(batch).map(row -> lengths[row]).max().orElse(0);
    }
    return Arrays.stream(lengths).asLongStream().sum() / (double) positions;
  }

  /** The longest rows that may be computed at once, as a batch of a step's epoch. */
  Batch longest(long step) {
    int[] lengths = lengths();
    int[] rows =
        IntStream.range(0, lengths.length)
            .boxed()
            .sorted(Comparator.comparing(row -> -lengths[row]))
            .limit(rowsAtOnce)
            .mapToInt(row -> row)
            .toArray();
    return batch(step, rows);
  }

  /** The first of a step's {@link #batches}. */
  Batch firstBatch(long step) {
    return batches(step).get(0);
  }

  /** The batches of a step, or the parts that they are computed in. */
  List<Batch> batches(long step) {
    return rows(step).stream().flatMap(this::parts).map(rows -> batch(step, rows)).toList();
  }

  private Stream<int[]> parts(int[] rows) {
    return IntStream.iterate(0, from -> from < rows.length, from -> from + rowsAtOnce)
        .mapToObj(from -> Arrays.copyOfRange(rows, from, Math.min(rows.length, from + rowsAtOnce)));
  }

  private Batch batch(long step, int[] rows) {
    Packing packed = packing;
    return packed == null
        ? collator.collate(data.drawn(epoch(step), rows))
        : collator.pack(
            Arrays.stream(rows)
                .mapToObj(row -> data.drawn(epoch(step), packed.rows()[row]))
                .toList());
  }
}
