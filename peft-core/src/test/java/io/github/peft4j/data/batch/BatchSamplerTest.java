package io.github.peft4j.data.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatchSamplerTest {

  private static int[] flat(List<int[]> batches) {
    return batches.stream().flatMapToInt(Arrays::stream).toArray();
  }

  private static int[][] array(List<int[]> batches) {
    return batches.toArray(int[][]::new);
  }

  @Test
  void sequential() {
    BatchSampler sampler = BatchSampler.sequential(5, 2);
    assertThat(array(sampler.epoch(3))).isDeepEqualTo(new int[][] {{0, 1}, {2, 3}, {4}});
    assertThat(sampler.batchesPerEpoch()).isEqualTo(3);
  }

  @Test
  void shuffledEpochsDifferAndAreReproducible() {
    BatchSampler sampler = BatchSampler.shuffled(101, 8, 7);

    assertThat(sampler.epoch(0)).hasSize(13).hasSize(sampler.batchesPerEpoch());
    assertThat(flat(sampler.epoch(0)))
        .containsExactlyInAnyOrder(IntStream.range(0, 101).toArray())
        .isNotEqualTo(flat(sampler.epoch(1)));
    assertThat(array(BatchSampler.shuffled(101, 8, 7).epoch(4)))
        .isDeepEqualTo(array(sampler.epoch(4)));
    assertThat(flat(BatchSampler.shuffled(101, 8, 8).epoch(0)))
        .isNotEqualTo(flat(sampler.epoch(0)))
        .isNotEqualTo(flat(sampler.epoch(1)));
  }

  @Test
  void resumesInTheMiddleOfAnEpoch() {
    BatchSampler sampler = BatchSampler.shuffled(100, 8, 1);
    assertThat(array(sampler.epoch(2, 5))).isDeepEqualTo(array(sampler.epoch(2).subList(5, 13)));
    assertThat(sampler.epoch(2, 13)).isEmpty();
  }

  @Test
  void byLengthPadsLess() {
    Random random = new Random(0);
    int[] lengths = IntStream.range(0, 1003).map(i -> 1 + random.nextInt(200)).toArray();
    BatchSampler shuffled = BatchSampler.shuffled(1003, 8, 1);
    BatchSampler byLength = BatchSampler.byLength(lengths, 8, 1);

    assertThat(flat(byLength.epoch(0)))
        .containsExactlyInAnyOrder(IntStream.range(0, 1003).toArray())
        .isEqualTo(flat(BatchSampler.byLength(lengths, 8, 1).epoch(0)))
        .isNotEqualTo(flat(byLength.epoch(1)));
    assertThat(byLength.epoch(0)).hasSize(byLength.batchesPerEpoch());
    assertThat(padded(byLength.epoch(0), lengths))
        .isLessThan(IntStream.of(lengths).sum() * 1.05)
        .isLessThan(padded(shuffled.epoch(0), lengths) * 0.7);
    // Short batches are not all at the start.
    List<int[]> epoch = byLength.epoch(0);
    assertThat(padded(epoch.subList(0, 63), lengths))
        .isBetween(padded(epoch, lengths) * 0.4, padded(epoch, lengths) * 0.6);
  }

  private static double padded(List<int[]> batches, int[] lengths) {
    return batches.stream()
        .mapToDouble(
            batch -> batch.length * Arrays.stream(batch).map(i -> lengths[i]).max().orElse(0))
        .sum();
  }

  @Test
  void examplesThatShareATextAreKeptApart() {
    Random random = new Random(3);
    int[][] texts = new int[203][];
    Arrays.setAll(texts, i -> new int[] {random.nextInt(150), 1000 + i / 2});
    BatchSampler sampler = BatchSampler.withoutDuplicates(texts, 8, 5);
    for (int epoch = 0; epoch < 3; epoch++) {
      List<int[]> batches = sampler.epoch(epoch);
      assertThat(batches).hasSize(sampler.batchesPerEpoch());
      assertThat(batches.stream().flatMapToInt(Arrays::stream).sorted())
          .containsExactlyElementsOf(IntStream.range(0, 203).boxed().toList());
      for (int[] batch : batches) {
        assertThat(batch).hasSizeBetween(3, 8);
        assertThat(Arrays.stream(batch).flatMap(i -> Arrays.stream(texts[i])).boxed())
            .doesNotHaveDuplicates();
      }
    }
    assertThat(array(sampler.epoch(0))).isNotEqualTo(array(sampler.epoch(1)));
    assertThat(array(sampler.epoch(1))).isDeepEqualTo(array(sampler.epoch(1)));
    assertThatThrownBy(() -> BatchSampler.withoutDuplicates(new int[9][1], 5, 5))
        .hasMessageStartingWith("9 examples share a text, such as the examples 0 and 1")
        .hasMessageContaining("in the 2 batches of an epoch");
  }

  @Test
  void wrongArguments() {
    assertThatThrownBy(() -> BatchSampler.sequential(0, 1))
        .hasMessage("0 examples in batches of 1: expected 1 at least of each");
    assertThatThrownBy(() -> BatchSampler.shuffled(1, 0, 0)).hasMessageContaining("of 0");
  }
}
