package io.github.peft4j.data.batch;

import io.github.peft4j.data.Permutation;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Draws masks. What is drawn depends only on the seed, the epoch and the place of the example, so
 * that a run that goes on from a checkpoint draws the same.
 *
 * @param masking the rule
 * @param maskId the id of the mask
 * @param vocabulary the number of ids that random tokens are drawn from
 * @param seed the seed
 */
public record Masker(Masking masking, long maskId, int vocabulary, long seed) {

  /**
   * An example with masks.
   *
   * @param example whose labels say the word of each token, {@link EncodedExample#IGNORED} for
   *     special tokens: see {@link Encoder#masked}
   * @param epoch the epoch
   * @param place the place of the example among all
   * @return its ids with masks. The labels are the ids of tokens to find; the others are {@link
   *     EncodedExample#IGNORED}
   */
  EncodedExample draw(EncodedExample example, long epoch, long place) {
    SplittableRandom random =
        new SplittableRandom(Permutation.seed(Permutation.seed(seed, epoch), place));
    long[] ids = example.inputIds().clone();
    long[] labels = new long[ids.length];
    Arrays.fill(labels, EncodedExample.IGNORED);
    Map<Long, Boolean> drawn = new HashMap<>();
    for (int i = 0; i < ids.length; i++) {
      long word = example.labels()[i];
      if (word != EncodedExample.IGNORED
          && drawn.computeIfAbsent(word, each -> random.nextDouble() < masking.probability())) {
        labels[i] = ids[i];
        ids[i] = replaced(ids[i], random);
      }
    }
    return example.drawn(ids, labels);
  }

  private long replaced(long id, SplittableRandom random) {
    double share = random.nextDouble();
    if (masking.wholeWords() || share < masking.masked()) {
      return maskId;
    }
    return share < masking.masked() + masking.random() ? random.nextInt(vocabulary) : id;
  }
}
