package io.github.peft4j.data.batch;

import static io.github.peft4j.data.batch.EncodedExample.IGNORED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Examples that share rows. */
class PackingTest {

  private static int[][] lengthsOf(Packing packing, int[] lengths) {
    return Arrays.stream(packing.rows())
        .map(row -> Arrays.stream(row).map(i -> lengths[i]).toArray())
        .toArray(int[][]::new);
  }

  /** The rows that trl.pack_dataset(…, 64, "bfd") makes of 60 examples (TRL 1.0 and later). */
  @Test
  void rowsAreThoseOfTrl() {
    int[] lengths = {
      20, 2, 12, 12, 14, 3, 19, 8, 2, 18, 14, 19, 25, 4, 27, 55, 59, 10, 11, 64, 15, 4, 20, 14, 41,
      64, 12, 16, 58, 13, 15, 15, 28, 32, 13, 58, 18, 36, 12, 5, 5, 1, 9, 54, 20, 7, 51, 13, 16, 7,
      15, 11, 1, 12, 7, 45, 16, 60, 16, 14
    };
    int[][] rows = {
      {64},
      {64},
      {60, 4},
      {59, 5},
      {58},
      {58},
      {55, 9},
      {54, 10},
      {51, 13},
      {45, 19},
      {41, 20, 3},
      {36, 28},
      {32, 27, 5},
      {25, 20, 19},
      {20, 18, 18, 8},
      {16, 16, 16, 16},
      {15, 15, 15, 15, 4},
      {14, 14, 14, 14, 7, 1},
      {13, 13, 12, 12, 12, 2},
      {12, 12, 11, 11, 7, 7, 2, 1}
    };
    for (long seed : new long[] {0, 1, 42}) {
      assertThat(lengthsOf(Packing.bestFitDecreasing(lengths, 64, seed), lengths))
          .isDeepEqualTo(rows);
    }
  }

  @Test
  void eachExampleHasOnePlaceAndRowsAreNearlyFull() {
    Random random = new Random(3);
    int[] lengths = random.ints(5000, 1, 300).toArray();
    Packing packing = Packing.bestFitDecreasing(lengths, 512, 1);

    assertThat(Arrays.stream(packing.rows()).flatMapToInt(Arrays::stream).sorted().toArray())
        .isEqualTo(IntStream.range(0, 5000).toArray());
    assertThat(Arrays.stream(packing.lengths(lengths)).max().orElseThrow())
        .isLessThanOrEqualTo(512);
    double fewest = Arrays.stream(lengths).sum() / 512.0;
    assertThat((double) packing.rows().length).isLessThan(1.01 * fewest + 1);
  }

  @Test
  void theSeedDecidesWhichOfEqualExamplesShareARow() {
    int[] lengths = new int[100];
    Arrays.fill(lengths, 10);
    int[][] rows = Packing.bestFitDecreasing(lengths, 35, 7).rows();
    assertThat(rows.length).isEqualTo(34);
    assertThat(Packing.bestFitDecreasing(lengths, 35, 7).rows()).isDeepEqualTo(rows);
    assertThat(Packing.bestFitDecreasing(lengths, 35, 8).rows()[0]).isNotEqualTo(rows[0]);
  }

  @Test
  void aMillionExamplesTakeSeconds() {
    int[] lengths = new Random(1).ints(1_000_000, 1, 2048).toArray();
    long start = System.nanoTime();
    int rows = Packing.bestFitDecreasing(lengths, 2048, 1).rows().length;
    assertThat((System.nanoTime() - start) / 1e9).isLessThan(20);
    assertThat(rows).isBetween(500_000, 505_000);
  }

  @Test
  void aLengthThatFitsNoRowIsRefused() {
    for (int length : new int[] {0, 9}) {
      assertThatThrownBy(() -> Packing.bestFitDecreasing(new int[] {3, length}, 8, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("has " + length + " tokens; expected 1 to 8");
    }
  }

  @Test
  void packedRowsAreABatch() {
    EncodedExample a = EncodedExample.ofTokens(new long[] {1, 2, 3}, new long[] {1, 2, 3});
    EncodedExample b = EncodedExample.ofTokens(new long[] {4, 5}, new long[] {IGNORED, 5});
    EncodedExample c = EncodedExample.ofTokens(new long[] {6, 7, 8}, new long[] {6, 7, 8});

    Batch batch = new Collator(9).pack(List.of(List.of(a, b), List.of(c)));

    assertThat(batch.inputIds()).isDeepEqualTo(new long[][] {{1, 2, 3, 4, 5}, {6, 7, 8, 9, 9}});
    assertThat(batch.attentionMask())
        .isDeepEqualTo(new long[][] {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}});
    assertThat(batch.packed()).isDeepEqualTo(new int[][] {{3, 2}, {3}});
    assertThat(batch.examples()).isEqualTo(3);
    assertThat(batch.labels())
        .isDeepEqualTo(new long[][] {{1, 2, 3, IGNORED, 5}, {6, 7, 8, IGNORED, IGNORED}});
    assertThat(batch.nextLabels())
        .as("no text predicts the first token of the next")
        .isDeepEqualTo(
            new long[][] {{IGNORED, 2, 3, IGNORED, 5}, {IGNORED, 7, 8, IGNORED, IGNORED}});
    assertThat(batch.labelCount()).isEqualTo(5);
  }

  @Test
  void whatCannotShareARowIsRefused() {
    EncodedExample tokens = EncodedExample.ofTokens(new long[] {1}, new long[] {1});
    EncodedExample text = EncodedExample.ofText(new long[] {1}, 0);
    Collator collator = new Collator(0);
    for (EncodedExample other : List.of(text, tokens.with(tokens))) {
      assertThatThrownBy(() -> collator.pack(List.of(List.of(tokens, other))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("share a row");
    }
    assertThatThrownBy(() -> collator.on(Collator.Side.LEFT).pack(List.of(List.of(tokens))))
        .hasMessageContaining("on the right");
  }
}
