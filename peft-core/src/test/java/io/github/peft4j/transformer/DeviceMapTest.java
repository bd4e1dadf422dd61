package io.github.peft4j.transformer;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import io.github.peft4j.kernel.device.Homes;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where a map puts layers. Parts of the CPU stand for devices. */
class DeviceMapTest {

  private static final Device CPU = Device.cpu();
  private static final List<DeviceMap.Layer> LAYERS =
      IntStream.range(0, 4)
          .mapToObj(i -> new DeviceMap.Layer("model.layers." + i, i, 100))
          .toList();

  @BeforeEach
  void check() {
    System.setProperty(DeviceMap.PROPERTY, "checked");
  }

  @AfterEach
  void restore() {
    System.clearProperty(DeviceMap.PROPERTY);
  }

  private static Homes homes(DeviceMap map) {
    return map.homes(
        "tiny",
        new DeviceMap.Parts(
            LAYERS, "model.embed_tokens", Set.of("model.layers.0.attention.distances"), 50));
  }

  @Test
  void layersAreWhereTheLastRuleSays() {
    try (Homes homes = homes(DeviceMap.on(CPU).layers(1, 3, CPU).layers(3, 3, CPU).onHost(2, 2))) {
      assertThat(homes.all()).hasSize(3);
      assertThat(homes.of("model.layers.0.mlp.up_proj.weight")).isSameAs(homes.main());
      assertThat(homes.of("model.layers.1.mlp"))
          .isSameAs(homes.of("model.layers.1"))
          .isNotSameAs(homes.main());
      assertThat(homes.of("model.layers.3"))
          .isNotSameAs(homes.main())
          .isNotSameAs(homes.of("model.layers.1"));
      assertThat(homes.of("model.layers.10")).as("no prefix of words").isSameAs(homes.main());
      assertThat(homes.of("lm_head")).isSameAs(homes.main());
      assertThat(homes.isOnHost("model.layers.2")).isTrue();
      assertThat(homes.of("model.layers.2")).as("computed there").isSameAs(homes.main());
      assertThat(homes.isSingle()).isFalse();
      assertThat(homes)
          .hasToString(
              "cpu(), model.layers.1 on cpu(), model.layers.2 on the host, model.layers.3 on cpu()");
    }
    try (Homes homes = homes(DeviceMap.on(CPU).onHost(1, 3))) {
      assertThat(homes).hasToString("cpu(), model.layers.1 to model.layers.3 on the host");
    }
  }

  @Test
  void oneDeviceIsSingle() {
    try (Homes homes = homes(DeviceMap.on(CPU))) {
      assertThat(homes.isSingle()).isTrue();
      assertThat(homes).hasToString("cpu()");
    }
  }

  @Test
  void mapsOfPrefixesAreThoseOfAccelerate() {
    DeviceMap map =
        DeviceMap.of(
            Map.of(
                "model.embed_tokens", Device.gpu(0),
                "model.layers", Device.gpu(0),
                "model.layers.2", Device.gpu(1),
                "model.layers.3", CPU));

    assertThat(map.devices()).containsExactly(Device.gpu(0), Device.gpu(1));
    assertThat(map)
        .hasToString(
            "model.embed_tokens on gpu(0), model.layers on gpu(0), model.layers.2 on gpu(1), model.layers.3 on the host");
  }

  /** Maps as accelerate writes them, whose names sort before that of the token table. */
  @Test
  void theTokenTableSaysTheMainDevice() {
    for (Map<String, Device> map :
        List.of(
            Map.of("lm_head", CPU, "model.embed_tokens", CPU, "model.layers", CPU),
            Map.of("a.stack", CPU, "model", CPU),
            Map.of("", CPU, "model.layers.3", CPU))) {
      try (Homes homes = homes(DeviceMap.of(map))) {
        assertThat(homes.main().device()).isEqualTo(CPU);
        assertThat(homes.isSingle()).isTrue();
      }
    }
    assertRefused(Map.of("model.layers", CPU), "tiny: ", "no device for the token table");
  }

