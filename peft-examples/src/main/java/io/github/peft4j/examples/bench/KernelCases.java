package io.github.peft4j.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RopeScaling;
import io.github.peft4j.transformer.rope.RopeSpec;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** The kernels of a decoder that PyTorch has no single operator for, in bfloat16 on a GPU. */
public final class KernelCases implements AutoCloseable {

  private static final int HEAD = 64;

  private final boolean gpu = PyTorch.engine().getGpuCount() > 0;
  private final Precision precision = gpu ? Precision.BFLOAT16 : Precision.FLOAT32;
  private final NDManager manager = Tensors.newManager(gpu ? Device.gpu() : Device.cpu());
  private final List<KernelCase> cases = new ArrayList<>();
  private final RotaryEmbedding embedding =
      new RotaryEmbedding(new RopeSpec(10_000, HEAD, HEAD, new RopeScaling.Default()));

  /**
   * Creates the cases.
   *
   * @param rows the number of tokens
   * @param width the hidden size; that of the feed-forward network is four times as large
   * @param classes the number of classes
   */
  public KernelCases(long rows, long width, long classes) {
    gated(rows, 4 * width);
    norm(rows, width);
    rotation(rows, Math.max(1, width / HEAD));
    crossEntropy(rows, classes);
  }

  /** All cases, in order. */
  public List<KernelCase> all() {
    return List.copyOf(cases);
  }

  private NDArray numbers(long... shape) {
    return Tensors.cast(manager.randomNormal(0, 1, new Shape(shape), DataType.FLOAT32), precision);
  }

  private void gated(long rows, long width) {
    NDArray up = numbers(rows, width);
    both("gated", 3, 8, numbers(rows, width), x -> Activation.SILU.gate(x, up));
  }

  private void norm(long rows, long width) {
    Norm norm = new Norm("norm", Norm.Kind.RMS, numbers(width), null, 1e-6);
    Pass pass = Pass.inference(ActiveAdapters.NONE);
    both("rms_norm", 2, 5, numbers(rows, width), x -> norm.forward(x, pass));
  }

  private void rotation(long rows, long heads) {
    NDArray x =
        Kernel.of("def heads(x: Tensor) -> Tensor:\n    return torch.transpose(x, 1, 2)\n")
            .call(numbers(1, rows, heads, HEAD));
    Rotation by = embedding.at(x, 0, rows, null);
    both("rotation", 2, 4, x, y -> embedding.rotate(y, by));
  }

  private void crossEntropy(long rows, long classes) {
    NDArray logits = numbers(rows, classes);
    NDArray labels = manager.zeros(new Shape(rows), DataType.INT64);
    NDArray one = manager.create(1f);
    add("cross_entropy", 1, logits, () -> CrossEntropy.PLAIN.of(logits, labels));
    add("cross_entropy_in_place", 2, logits, () -> CrossEntropy.inPlace(logits, labels, one));
  }

  /**
   * Adds two cases, forward alone and both ways.
   *
   * @param forward the number of tensors of the input's size that are read and made forward
   * @param all the same in both ways
   */
  private void both(String name, int forward, int all, NDArray x, UnaryOperator<NDArray> f) {
    add(name, forward, x, () -> f.apply(x));
    NDArray leaf = Autograd.leaf(x);
    NDArray g = Autograd.without(() -> f.apply(x));
    add(name + "_and_back", all, x, () -> thereAndBack(leaf, g, f));
  }

  private static NDArray thereAndBack(NDArray x, NDArray g, UnaryOperator<NDArray> f) {
    try (Tape.Recording tape = Tape.recording(1)) {
      NDArray y = tape.segmentOfKernels(x, false, f);
      tape.backward(y, Scope.release(Autograd.detach(g)));
    }
    return g;
  }

  private void add(String name, int tensors, NDArray x, Supplier<NDArray> call) {
    long bytes = tensors * x.getShape().size() * precision.bytes();
    cases.add(new KernelCase(name, x.getShape().toString(), bytes, () -> Autograd.without(call)));
  }

  @Override
  public void close() {
    embedding.close();
    manager.close();
  }
}
