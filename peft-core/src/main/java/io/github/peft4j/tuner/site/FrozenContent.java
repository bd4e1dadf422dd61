package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.host.OffloadedTensor;
import io.github.peft4j.quantization.FrozenMatrix;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A frozen tensor: as it is, or a matrix in fewer bits; on the device, or on the host. */
interface FrozenContent extends AutoCloseable {

  /** The tensor as plain numbers, on the device. */
  NDArray array();

  /** The matrix in fewer bits, or null. It may be on the host. */
  default @Nullable FrozenMatrix matrix() {
    return null;
  }

  /** The matrix to compute with, on the device, or null if it is none in fewer bits. */
  default @Nullable FrozenMatrix present() {
    return matrix();
  }

  /** The tensor's shape. */
  default Shape shape() {
    return array().getShape();
  }

  /** What is stored, in a fixed order. */
  default List<NDArray> arrays() {
    return List.of(array());
  }

  /** The same of other arrays, which it owns. */
  default FrozenContent of(List<NDArray> arrays) {
    return new Plain(Scope.release(arrays.get(0)));
  }

  @Override
  void close();

  /** A tensor of plain numbers. */
  record Plain(NDArray array) implements FrozenContent {
    @Override
    public void close() {
      array.close();
    }
  }

  /** A tensor in the host's memory, where the device reads it. */
  record Offloaded(OffloadedTensor tensor) implements FrozenContent {
    @Override
    public NDArray array() {
      return tensor.array();
    }

    @Override
    public void close() {
      tensor.close();
    }
  }

  /** A matrix in fewer bits. */
  record Quantized(FrozenMatrix matrix) implements FrozenContent {
    @Override
    public NDArray array() {
      return matrix.dense();
    }

    @Override
    public Shape shape() {
      return matrix.shape();
    }

    @Override
    public List<NDArray> arrays() {
      return matrix.arrays();
    }

    @Override
    public Quantized of(List<NDArray> arrays) {
      return new Quantized(matrix.of(arrays));
    }

    @Override
    public void close() {
      matrix.close();
    }
  }

  /**
   * A tensor that waits on the host. A thread that computes the layer has it on the device. Any
   * other that asks for it gets a copy, which the innermost {@link Scope} frees: the layer's may be
   * closed meanwhile.
   */
  final class Waiting implements FrozenContent {

    private final FrozenContent host;
    private final ParameterSite.Copies copies;
    private volatile @Nullable FrozenContent here;

    /** Moves a tensor to the host. */
    Waiting(FrozenContent content, ParameterSite.Copies copies) {
      this.host = content.of(put(content.arrays(), copies));
      this.copies = copies;
      content.close();
    }

    private static List<NDArray> put(List<NDArray> arrays, ParameterSite.Copies copies) {
      List<NDArray> onHost = new ArrayList<>();
      try {
        arrays.forEach(array -> onHost.add(copies.put(array)));
        return onHost;
      } catch (RuntimeException | Error e) {
        onHost.forEach(NDArray::close);
        throw e;
      }
    }

    /** The same way for another tensor. */
    Waiting with(FrozenContent content) {
      return new Waiting(content, copies);
    }

    /** Computes with these copies on the device, until it gets others or null. */
    void here(@Nullable List<NDArray> arrays) {
      FrozenContent before = here;
      here = arrays == null ? null : host.of(arrays);
      if (before != null) {
        before.close();
      }
    }

    @Override
    public NDArray array() {
      FrozenContent present = inUse();
      if (present != null) {
        return present.array();
      }
      if (host.matrix() == null) {
        return copies.get(host.array());
      }
      try (Scope scope = new Scope();
          FrozenContent copy = host.of(host.arrays().stream().map(copies::get).toList())) {
        return scope.keep(copy.array());
      }
    }

    @Override
    public @Nullable FrozenMatrix matrix() {
      return host.matrix();
    }

    private @Nullable FrozenContent inUse() {
      return copies.areInUse() ? here : null;
    }

    /** Null also while it is not here: then the dense numbers are computed with. */
    @Override
    public @Nullable FrozenMatrix present() {
      FrozenContent present = inUse();
      return present == null ? null : present.matrix();
    }

    @Override
    public Shape shape() {
      return host.shape();
    }

    @Override
    public List<NDArray> arrays() {
      return host.arrays();
    }

    @Override
    public FrozenContent of(List<NDArray> arrays) {
      return host.of(arrays);
    }

    @Override
    public void close() {
      here(null);
      host.close();
    }
  }
}
