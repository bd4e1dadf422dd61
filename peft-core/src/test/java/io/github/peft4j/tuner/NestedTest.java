package io.github.peft4j.tuner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.ToyLayer;
import io.github.peft4j.toy.ToyMap;
import io.github.peft4j.toy.ToyPass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A layer and its base; two layers of one adapter at one site. */
class NestedTest {

  private final ToyMap map = new ToyMap("layers.0.q_proj");
  private final ToyPass pass = new ToyPass(ActiveAdapters.NONE);
  private final NDArray x = map.array(new Shape(1, 2), 1, 2); // y = (5, 11, 17), Σx = 3

  @AfterEach
  void close() {
    map.close();
  }

  private float[] compute(TunerLayer<NDArray, NDArray> layer) {
    return Tensors.floats(layer.forward(x, new Forward<>(map.site().base(), pass)));
  }

  /** Notes what it is told, and computes its base. */
  private static final class Witness extends TunerLayer<NDArray, NDArray> {

    private final List<Object> seen = new ArrayList<>();

    @Override
    public NDArray forward(NDArray input, Forward<NDArray, NDArray> base) {
      seen.add(base.context());
      return base.forward(input);
    }
  }

  @Test
  void aLayerComputesOnItsBase() {
    try (ToyLayer layer = map.layer(2, 1)) {
      assertThat(compute(layer)).containsExactly(13, 25, 37);
      assertThat(map.runs()).isEqualTo(1);
    }
  }

  @Test
  void theOuterLayerTakesTheInnerOneForItsBase() {
    try (ToyLayer inner = map.layer(2, 1);
        ToyLayer outer = map.layer(3, -1)) {
      // 3 (2y + Σx) - Σx, and the other way round 2 (3y - Σx) + Σx
      assertThat(compute(new Nested<>(inner, outer))).containsExactly(36, 72, 108);
      assertThat(compute(new Nested<>(outer, inner))).containsExactly(27, 63, 99);
    }
  }

  @Test
  void whatIsMergedIsWhatIsComputed() {
    try (ToyLayer inner = map.layer(2, 1);
        ToyLayer outer = map.layer(3, -1)) {
      NDArray merged = new Nested<>(inner, outer).merge(map.weight().frozen());
      // 3 (2W + 1) - 1 = 6W + 2
      assertThat(Tensors.floats(merged)).containsExactly(8, 14, 20, 26, 32, 38);
      assertThat(Tensors.floats(x.matMul(merged.transpose()))).containsExactly(36, 72, 108);
      assertThat(Tensors.floats(map.weight().frozen())).containsExactly(1, 2, 3, 4, 5, 6);
    }
  }

  @Test
  void bothGetTheContextOfThePassAndAreLayersOfTheirOwn() {
    Witness inner = new Witness();
    Witness outer = new Witness();
    Nested<NDArray, NDArray> nested = new Nested<>(inner, outer);
    assertThat(compute(nested)).containsExactly(5, 11, 17);
    assertThat(inner.seen).containsExactly(pass);
    assertThat(outer.seen).containsExactly(pass);
    Nested<NDArray, NDArray> three = new Nested<>(nested, new Witness());
    assertThat(three.layers()).startsWith(inner, outer).hasSize(3);
  }

  @Test
  void theTensorsAreThoseOfBoth() {
    try (ToyLayer inner = map.layer(2, 1);
        ToyLayer outer = map.layer(3, -1)) {
      Nested<NDArray, NDArray> nested = new Nested<>(inner, outer);
      assertThat(nested.trainables())
          .containsExactly(
              inner.trainables().get(0),
              inner.trainables().get(1),
              outer.trainables().get(0),
              outer.trainables().get(1));
      assertThat(nested.trains()).isTrue();
      nested.trainables().forEach(tensor -> tensor.freeze(true));
      assertThat(nested.trains()).isFalse();
    }
  }

  @Test
  void aLayerThatIsNoChangeOfWeightsIsNotMerged() {
    try (ToyLayer inner = map.layer(2, 1)) {
      assertThatThrownBy(() -> new Nested<>(inner, new Witness()).merge(map.weight().frozen()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContainingAll("cannot be merged", "Witness is no change of weights");
    }
  }
}
