package io.github.peft4j;

import ai.djl.Device;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import java.util.Collection;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The precision that a model computes in if the user names none. */
final class DefaultPrecision {

  private static final Logger LOG = LoggerFactory.getLogger(DefaultPrecision.class);

  /** The first compute capability with bfloat16: Ampere's 8.0. */
  private static final int AMPERE = 80;

  /**
   * The families with states above float16's 65,504. transformers clamps those of T5, and keeps one
   * of its maps in 32 bits.
   */
  private static final Set<String> WIDE = Set.of("t5", "mt5", "gemma3", "gemma3_text");

  private DefaultPrecision() {}

  /**
   * The precision for a model on devices: the one of the first that has no bfloat16.
   *
   * @param devices one or more
   * @param family the model's {@code model_type}
   */
  static Precision of(Collection<Device> devices, String family) {
    return devices.stream()
        .map(device -> of(device, family))
        .filter(precision -> precision != Precision.BFLOAT16)
        .findFirst()
        .orElse(Precision.BFLOAT16);
  }

  /**
   * The precision for a model on a device: FLOAT32 on the CPU, BFLOAT16 on a GPU, or FLOAT16 on one
   * that has no bfloat16.
   *
   * @param family the model's {@code model_type}
   */
  static Precision of(Device device, String family) {
    if (!device.isGpu()) {
      return Precision.FLOAT32;
    }
    OptionalInt capability = PyTorch.capability(device);
    Precision precision = of(capability, family);
    if (precision != Precision.BFLOAT16) {
      LOG.info(
          "{} has no bfloat16 (compute capability {}), so the model computes in {}{}."
              + " precision(…) chooses another one",
          device,
          capability.orElseThrow() / 10.0,
          precision,
          precision == Precision.FLOAT16
              ? ", and trainings scale their loss"
              : ": numbers of models of type " + family + " are too large for FLOAT16");
    }
    return precision;
  }

  /**
   * The precision for a model on a GPU.
   *
   * @param capability the compute capability, such as 75 for 7.5; none if it is unknown
   */
  static Precision of(OptionalInt capability, String family) {
    if (capability.isEmpty() || capability.getAsInt() >= AMPERE) {
      return Precision.BFLOAT16;
    }
    return WIDE.contains(family) ? Precision.FLOAT32 : Precision.FLOAT16;
  }
}
