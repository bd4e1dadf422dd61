package io.github.peft4j.kernel.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.host.StreamedWeights.Next;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Weights that come for the time that their layer computes. */
class StreamedWeightsTest {

  private static final int LAYERS = 5;

  /** What a layer has on the device. */
  private static final class Weight {
    final NDArray host;
    final StreamedWeights.Layer layer;
    @Nullable NDList here;

    Weight(StreamedWeights weights, NDArray host) {
      this.host = host;
      this.layer =
          weights.add(
              () -> List.of(host),
              arrays -> {
                if (here != null) {
                  here.close();
                }
                here = arrays;
              });
    }
  }

  private static List<Weight> weights(StreamedWeights streamed, NDManager manager) {
    List<Weight> all = new ArrayList<>();
    for (int i = 0; i < LAYERS; i++) {
      all.add(new Weight(streamed, manager.create(new float[] {i, i + 1})));
    }
    return all;
  }

  @Test
  void twoLayersAreHereAtMost() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      long before = Tensors.live();
      for (int pass = 0; pass < 3; pass++) {
        boolean onward = pass != 1;
        for (int i = 0; i < LAYERS; i++) {
          Weight weight = all.get(onward ? i : LAYERS - 1 - i);
          float[] seen =
              weight.layer.during(
                  onward ? Next.BEHIND : Next.BEFORE,
                  () -> {
                    long here = all.stream().filter(each -> each.here != null).count();
                    assertThat(here).isLessThanOrEqualTo(2);
                    assertThat(Tensors.live()).isLessThanOrEqualTo(before + 2);
                    NDArray copy = Objects.requireNonNull(weight.here).get(0);
                    assertThat(copy).isNotSameAs(weight.host);
                    return copy.toFloatArray();
                  });
          assertThat(seen).isEqualTo(weight.host.toFloatArray());
        }
      }
      streamed.close();
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  /**
   * The layer that comes next is on its way; after the last layer of a training it is the one
   * before.
   */
  @Test
  void theNextLayerIsOnItsWay() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      for (Next next : Next.values()) {
        streamed.close();
        long before = Tensors.live();
        all.get(LAYERS - 1).layer.during(next, () -> "");
        assertThat(Tensors.live()).as("two layers").isEqualTo(before + 2);
        all.get(next == Next.BEHIND ? 0 : LAYERS - 2)
            .layer
            .during(
                Next.BEFORE,
                () -> {
                  assertThat(Tensors.live()).as("no third one").isEqualTo(before + 2);
                  return "";
                });
      }
    }
  }

  @Test
  void aLayerThatFailsLeavesItsWeights() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      assertThatThrownBy(
              () ->
                  all.get(0)
                      .layer
                      .during(
                          Next.BEHIND,
                          () -> {
                            throw new IllegalStateException("stop");
                          }))
          .hasMessage("stop");
      all.get(2).layer.during(Next.BEHIND, () -> "");

      assertThat(all.get(0).here).isNull();
    }
  }

  /** A second pass of another thread must not take the weights away. */
  @Test
  void weightsInUseStay() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      all.get(0)
          .layer
          .during(
              Next.BEHIND,
              () -> {
                all.get(3).layer.during(Next.BEHIND, () -> "");
                assertThat(all.get(0).here).isNotNull();
                return "";
              });
    }
  }
}
