package io.github.peft4j.composition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.toy.ToyMap;
import io.github.peft4j.tuner.site.AdapterLayers;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Values of compositions at one linear map, against a computation by hand. */
class CompositionTest {

  /** One row: y = (5, 11, 17), Σx = 3. */
  private static final float[] ONE = {1, 2};

  /** Two rows, the second with y = (2, 4, 6), Σx = 1. */
  private static final float[] TWO = {1, 2, 0, 1};

  private final ToyMap map = new ToyMap("layers.0.q_proj");

  /** a is 2y + Σx, b is 3y - Σx, and c has no layer here. */
  private final Map<String, AdapterLayers> adapters =
      Map.of("a", map.adapter(2, 1), "b", map.adapter(3, -1), "c", new AdapterLayers());

  @AfterEach
  void close() {
    adapters.values().forEach(AdapterLayers::close);
    map.close();
  }

  private float[] compute(Composition composition, float... rows) {
    return map.compute(composition, adapters, rows);
  }

  @Test
  void oneAdapter() {
    assertThat(compute(Composition.NONE, ONE)).containsExactly(5, 11, 17);
    assertThat(compute(Composition.of("a"), ONE)).containsExactly(13, 25, 37);
    assertThat(compute(Composition.of("b"), TWO)).containsExactly(12, 30, 48, 5, 11, 17);
    assertThat(compute(Composition.of("c"), ONE)).containsExactly(5, 11, 17);
  }

  @Test
  void aStackTakesTheAdapterBeforeForItsBase() {
    // 3 (2y + Σx) - Σx = 6y + 2 Σx
    assertThat(compute(Composition.stack("a", "b"), ONE)).containsExactly(36, 72, 108);
    // 2 (3y - Σx) + Σx = 6y - Σx
    assertThat(compute(Composition.stack("b", "a"), ONE)).containsExactly(27, 63, 99);
    assertThat(compute(Composition.stack("a", "c", "b"), ONE)).containsExactly(36, 72, 108);
    assertThat(compute(Composition.stack("a", "a"), ONE)).containsExactly(29, 53, 77);
  }

  @Test
  void anAverageIsTheMeanOfOutputs() {
    // (2y + Σx + 3y - Σx) / 2 = 2.5y
    assertThat(compute(Composition.average("a", "b"), ONE)).containsExactly(12.5f, 27.5f, 42.5f);
    // (3 (2y + Σx) + 3y - Σx) / 4 = (9y + 2 Σx) / 4
    assertThat(compute(Composition.average("a", "b").weights(3, 1), ONE))
        .containsExactly(12.75f, 26.25f, 39.75f);
    assertThat(compute(Composition.average("a", "b").rawWeights(1, 1), ONE))
        .containsExactly(25, 55, 85);
    // One half is the frozen map: (2y + Σx + y) / 2.
    assertThat(compute(Composition.average("a", "c"), ONE)).containsExactly(9, 18, 27);
  }

  @Test
  void eachRowHasItsAdapter() {
    assertThat(compute(Composition.perRow("a", "b"), TWO)).containsExactly(13, 25, 37, 5, 11, 17);
    assertThat(compute(Composition.perRow("b", Composition.BASE), TWO))
        .containsExactly(12, 30, 48, 2, 4, 6);
    assertThat(compute(Composition.perRow("a", "b", "a"), 0, 1, 1, 2, 1, 2))
        .containsExactly(5, 9, 13, 12, 30, 48, 13, 25, 37);
  }

  @Test
  void aBatchIsSplitByNumbersOfRows() {
    assertThat(compute(Composition.batchSplit(List.of(1, 2), "b", "a"), 1, 2, 0, 1, 1, 2))
        .containsExactly(12, 30, 48, 5, 9, 13, 13, 25, 37);
    assertThat(compute(Composition.batchSplit(List.of(0, 1), "b", "a"), ONE))
        .containsExactly(13, 25, 37);
  }

  @Test
  void parallelAdaptersEachGetACopyOfTheBatch() {
    Composition parallel = Composition.parallel("a", "b");
    assertThat(parallel.replicas()).isEqualTo(2);
    assertThat(compute(parallel, 1, 2, 0, 1, 1, 2, 0, 1))
        .containsExactly(13, 25, 37, 5, 9, 13, 12, 30, 48, 5, 11, 17);
  }

  @Test
  void compositionsAreNested() {
    // Row 1: 3 (2y + Σx) - Σx; row 2: 2y + Σx.
    assertThat(
            compute(
                Composition.stack(Composition.of("a"), Composition.perRow("b", Composition.BASE)),
                TWO))
        .containsExactly(36, 72, 108, 5, 9, 13);
    // 2 (2.5y) + Σx
    assertThat(compute(Composition.stack(Composition.average("a", "b"), Composition.of("a")), ONE))
        .containsExactly(28, 58, 88);
  }

  @Test
  void theFrozenMapIsComputedOnceForAllParts() {
    for (Composition composition :
        List.of(
            Composition.stack("a", "b"),
            Composition.average("a", "b"),
            Composition.perRow("a", "b"),
            Composition.parallel("a", "b"),
            Composition.batchSplit(List.of(1, 1), "a", "b"))) {
      int before = map.runs();
      compute(composition, TWO);
      assertThat(map.runs() - before).as(composition.toString()).isEqualTo(1);
    }
  }

  @Test
  void namesAreTheAdaptersThatTakePart() {
    Composition nested = Composition.stack(Composition.of("x"), Composition.average("y", "z"));
    assertThat(nested.adapters()).containsExactly("x", "y", "z");
    assertThat(nested.lineups()).containsExactly(List.of("x", "y"), List.of("x", "z"));
    assertThat(nested.renamed(name -> name.equals("y") ? "why" : name).adapters())
        .containsExactly("x", "why", "z");
    assertThat(Composition.perRow("x", Composition.BASE).adapters()).containsExactly("x");
    assertThat(nested).hasToString("stack(x, average(y, z))");
  }

  @Test
  void batchesOfAnotherSizeAreRefused() {
    assertThatThrownBy(() -> compute(Composition.perRow("a", "b", "a"), TWO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("perRow(a, b, a) is for a batch of 3 rows, this one has 2");
    assertThatThrownBy(() -> compute(Composition.batchSplit(List.of(1, 2), "a", "b"), TWO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("batchSplit(a, b)[1, 2] is for a batch of 3 rows, this one has 2");
    assertThatThrownBy(() -> compute(Composition.parallel("a", "b"), ONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("parallel(a, b)", "replicated 2 times", "has 1 rows");
  }

  @Test
  void compositionsThatMeanNothingAreRefused() {
    assertThatThrownBy(() -> Composition.average(List.of()))
        .hasMessageContaining("average of no adapter");
    assertThatThrownBy(() -> Composition.average("a", "b").weights(1, -1))
        .hasMessageContainingAll("'weights'", "[1.0, -1.0]", "sum is not 0");
    assertThatThrownBy(() -> Composition.average("a", "b").weights(1))
        .hasMessageContainingAll("'weights'", "a number for each of [a, b]");
    assertThatThrownBy(() -> Composition.batchSplit(List.of(1), "a", "b"))
        .hasMessageContainingAll("'sizes' is [1]", "a number of rows for each of [a, b]");
    Composition parallel = Composition.parallel("a", "b");
    assertThatThrownBy(() -> Composition.average(Composition.of("c"), parallel))
        .hasMessageContaining("the batch cannot be replicated within it");
    assertThatThrownBy(() -> Composition.stack(parallel, parallel))
        .hasMessageContaining("replicates the batch twice");
  }
}
