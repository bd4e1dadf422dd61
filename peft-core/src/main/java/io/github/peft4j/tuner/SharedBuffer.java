package io.github.peft4j.tuner;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Remembered;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.kernel.device.Homes;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A frozen tensor that layers of an adapter share. Each device that has such layers has a copy,
 * which is made anew after the tensor was written to.
 */
public final class SharedBuffer implements AutoCloseable {

  private final NDArray origin;
  private final @Nullable Homes homes;
  private final IdentityHashMap<Home, Remembered> copies = new IdentityHashMap<>();

  /**
   * Shares a tensor.
   *
   * @param origin on the main device; belongs to this object from now on
   * @param homes the devices of the model; null if it has one
   */
  public SharedBuffer(NDArray origin, @Nullable Homes homes) {
    this.origin = Scope.release(origin);
    this.homes = homes;
  }

  /** The tensor on the main device. */
  public NDArray value() {
    return origin;
  }

  /**
   * The tensor on the device of a module.
   *
   * @param module such as {@code model.layers.3.mlp.up_proj}
   */
  public NDArray at(String module) {
    Home home = homes == null ? null : homes.of(module);
    if (home == null || home == requireNonNull(homes).main()) {
      return origin;
    }
    synchronized (this) {
      return copies
          .computeIfAbsent(home, to -> new Remembered(() -> to.bring(origin), origin))
          .value();
    }
  }

  @Override
  public synchronized void close() {
    copies.values().forEach(Remembered::close);
    copies.clear();
    origin.close();
  }
}
