package io.github.peft4j.data.batch;

import io.github.peft4j.data.Permutation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Assigns examples to the batches of each epoch. The order depends only on the seed and the epoch,
 * on every machine. A resumed run gets the same batches by asking for the rest of the epoch's list.
 */
public final class BatchSampler {

  // Lengths within a sorted window differ little, and the windows themselves stay random.
  private static final int WINDOW_IN_BATCHES = 50;

  private final int examples;
  private final int batchSize;
  private final @Nullable Long seed;
  private final int @Nullable [] lengths;

  private BatchSampler(int examples, int batchSize, @Nullable Long seed, int @Nullable [] lengths) {
    if (examples < 1 || batchSize < 1) {
      throw new IllegalArgumentException(
          "%d examples in batches of %d: expected 1 at least of each"
              .formatted(examples, batchSize));
    }
    this.examples = examples;
    this.batchSize = batchSize;
    this.seed = seed;
    this.lengths = lengths;
  }

  /**
   * A sampler that gives every epoch in the order of the data set, for evaluation.
   *
   * @param examples the number of examples
   * @param batchSize the number of examples in a batch; the last may have fewer
   * @return the sampler
   */
  public static BatchSampler sequential(int examples, int batchSize) {
    return new BatchSampler(examples, batchSize, null, null);
  }

  /**
   * A sampler that gives every epoch in a new random order.
   *
   * @param examples the number of examples
   * @param batchSize the number of examples in a batch; the last may have fewer
   * @param seed the seed
   * @return the sampler
   */
  public static BatchSampler shuffled(int examples, int batchSize, long seed) {
    return new BatchSampler(examples, batchSize, seed, null);
  }

  /**
   * A sampler whose batches have examples of similar length, for less padding. Every epoch is
   * shuffled, sorted by length within windows of fifty batches, and cut into batches, which are
   * shuffled in turn.
   *
   * @param lengths the length of each example, as {@link EncodedDataset#lengths}
   * @param batchSize the number of examples in a batch; one may have fewer
   * @param seed the seed
   * @return the sampler
   */
  public static BatchSampler byLength(int[] lengths, int batchSize, long seed) {
    return new BatchSampler(lengths.length, batchSize, seed, lengths.clone());
  }

  /** The number of examples in a batch; the last of an epoch may have fewer. */
  public int batchSize() {
    return Math.min(batchSize, examples);
  }

  /**
   * The number of batches in an epoch.
   *
   * @return the number of batches, the last short one included
   */
  public int batchesPerEpoch() {
    return (int) ((batchSize - 1L + examples) / batchSize);
  }

  /**
   * The batches of an epoch.
   *
   * @param epoch the epoch, from 0
   * @return the positions of the examples of each batch
   */
  public List<int[]> epoch(int epoch) {
    if (seed == null) {
      return cut(IntStream.range(0, examples).toArray());
    }
    long epochSeed = Permutation.seed(seed, epoch);
    int[] shuffled = Permutation.of(examples, epochSeed);
    if (lengths == null) {
      return cut(shuffled);
    }
    List<int[]> batches = cut(sortedInWindows(shuffled, lengths));
    return Arrays.stream(Permutation.of(batches.size(), ~epochSeed))
        .mapToObj(batches::get)
        .toList();
  }

  /**
   * The remaining batches of an epoch.
   *
   * @param epoch the epoch, from 0
   * @param done the number of its batches to skip
   * @return the positions of the examples of each remaining batch
   */
  public List<int[]> epoch(int epoch, int done) {
    List<int[]> batches = epoch(epoch);
    return batches.subList(done, batches.size());
  }

  private int[] sortedInWindows(int[] positions, int[] lengths) {
    List<Integer> sorted = new ArrayList<>(Arrays.stream(positions).boxed().toList());
    int window = (int) Math.min(examples, (long) WINDOW_IN_BATCHES * batchSize);
    for (int start = 0; start < examples; start += window) {
      sorted
          .subList(start, Math.min(start + window, examples))
          .sort(Comparator.comparingInt(i -> lengths[i]));
    }
    return sorted.stream().mapToInt(i -> i).toArray();
  }

  private List<int[]> cut(int[] positions) {
    List<int[]> batches = new ArrayList<>(batchesPerEpoch());
    for (int i = 0; i < batchesPerEpoch(); i++) {
      int start = i * batchSize;
      int end = start + Math.min(batchSize, examples - start);
      batches.add(Arrays.copyOfRange(positions, start, end));
    }
    return Collections.unmodifiableList(batches);
  }
}