  private static void assertRefused(Map<String, Device> map, String... says) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> homes(DeviceMap.of(map)))
        .withMessageContainingAll(says);
  }

  @Test
  void whatIsInNoLayerCannotBeElsewhere() {
    assertRefused(
        Map.of("", CPU, "lm_head", Device.gpu(1), "model.norm", Device.gpu(1)),
        "tiny: lm_head on gpu(1), model.norm on gpu(1)",
        "model.layers.0 to model.layers.3",
        "the main device, cpu(): leave lm_head, model.norm out");
  }

  @Test
  void mapsHaveADeviceForEachLayerAndNoneForAPartOfOne() {
    Map<String, Device> map = new HashMap<>();
    map.put("model.embed_tokens", CPU);
    for (int layer : List.of(0, 1, 3)) {
      map.put("model.layers." + layer, CPU);
    }
    assertRefused(map, "tiny: ", "no device for the layer model.layers.2");
    map.put("model.layers.2", CPU);
    map.put("model.layers.2.mlp", CPU);
    homes(DeviceMap.of(map)).close();
    map.put("model.layers.2.mlp", Device.gpu(1));
    assertRefused(map, "model.layers.2.mlp on gpu(1)", "name model.layers.2 instead");
  }

  /** The stack reads T5's relative positions, though the first layer has their name. */
  @Test
  void whatTheStackReadsIsOnTheMainDevice() {
    try (Homes homes = homes(DeviceMap.on(CPU).layers(0, 3, CPU))) {
      assertThat(homes.of("model.layers.0.attention.distances.weight")).isSameAs(homes.main());
      assertThat(homes.of("model.layers.0.attention.q.weight")).isNotSameAs(homes.main());
    }
  }

  @Test
  void layersThatAreNotThereAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> homes(DeviceMap.on(CPU).layers(4, 9, CPU)))
        .withMessageContaining("layers 4 to 9")
        .withMessageContaining("model.layers.0 to model.layers.3");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DeviceMap.on(CPU).layers(2, 1, CPU))
        .withMessageContaining("layers(2, 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DeviceMap.on(CPU).onHost(2, 1))
        .withMessageContaining("onHost(2, 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DeviceMap.balanced(CPU, CPU))
        .withMessageContaining("two or more GPUs");
  }

  @Test
  void devicesAreFilledAlike() {
    long gib = 1L << 30;
    long[] layers = new long[32];
    Arrays.fill(layers, gib / 2);

    int[] equal = Balance.of(layers, 2 * gib, 40 * gib, 40 * gib);
    long first = Arrays.stream(equal).filter(device -> device == 0).count();
    assertThat(first).as("of 16 GiB, less 3 that are no layer's, half each").isEqualTo(13);
    assertThat(equal).isSorted();

    int[] unequal = Balance.of(layers, 0, 80 * gib, 40 * gib);
    long more = Arrays.stream(unequal).filter(device -> device == 0).count();
    assertThat(more).isBetween(20L, 21L); // (n / 2 + 1) / 80 = (32 - n) / 2 / 40

    assertThat(Balance.of(layers, 2 * gib, 10 * gib, 10 * gib)).as("18 of 17 GiB").isNull();
  }

  /** What is in no layer has to fit into the first device, though all layers are elsewhere. */
  @Test
  void whatIsInNoLayerMustFit() {
    assertThat(Balance.of(new long[] {1, 1}, 90, 100, 1000)).isNull();
    assertThat(Balance.of(new long[] {1, 1}, 70, 100, 1000)).containsExactly(1, 1);
    assertThat(Balance.of(new long[] {0, 0}, 0, 0, 0)).containsExactly(0, 0);
  }

  /** No other division into stretches fills the fullest device less. */
  @Test
  void noDivisionIsBetter() {
    Random random = new Random(5);
    for (int round = 0; round < 500; round++) {
      long[] layers = random.longs(1 + random.nextInt(6), 0, 40).toArray();
      long[] free = random.longs(1 + random.nextInt(3), 0, 120).toArray();
      long rest = random.nextInt(60);
      double first = rest + free[0] / 16;
      double best = best(layers, 0, 0, first, free);
      int[] found = Balance.of(layers, rest, free);

      String of = Arrays.toString(layers) + rest + Arrays.toString(free);
      if (first > 0.85 * free[0] || best > 0.85) {
        assertThat(found).as(of).isNull();
      } else {
        int[] devices = requireNonNull(found, of);
        assertThat(devices).as(of).isSorted();
        double fullest = 0;
        for (int d = 0; d < free.length; d++) {
          int device = d;
          double taken =
              IntStream.range(0, layers.length)
                  .filter(i -> devices[i] == device)
                  .mapToLong(i -> layers[i])
                  .sum();
          boolean hasLayers = Arrays.stream(devices).anyMatch(each -> each == device);
          fullest = Math.max(fullest, hasLayers ? part(taken + (d == 0 ? first : 0), free[d]) : 0);
        }
        assertThat(fullest).as(of).isLessThanOrEqualTo(best + 1e-9);
      }
    }
  }

  private static double part(double taken, long free) {
    return taken == 0 ? 0 : taken / free;
  }

  /** How full the fullest device is that has layers, in the best division from a layer on. */
  private static double best(long[] layers, int from, int device, double outside, long... free) {
    if (from == layers.length) {
      return 0;
    }
    if (device == free.length) {
      return Double.POSITIVE_INFINITY;
    }
    double best = best(layers, from, device + 1, 0, free);
    double taken = outside;
    for (int i = from; i < layers.length; i++) {
      taken += layers[i];
      double rest = best(layers, i + 1, device + 1, 0, free);
      best = Math.min(best, Math.max(part(taken, free[device]), rest));
    }
    return best;
  }
}
