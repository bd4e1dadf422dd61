package io.github.peft4j.tuner.injection;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.kernel.device.Homes;
import io.github.peft4j.tuner.SharedBuffer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Creates the initial tensors of adapters, on the device of the module and in the precision of
 * master copies.
 */
public final class Initializer {

  /** The largest length of a Java array. */
  private static final int MOST = Integer.MAX_VALUE - 8;

  private final @Nullable Homes homes;
  private final @Nullable Home home;
  private final NDManager manager;
  private final Precision precision;
  private final Random random;
  private final List<NDArray> made;

  /**
   * Creates a source of tensors.
   *
   * @param precision FLOAT32, or FLOAT64 for gradient tests
   * @param seed of random tensors
   */
  public Initializer(NDManager manager, Precision precision, long seed) {
    this(null, null, manager, precision, new Random(seed), new ArrayList<>());
  }

  /**
   * Creates a source of tensors for a model on several devices.
   *
   * @param precision FLOAT32, or FLOAT64 for gradient tests
   * @param seed of random tensors
   */
  public Initializer(Homes homes, Precision precision, long seed) {
    this(homes, homes.main(), precision, new Random(seed), new ArrayList<>());
  }

  private Initializer(
      Homes homes, Home home, Precision precision, Random random, List<NDArray> made) {
    this(homes, home, home.manager(), precision, random, made);
  }

  private Initializer(
      @Nullable Homes homes,
      @Nullable Home home,
      NDManager manager,
      Precision precision,
      Random random,
      List<NDArray> made) {
    this.homes = homes;
    this.home = home;
    this.manager = manager;
    this.precision = precision;
    this.random = random;
    this.made = made;
  }

  /** The same source, of tensors on the device of a module. Without it they are on the main one. */
  public Initializer at(String module) {
    return homes == null ? this : new Initializer(homes, homes.of(module), precision, random, made);
  }

  /** The same source, of tensors on the main device. */
  public Initializer main() {
    return at("");
  }

  /**
   * A frozen tensor of the main device, for layers of all devices.
   *
   * @param tensor made by this source; it and its copies are closed together
   */
  public SharedBuffer shared(NDArray tensor) {
    return new SharedBuffer(tensor, homes);
  }

  /** All zeros. */
  public NDArray zeros(long... shape) {
    return of(new float[count(shape)], shape);
  }

  /** All the same value. */
  public NDArray filled(double value, long... shape) {
    float[] values = new float[count(shape)];
    java.util.Arrays.fill(values, (float) value);
    return of(values, shape);
  }

  /**
   * The number of elements of a tensor of this shape.
   *
   * @throws IllegalArgumentException if a Java array cannot have so many
   */
  public static int count(long... shape) {
    double count = 1;
    for (long size : shape) {
      count *= size;
    }
    if (count > MOST) {
      throw new IllegalArgumentException(
          "a tensor of shape "
              + new Shape(shape)
              + " is beyond what a Java array holds; expected "
              + MOST
              + " numbers at most: lower the rank, the number of virtual tokens or the width that"
              + " the config asks for");
    }
    return (int) count;
  }

  /** Normally distributed with mean 0. */
  public NDArray normal(double deviation, long... shape) {
    float[] values = new float[count(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * deviation);
    }
    return of(values, shape);
  }

  /** Normally distributed with this mean. */
  public NDArray normalAround(double mean, double deviation, long... shape) {
    try (NDArray normal = normal(deviation, shape)) {
      return track(normal.add(mean));
    }
  }

  /** Normally distributed with mean 0, truncated at two standard deviations. */
  public NDArray truncatedNormal(double deviation, long... shape) {
    float[] values = new float[count(shape)];
    for (int i = 0; i < values.length; i++) {
      double x;
      do {
        x = random.nextGaussian();
      } while (Math.abs(x) > 2);
      values[i] = (float) (x * deviation);
    }
    return of(values, shape);
  }

  /** Uniformly distributed in [-bound, bound]. */
  public NDArray uniform(double bound, long... shape) {
    float[] values = new float[count(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) ((2 * random.nextDouble() - 1) * bound);
    }
    return of(values, shape);
  }

  /** PyTorch's default for linear weights [out, in]: uniformly distributed in ±1/√in. */
  public NDArray kaimingUniform(long out, long in) {
    return uniform(1 / Math.sqrt((double) in), out, in);
  }

  /** A copy of a tensor of the model, which may be on another device. */
  public NDArray copy(NDArray tensor) {
    try (NDArray cast = Tensors.cast(tensor, precision)) {
      return track(home == null ? cast.duplicate() : home.bring(cast));
    }
  }

  /**
   * A copy of a parameter's frozen value on the parameter's device. A matrix in fewer bits leaves
   * no dense numbers.
   */
  public NDArray copy(ParameterSite site) {
    try (Scope scope = new Scope()) {
      return scope.keep(at(site.name()).copy(site.frozen()));
    }
  }

  /** Values in row-major order. */
  public NDArray of(float[] values, long... shape) {
    NDArray array = manager.create(values, new Shape(shape));
    if (precision == Precision.FLOAT32) {
      return track(array);
    }
    try (array) {
      return track(Tensors.cast(array, precision));
    }
  }

  private NDArray track(NDArray array) {
    made.add(array);
    return array;
  }

  /** The adapter is made: its layers own the tensors from now on. */
  public void handOver() {
    made.clear();
  }

  /** Making the adapter failed: frees what was made for it, also what no layer has yet. */
  public void free() {
    made.forEach(NDArray::close);
    made.clear();
  }

  /** The generator of the random tensors. */
  public Random random() {
    return random;
  }
}
