package io.github.peft4j.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import io.github.peft4j.kernel.device.Homes;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
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
    return map.homes("tiny", LAYERS, 50);
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

    assertThat(map.main()).isEqualTo(Device.gpu(0));
    assertThat(map.devices()).containsExactly(Device.gpu(0), Device.gpu(1));
    assertThat(map)
        .hasToString(
            "gpu(0), model.embed_tokens on gpu(0), model.layers on gpu(0), model.layers.2 on gpu(1), model.layers.3 on the host");
  }

  @Test
  void whatIsInNoLayerCannotBeElsewhere() {
    DeviceMap map = DeviceMap.of(Map.of("model.embed_tokens", CPU, "lm_head", Device.gpu(1)));

    assertThatIllegalArgumentException()
        .isThrownBy(() -> homes(map))
        .withMessageContaining("tiny: ")
        .withMessageContaining("model.layers.0 to model.layers.3")
        .withMessageContaining("all else is on the main device");
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
        .isThrownBy(() -> DeviceMap.of(Map.of("model.layers.0", CPU)))
        .withMessageContaining("model.embed_tokens");
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
}
