package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.IValue;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * A kernel whose tensors are bound once and read at every call. An optimizer's step over hundreds
 * of tensors then costs one call instead of thousands. No gradient is recorded.
 *
 * <p>The tensors must outlive this object.
 */
public final class BoundKernel implements AutoCloseable {

  private final Kernel kernel;
  private final PtNDManager manager;
  private final List<IValue> lists;

  BoundKernel(Kernel kernel, NDList... lists) {
    Arrays.stream(lists).forEach(list -> Tensors.requireTogether(list, kernel.source()));
    this.kernel = kernel;
    this.manager = (PtNDManager) lists[0].get(0).getManager();
    this.lists =
        Arrays.stream(lists)
            .map(list -> IValue.listFrom(list.stream().toArray(PtNDArray[]::new)))
            .toList();
  }

  /**
   * Calls the kernel.
   *
   * @param numbers the parameters after the lists, of type {@code float}
   * @return the kernel's result, one tensor
   */
  public NDArray call(double... numbers) {
    List<IValue> scalars = Arrays.stream(numbers).mapToObj(IValue::from).toList();
    IValue[] arguments = Stream.concat(lists.stream(), scalars.stream()).toArray(IValue[]::new);
    try (IValue result = kernel.run(arguments)) {
      return result.toTensor(manager);
    } finally {
      scalars.forEach(IValue::close);
    }
  }

  /** Calls a kernel whose only parameters are lists and whose result is an {@code int}. */
  long count() {
    try (IValue result = kernel.run(lists.toArray(IValue[]::new))) {
      return result.toLong();
    }
  }

  @Override
  public void close() {
    lists.forEach(IValue::close);
  }
}
