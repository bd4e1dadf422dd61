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
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Weights that come for the time that their layer computes. */
class StreamedWeightsTest {

  private static final int LAYERS = 5;

  /** What a layer has on the device. */
  private static final class Weight {
    NDArray host;
    final StreamedWeights.Layer layer;
    @Nullable NDList here;

    Weight(StreamedWeights weights, NDArray host) {
      this.host = host;
      this.layer =
          weights.add(
              () -> List.of(this.host),
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

  /** After the last layer the first is on its way. A merge may replace it meanwhile. */
  @Test
  void whatWasReplacedOnItsWayComesAnew() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      all.get(LAYERS - 1).layer.during(Next.BEHIND, () -> "");
      for (Weight weight : List.of(all.get(0), all.get(LAYERS - 1))) { // on its way, and here
        weight.host = manager.create(new float[] {7, 8});
        assertThat(seen(weight)).containsExactly(7, 8);
      }
    }
  }

  private static float[] seen(Weight weight) {
    return weight.layer.during(
        Next.BEHIND, () -> Objects.requireNonNull(weight.here).get(0).toFloatArray());
  }

  /** A copy that fails is not taken for one that is on its way. */
  @Test
  void aLayerWhoseCopyFailsComesAnew() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      NDArray lost = manager.create(new float[] {5, 6});
      all.get(1).host = lost;
      lost.close();
      assertThatThrownBy(() -> seen(all.get(0))).isInstanceOf(IllegalStateException.class);
      all.get(1).host = manager.create(new float[] {7, 8});
      long before = Tensors.live();

      assertThat(seen(all.get(1))).containsExactly(7, 8);
      assertThat(seen(all.get(3))).containsExactly(3, 4);
      assertThat(all.get(0).here).as("nobody computes with it").isNull();
      streamed.close();
      assertThat(Tensors.live()).isLessThan(before);
    }
  }

  @Test
  void onlyTheThreadThatComputesHasTheCopies() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        StreamedWeights streamed = new StreamedWeights(Device.cpu())) {
      List<Weight> all = weights(streamed, manager);
      StreamedWeights.Layer first = all.get(0).layer;
      first.during(
          Next.BEHIND,
          () -> {
            all.get(3).layer.during(Next.BEHIND, () -> "");
            assertThat(first.isRunning()).isTrue();
            assertThat(CompletableFuture.supplyAsync(first::isRunning).join()).isFalse();
          });
      assertThat(first.isRunning()).isFalse();
    }
  }
}
