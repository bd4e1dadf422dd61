package io.github.peft4j.quantization.float8;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * A frozen weight in eight bits, for products in eight bits on GPUs that compute them twice as fast
 * as those of 16 bits: Ada's and Hopper's, of compute capability 8.9 and 9.0. Inputs and gradients
 * are rounded for the products, too, so losses differ from those in 16 bits.
 *
 * <p>The numbers have four bits of exponent and three of fraction (e4m3, Micikevicius et al. 2022,
 * arXiv:2209.05433), so a weight is rounded by up to a sixteenth of itself. All numbers of a weight
 * share a scale.
 */
public enum Float8 implements Quantization {
  /**
   * Twice, in the layouts of the forward and of the backward pass: the memory of 16 bits, and the
   * fastest training.
   */
  TWO_LAYOUTS,
  /**
   * Once: half the memory of 16 bits. The backward pass makes the other layout each time, so that a
   * training takes somewhat longer. Inference is as fast.
   */
  ONE_LAYOUT;

  /**
   * With this system property set to {@code true}, devices without such products compute the same
   * numbers slowly. With {@code unrounded}, inputs and gradients are not rounded there. It is for
   * tests.
   */
  public static final String EMULATED = "peft4j.float8Emulated";

  /** Both sizes of a matrix are multiples of this. */
  private static final int MULTIPLE = 16;

  /** The first compute capability with products of eight-bit numbers: Ada's 8.9. */
  private static final int ADA = 89;

  @Override
  public FrozenMatrix store(NDArray weight, boolean transposed, Precision precision) {
    return Float8Matrix.of(weight, transposed, precision, this);
  }

  /** Both sizes have to be multiples of 16. */
  @Override
  public boolean fits(Shape shape) {
    return shape.dimension() == 2 && shape.get(0) % MULTIPLE == 0 && shape.get(1) % MULTIPLE == 0;
  }

  @Override
  public void require(Device device, Precision precision) {
    if (precision == Precision.FLOAT64) {
      throw new AdvisedException(
          "products of eight-bit numbers have results of 16 or 32 bits, and the model is in FLOAT64",
          Remedy.TAKE_OTHER_QUANTIZATION.with(
              "Load the model in another precision(…) or without quantize(…)"));
    }
    if (System.getProperty(EMULATED) != null && !device.isGpu()) {
      return;
    }
    if (!device.isGpu()) {
      throw needs("the device is a " + device.getDeviceType().toUpperCase(Locale.ROOT));
    }
    OptionalInt capability = PyTorch.capability(device);
    if (capability.isPresent() && capability.getAsInt() < ADA) {
      throw needs(device + " has " + capability.getAsInt() / 10.0);
    }
  }

  private static AdvisedException needs(String found) {
    return new AdvisedException(
        "products of eight-bit numbers need a GPU of compute capability 8.9 or more (Ada, Hopper),"
            + " and "
            + found,
        Remedy.TAKE_OTHER_QUANTIZATION.with("Load the model without quantize(…)"));
  }

  @Override
  public double bitsPerNumber() {
    return 8;
  }

  @Override
  public String named() {
    return "eight-bit floats";
  }
}
