package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Two layers of one adapter at one site. The {@code base} of the outer layer contains the inner
 * one. Each layer keeps its own tensors.
 */
public final class Nested<I, O> extends TunerLayer<I, O> implements Mergeable {

  private final TunerLayer<I, O> inner;
  private final TunerLayer<I, O> outer;

  public Nested(TunerLayer<I, O> inner, TunerLayer<I, O> outer) {
    this.inner = inner;
    this.outer = outer;
    includes(inner);
    includes(outer);
  }

  @Override
  public boolean isRepeatable() {
    return inner.isRepeatable() && outer.isRepeatable();
  }

  @Override
  public O forward(I input, Forward<I, O> base) {
    return outer.forward(
        input,
        new Forward<>(
            (in, context) -> inner.forward(in, new Forward<>(base.computation(), context)),
            base.context()));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return mergeable(outer).merge(mergeable(inner).merge(weight));
  }

  @Override
  public @Nullable NDArray mergeBias(NDArray bias) {
    NDArray first = mergeable(inner).mergeBias(bias);
    NDArray second = mergeable(outer).mergeBias(first == null ? bias : first);
    return second == null ? first : second;
  }

  private static Mergeable mergeable(TunerLayer<?, ?> layer) {
    if (layer instanceof Mergeable mergeable) {
      return mergeable;
    }
    throw new IllegalStateException(
        "the adapter cannot be merged: "
            + layer.getClass().getSimpleName()
            + " is no change of weights; keep the adapter beside the model");
  }

  @Override
  public List<TunerLayer<I, O>> layers() {
    return Stream.of(inner, outer).flatMap(layer -> layer.layers().stream()).toList();
  }
}
