package io.github.peft4j.data.batch;

import io.github.peft4j.data.Permutation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Assigns examples to the batches of each epoch. The order depends only on the seed and the epoch,
 * on every machine. A resumed run gets the same batches by asking for the rest of the epoch's list.
 */
public final class BatchSampler {

  private static final Logger LOG = LoggerFactory.getLogger(BatchSampler.class);

  // Lengths within a sorted window differ little, and the windows themselves stay random.
  private static final int WINDOW_IN_BATCHES = 50;

  private final int examples;
  private final int batchSize;
  private final @Nullable Long seed;
  private final int @Nullable [] lengths;
  private final int @Nullable [][] texts;

  private BatchSampler(
      int examples,
      int batchSize,
      @Nullable Long seed,
      int @Nullable [] lengths,
      int @Nullable [][] texts) {
    if (examples < 1 || batchSize < 1) {
      throw new IllegalArgumentException(
          "%d examples in batches of %d: expected 1 at least of each"
              .formatted(examples, batchSize));
    }
    this.examples = examples;
    this.batchSize = batchSize;
    this.seed = seed;
    this.lengths = lengths;
    this.texts = texts;
  }

  /**
   * A sampler that gives every epoch in the order of the data set, for evaluation.
   *
   * @param examples the number of examples
   * @param batchSize the number of examples in a batch; the last may have fewer
   * @return the sampler
   */
  public static BatchSampler sequential(int examples, int batchSize) {
    return new BatchSampler(examples, batchSize, null, null, null);
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
    return new BatchSampler(examples, batchSize, seed, null, null);
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
    return new BatchSampler(lengths.length, batchSize, seed, lengths.clone(), null);
  }

  /**
   * A sampler that shuffles every epoch and keeps examples apart that share a text, so that no
   * example's text is a negative of its own. An example goes into the first batch that has room and
   * none of its texts. If the last batches leave no such place, it shares a batch, and a warning
   * counts these examples.
   *
   * @param texts numbers of the texts of each example, as {@link EncodedDataset#textNumbers}
   * @param batchSize the number of examples in a batch; the last may have fewer
   * @param seed the seed
   * @return the sampler
   * @throws IllegalArgumentException if a text occurs in more examples than there are batches
   */
  public static BatchSampler withoutDuplicates(int[][] texts, int batchSize, long seed) {
    BatchSampler sampler = new BatchSampler(texts.length, batchSize, seed, null, texts);
    Map<Integer, List<Integer>> examples = new HashMap<>();
    for (int example = 0; example < texts.length; example++) {
      for (int text : Arrays.stream(texts[example]).distinct().toArray()) {
        examples.computeIfAbsent(text, unseen -> new ArrayList<>()).add(example);
      }
    }
    List<Integer> most = Collections.max(examples.values(), Comparator.comparing(List::size));
    if (most.size() > sampler.batchesPerEpoch()) {
      throw new IllegalArgumentException(
          "%d examples share a text, such as the examples %d and %d, counted from 0. They cannot be kept apart in the %d batches of an epoch: take smaller batches, or fewer examples with that text"
              .formatted(most.size(), most.get(0), most.get(1), sampler.batchesPerEpoch()));
    }
    return sampler;
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
    if (texts != null) {
      return apart(shuffled, texts, epoch);
    }
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

  /** A batch that is being filled, and the texts in it. */
  private record Filling(int size, List<Integer> examples, Set<Integer> texts) {
    boolean hasRoom() {
      return examples.size() < size;
    }

    boolean holds(int[] of) {
      return Arrays.stream(of).anyMatch(texts::contains);
    }

    void add(int example, int[] of) {
      examples.add(example);
      Arrays.stream(of).forEach(texts::add);
    }
  }

  private List<int[]> apart(int[] shuffled, int[][] texts, int epoch) {
    List<Filling> batches =
        cut(shuffled).stream()
            .map(batch -> new Filling(batch.length, new ArrayList<>(), new HashSet<>()))
            .toList();
    int shared = 0;
    int open = 0; // all batches before it are full
    for (int example : shuffled) {
      while (!batches.get(open).hasRoom()) {
        open++;
      }
      int[] own = texts[example];
      Optional<Filling> free =
          batches.subList(open, batches.size()).stream()
              .filter(batch -> batch.hasRoom() && !batch.holds(own))
              .findFirst();
      shared += free.isPresent() ? 0 : 1;
      free.orElse(batches.get(open)).add(example, own);
    }
    if (shared > 0) {
      LOG.warn("epoch {}: {} examples share a text with another of their batch", epoch, shared);
    }
    return batches.stream()
        .map(batch -> batch.examples().stream().mapToInt(i -> i).toArray())
        .toList();
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
