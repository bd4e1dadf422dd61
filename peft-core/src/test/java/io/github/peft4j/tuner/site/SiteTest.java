package io.github.peft4j.tuner.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.ToyLayer;
import io.github.peft4j.toy.ToyMap;
import io.github.peft4j.toy.ToyPass;
import io.github.peft4j.tuner.Nested;
import io.github.peft4j.tuner.TrainableCopy;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Sites with and without adapters. */
class SiteTest {

  private static final float[] TWO = {1, 2, 0, 1}; // y = (5, 11, 17) and (2, 4, 6)

  private final ToyMap map = new ToyMap("layers.0.q_proj");

  @AfterEach
  void close() {
    map.close();
  }

  /** An adapter that trains the map's weight whole, and has come to ones. */
  private AdapterLayers ones() {
    AdapterLayers layers = new AdapterLayers();
    NDArray ones = map.array(new Shape(3, 2), 1, 1, 1, 1, 1, 1);
    layers.put(map.weight(), new TrainableCopy("", ones));
    return layers;
  }

  @Test
  void aSiteComputesWithTheAdaptersOfThePassAlone() {
    Map<String, AdapterLayers> adapters = Map.of("a", map.adapter(2, 1), "b", map.adapter(3, -1));
    assertThat(map.compute(Composition.of("a"), adapters, 1, 2)).containsExactly(13, 25, 37);
    assertThat(map.compute(Composition.of("b"), adapters, 1, 2)).containsExactly(12, 30, 48);
    assertThat(map.compute(ActiveAdapters.NONE, 1, 2)).containsExactly(5, 11, 17);
  }

  @Test
  void aMapKnowsItsSizesAndItsWeight() {
    assertThat(map.site().inFeatures()).isEqualTo(2);
    assertThat(map.site().outFeatures()).isEqualTo(3);
    assertThat(map.site().weightSite()).isSameAs(map.weight());
    assertThat(map.site().bias()).isEmpty();
    assertThat(map.site()).hasToString("LinearSite layers.0.q_proj");
  }

  @Test
  void aMapComputesWithTheWeightThatAnAdapterTrains() {
    // The weight is ones, so that y = Σx; then 2y + Σx on top of it.
    Map<String, AdapterLayers> adapters = Map.of("ones", ones(), "a", map.adapter(2, 1));
    assertThat(map.compute(Composition.of("ones"), adapters, TWO))
        .containsExactly(3, 3, 3, 1, 1, 1);
    assertThat(map.compute(Composition.stack("ones", "a"), adapters, TWO))
        .containsExactly(9, 9, 9, 3, 3, 3);
    assertThat(Tensors.floats(map.weight().frozen())).containsExactly(1, 2, 3, 4, 5, 6);
  }

  @Test
  void rowsOfOneBatchHaveWeightsOfTheirOwn() {
    Map<String, AdapterLayers> adapters = Map.of("ones", ones(), "a", map.adapter(2, 1));
    assertThat(map.compute(Composition.perRow("ones", Composition.BASE), adapters, TWO))
        .containsExactly(3, 3, 3, 2, 4, 6);
    assertThat(map.compute(Composition.perRow("a", "ones"), adapters, TWO))
        .containsExactly(13, 25, 37, 1, 1, 1);
  }

  @Test
  void aTensorThatIsReadForTheWholeBatchHasNoRows() {
    ActiveAdapters perRow =
        ActiveAdapters.of(
            Composition.perRow("ones", Composition.BASE),
            Map.of("ones", ones()),
            List.of(map.weight(), map.site()));
    assertThatThrownBy(() -> map.weight().value(new ToyPass(perRow)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContainingAll("layers.0.q_proj.weight", "ones: TrainableCopy");
  }

  @Test
  void aMergedWeightStandsInForTheFrozenOne() {
    NDArray twice = map.array(new Shape(3, 2), 2, 4, 6, 8, 10, 12);
    ActiveAdapters merged = ActiveAdapters.merged(Map.of(map.weight(), twice));
    assertThat(map.compute(merged, 1, 2)).containsExactly(10, 22, 34);
    assertThat(map.weight().value(new ToyPass(merged))).isSameAs(twice);
    assertThat(map.compute(ActiveAdapters.NONE, 1, 2)).containsExactly(5, 11, 17);
    assertThat(map.weight().hasChanged()).isFalse();
  }

  @Test
  void aWeightIsReplacedForGood() {
    map.weight().replace(map.array(new Shape(3, 2), 2, 4, 6, 8, 10, 12), true);
    assertThat(map.compute(ActiveAdapters.NONE, 1, 2)).containsExactly(10, 22, 34);
    assertThat(map.weight().hasChanged()).isTrue();
  }

  @Test
  void anAdapterHasOneLayerAtASiteOrNestsThem() {
    AdapterLayers layers = map.adapter(3, -1);
    ToyLayer inner = map.layer(2, 1);
    assertThatThrownBy(() -> layers.put(map.site(), inner))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("an adapter rewrites layers.0.q_proj twice");
    layers.nest(map.site(), inner);
    assertThat(layers.at(map.site())).isInstanceOf(Nested.class);
    assertThat(map.compute(Composition.of("b"), Map.of("b", layers), 1, 2))
        .containsExactly(36, 72, 108);
  }

  @Test
  void onlySitesWithALayerAreRewritten() {
    ToyMap other = new ToyMap("layers.1.q_proj");
    try (other) {
      ActiveAdapters active =
          ActiveAdapters.of(
              Composition.of("a"),
              Map.of("a", map.adapter(2, 1)),
              List.of(map.site(), map.weight(), other.site(), other.weight()));
      assertThat(active.rewrites(map.site())).isTrue();
      assertThat(active.rewrites(map.weight())).isFalse();
      assertThat(active.rewrites(other.site())).isFalse();
      assertThat(active.all()).hasSize(1);
    }
  }
}
