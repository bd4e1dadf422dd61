package io.github.peft4j.methods.lily;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * y = W x + b + s (Σₑ pₑ Bₑ)ᵀ h with h = A x, A [r, in], Bₑ [r, out] and
 *
 * <pre>
 * p = mean over all tokens of the batch of softmax(R h)          R [N, r]
 * </pre>
 *
 * <p>The mean is over padding as well, as in PEFT: what is computed for one text depends on those
 * beside it.
 */
final class LilyLinear extends TunerLayer<NDArray, NDArray> {

  static final String A = "lily_A.weight";
  static final String B = "lily_B.weight";

  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(x: Tensor) -> Tensor:
              return torch.clone(x)
          """);
  private static final Kernel LILY =
      Kernel.of(
          """
          def lily(x: Tensor, y: Tensor, a: Tensor, b: Tensor, router: Tensor) -> Tensor:
              h = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), a.to(x.dtype))   # (M, r)
              p = torch.mean(torch.softmax(torch.linear(h, router.to(x.dtype)), -1), [0])  # (N)
              each = torch.reshape(b.to(x.dtype), [{n}, -1])                      # (N, r out)
              mixed = torch.reshape(torch.mm(torch.unsqueeze(p, 0), each), [{r}, -1])
              flat = torch.reshape(y, [-1, torch.size(y, -1)])                    # (M, out)
              return torch.reshape(torch.addmm(flat, h, mixed, alpha={scale}), torch.size(y))
          """);

  /**
   * What a layer starts with.
   *
   * @param a makes A [r, in]
   * @param b makes the Bₑ, one below the other [N r, out]
   * @param router R [N, r]
   */
  record Start(Supplier<NDArray> a, Supplier<NDArray> b, NDArray router) {}

  /** A tensor of one layer that several layers read. */
  private record Common(Trainable tensor, SharedTensor value) {}

  private final Common a;
  private final Common b;
  private final Trainable router;
  private final Kernel lily;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param sameA the layer whose A it reads, or null if it has its own
   * @param sameB the layer whose Bₑ it reads, or null if it has its own
   */
  LilyLinear(
      @Nullable LilyLinear sameA, @Nullable LilyLinear sameB, Start start, LilyConfig config) {
    this.a = sameA == null ? own(A, start.a().get()) : sameA.a;
    this.b = sameB == null ? own(B, start.b().get()) : sameB.b;
    this.router = trainable("lily_router.weight", start.router());
    reads(a.value());
    reads(b.value());
    this.lily = LILY.with("n", config.numB()).with("r", config.r()).with("scale", config.scaling());
  }

  private Common own(String key, NDArray start) {
    Trainable tensor = trainable(key, start);
    return new Common(
        tensor, new SharedTensor(List.of(tensor), context -> COPY.call(tensor.value())));
  }

  /** The tensors that it shares, by key. */
  Map<String, Trainable> common() {
    Map<String, Trainable> tensors = new LinkedHashMap<>();
    tensors.put(A, a.tensor());
    tensors.put(B, b.tensor());
    return tensors;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray sharedA = base.context().value(a.value());
    NDArray sharedB = base.context().value(b.value());
    return lily.call(x, base.forward(x), sharedA, sharedB, router.value()); // (…, out)
  }

  @Override
  public String whyOneTextPerRow() {
    return whyWholeBatches();
  }

  @Override
  public String whyWholeBatches() {
    return "Lily mixes its matrices by a mean over all tokens of a batch";
  }
}
