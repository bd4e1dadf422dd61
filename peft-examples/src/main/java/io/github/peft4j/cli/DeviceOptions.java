package io.github.peft4j.cli;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.examples.bench.Placement;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where a model computes. */
final class DeviceOptions {

  static final String MAP = "--device-map";
  private static final String DEVICE = "--device";

  @Option(
      names = DEVICE,
      paramLabel = "cpu|gpu|gpuN",
      description = "By default the first GPU, or the CPU if there is none.")
  @Nullable String device;

  @Option(
      names = MAP,
      paramLabel = "balanced|FROM-TO=WHERE",
      split = ",",
      mapFallbackValue = Option.NULL_VALUE,
      description =
          "For a model that is too large for a GPU: balanced, which spreads its layers over all"
              + " GPUs; or layers by number and where they are, as in 16-31=gpu1, or 8-31=host for"
              + " layers that wait in the host's memory. All others are on --device.")
  @Nullable Map<String, Optional<String>> map;

  /** The device of the model, or of what belongs to none of its layers. */
  Device main() {
    return device == null ? Placement.first() : Placement.device(DEVICE, device);
  }

  /** Says where the model is to be. */
  void place(Peft.Loader loader) {
    if (map != null) {
      loader.deviceMap(Placement.map(MAP, main(), map));
    } else if (device != null) {
      loader.device(main());
    }
  }

  /** The options that go together with no others. */
  void check() {
    boolean balanced = map != null && map.containsKey(Placement.BALANCED);
    Mistakes.exclude(DEVICE, device != null, MAP + " " + Placement.BALANCED, balanced);
  }
}
