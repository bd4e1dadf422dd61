package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** A tensor of a segment that a gradient may reach, and the gradient so far. */
final class Value {

  private final @Nullable NDArray leaf;
  private @Nullable NDArray gradient;

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
  void add(NDArray more) {
    NDArray present = gradient;
    if (present == null) {
      gradient = more;
    } else {
      gradient = Ops.add(present, more); // not in place: values may share a gradient's memory
      present.close();
      more.close();
    }
  }

  /** The gradient, which belongs to the caller from now on, or null if none has arrived. */
  @Nullable NDArray take() {
    NDArray taken = gradient;
    gradient = null;
    return taken;
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
      add(buffer);
    } else {
      buffer.close();
    }
  }

  /** Moves what has arrived to the tensor that keeps its gradient itself. */
  void settle() {
    NDArray arrived = leaf == null ? null : take();
    if (arrived != null) {
      try (arrived;
          NDArray present = buffer(arrived)) {
        present.addi(arrived);
      }
    }
  }

  /** Frees a gradient that nobody has taken. */
  void close() {
    NDArray left = take();
    if (left != null) {
      left.close();
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
}
