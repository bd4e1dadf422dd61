package io.github.peft4j.kernel.setting;

import io.github.peft4j.kernel.setting.OpenMp.Properties;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The values of the system properties that turn fast computations off. A misspelled value would
 * leave them on in silence, so it is refused before PyTorch starts.
 *
 * <ul>
 *   <li>{@code peft4j.derivatives}: whether layers run by kernels that know their derivative;
 *       {@code checked} also refuses tensors whose gradient would be lost.
 *   <li>{@code peft4j.cudaGraphs}: whether steps are recorded as CUDA graphs; {@code always}
 *       records those of a training also where nothing is gained.
 *   <li>{@code peft4j.cudaText}: whether kernels in CUDA text run.
 *   <li>{@code peft4j.expandableSegments}: whether PyTorch's memory on a GPU grows in one piece.
 *   <li>{@code peft4j.sideStream}: whether copies to the host run beside the computation.
 * </ul>
 *
 * <p>The code that uses one of them reads it. docs/performance.md lists these and all others.
 */
public final class Switches {

  private static final List<String> BOTH = List.of("true", "false");

  private static final Map<String, List<String>> VALUES =
      new TreeMap<>(
          Map.of(
              "peft4j.derivatives",
              List.of("true", "false", "checked"),
              "peft4j.cudaGraphs",
              List.of("true", "false", "always"),
              "peft4j.cudaText",
              BOTH,
              CudaSegments.PROPERTY,
              BOTH,
              "peft4j.sideStream",
              BOTH));

  private Switches() {}

  /**
   * Looks at the properties of this process.
   *
   * @throws IllegalArgumentException if one has a value that means nothing
   */
  public static void check() {
    check(System::getProperty);
  }

  static void check(Properties properties) {
    VALUES.forEach(
        (name, values) -> {
          String value = properties.get(name);
          if (value != null && !values.contains(value)) {
            throw new IllegalArgumentException(
                "%s is '%s', expected one of %s".formatted(name, value, String.join(", ", values)));
          }
        });
  }
}
