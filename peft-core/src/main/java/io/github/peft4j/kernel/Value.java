package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** A tensor of a segment that a gradient may reach, and the gradient so far. */
final class Value {

  private final @Nullable NDArray leaf;
  private @Nullable Gradient gradient;

  /**
   * Creates a value.
   *
   * @param leaf a parameter or a shared tensor, which keeps its gradient itself; null for a tensor
   *     that the segment computes
   */
  Value(@Nullable NDArray leaf) {
    this.leaf = leaf;
  }

  /** Whether the tensor keeps its gradient itself. */
  boolean isLeaf() {
    return leaf != null;
  }

  /** Adds a gradient, which belongs to this value from now on. */
  void add(Gradient more) {
    Gradient present = gradient;
    gradient = present == null ? more : Gradient.sum(present, more);
  }

  /** The gradient, which belongs to the caller from now on, or null if none has arrived. */
  @Nullable Gradient take() {
    Gradient taken = gradient;
    gradient = null;
    return taken;
  }

  /** The gradient, as {@link #take}, if the caller may write to it, or null. */
  @Nullable Gradient takeAlone() {
    return gradient != null && gradient.isAlone() ? take() : null;
  }

  /**
   * A tensor that a kernel adds this value's gradient into.
   *
   * @param like a tensor of the value's shape and type
   */
  NDArray buffer(NDArray like) {
    if (leaf == null) {
      return Tensors.zerosLike(like);
    }
    NDArray present = Autograd.gradient(leaf);
    return present == null ? firstGradient(leaf) : present;
  }

  /** Takes a buffer back after a kernel has added to it. */
  void added(NDArray buffer) {
    if (leaf == null) {
      add(new Gradient(buffer, true));
    } else {
      buffer.close();
    }
  }

  /** Moves what has arrived to the tensor that keeps its gradient itself. */
  void settle() {
    Gradient arrived = leaf == null ? null : take();
    if (arrived != null) {
      try (NDArray present = buffer(arrived.array())) {
        present.addi(arrived.array());
      }
      arrived.release();
    }
  }

  /** Frees a gradient that nobody has taken. */
  void close() {
    Gradient left = take();
    if (left != null) {
      left.release();
    }
  }

  private static NDArray firstGradient(NDArray leaf) {
    try (NDArray zeros = Tensors.zerosLike(leaf)) {
      Autograd.backward(leaf, zeros);
    }
    NDArray made = Autograd.gradient(leaf);
    if (made == null) {
      throw new IllegalStateException("a tensor of shape " + leaf.getShape() + " has no gradient");
    }
    return made;
  }

  /** The memory of a gradient. Several values may hold it, and the last one frees it. */
  static final class Gradient {

    private final NDArray array;
    private boolean apart;
    private int holders = 1;

    /**
     * Creates a gradient with one holder.
     *
     * @param array belongs to this object from now on
     * @param apart whether no other array has its memory
     */
    Gradient(NDArray array, boolean apart) {
      this.array = array;
      this.apart = apart;
    }

    /** The tensor. Only its single holder may write to it, see {@link #isAlone}. */
    NDArray array() {
      return array;
    }

    /** This gradient, with one more holder. */
    Gradient hold() {
      holders++;
      return this;
    }

    /** One holder needs it no more. */
    void release() {
      holders--;
      if (holders == 0) {
        array.close();
      }
    }

    /** Says that arrays which were computed from it may have its memory. */
    void lend() {
      apart = false;
    }

    /** Whether a holder may write to it, because it is the only one that reads its memory. */
    boolean isAlone() {
      return apart && holders == 1;
    }

    /** The sum of two gradients, which belong to the result from now on. */
    static Gradient sum(Gradient x, Gradient y) {
      Gradient into = x.isAlone() ? x : y;
      Gradient other = into == x ? y : x;
      if (into.isAlone()) {
        into.array.addi(other.array);
        other.release();
        return into;
      }
      Gradient sum = new Gradient(Ops.add(x.array, y.array), true);
      x.release();
      y.release();
      return sum;
    }
  }
}
