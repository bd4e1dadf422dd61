package io.github.peft4j.methods.said;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;

/** W + λᵢ Pᵢ(θ) for one tensor W of the model. */
final class SubspaceTensor extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String CHANGE =
      """
      def change(values: Tensor, signs: Tensor, order: Tensor, weights: Tensor, h: Tensor) -> Tensor:
          signed = torch.mul(torch.narrow(values, 0, 0, {used}), signs.to(values.dtype))   # B θ
          mixed = hadamard(torch.constant_pad_nd(signed, [0, {rest}]), h)                   # (L)
          drawn = torch.index_select(mixed, 0, order)
          weighted = torch.mul(drawn, torch.reshape(weights, [-1]).to(values.dtype))
          projected = torch.mul(torch.narrow(hadamard(weighted, h), 0, 0, {elements}), {factor})
          return {scaled}                                                                  # (D)
      """;
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(w: Tensor, change: Tensor) -> Tensor:
              return torch.add(w, torch.reshape(change, torch.size(w)).to(w.dtype))
          """);

  private final Subspace subspace;
  private final SharedTensor values;
  private final Fastfood projection;
  private final Kernel change;

  /** Creates the first layer of an adapter, which declares what all of them read. */
  static SubspaceTensor first(
      long size, int scales, Hadamard hadamard, Fastfood projection, Initializer initial) {
    return new SubspaceTensor(size, scales, hadamard, projection, initial);
  }

  private SubspaceTensor(
      long size, int scales, Hadamard hadamard, Fastfood projection, Initializer initial) {
    this.subspace = new Subspace(size, scales, hadamard, initial, declarations());
    this.values = reads(subspace.values());
    this.projection = projection;
    this.change = kernel(0);
  }

  /**
   * Creates a layer.
   *
   * @param scale i, the number of the tensor's scale
   */
  SubspaceTensor(Subspace subspace, Fastfood projection, int scale) {
    this.subspace = subspace;
    this.values = reads(subspace.values());
    this.projection = projection;
    this.change = kernel(scale);
  }

  private Kernel kernel(int scale) {
    long used = Math.min(subspace.size(), projection.size());
    String lambda = "torch.narrow(values, 0, %d, 1)".formatted(subspace.size() + scale);
    return Kernel.of(Hadamard.function(projection.size()) + CHANGE)
        .with("used", used)
        .with("rest", projection.size() - used)
        .with("elements", projection.elements())
        .with("factor", projection.factor())
        .with("scaled", subspace.scales() ? "torch.mul(projected, " + lambda + ")" : "projected");
  }

  /** What all layers of the adapter read. */
  Subspace subspace() {
    return subspace;
  }

  /** The layer of an output map [out, in] that shares its memory with this tensor. */
  TiedOutput output() {
    return new TiedOutput(this);
  }

  /**
   * The tensor's change λᵢ Pᵢ(θ), flat.
   *
   * @param all θ and λ
   */
  NDArray change(NDArray all) {
    NDArray signs = projection.signs();
    return change.call(
        Ops.beside(signs, all),
        signs,
        projection.order(),
        projection.weights(),
        Ops.beside(signs, subspace.hadamard()));
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return ADD.call(base.forward(frozen), change(base.context().value(values)));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return ADD.call(weight, change(subspace.now()));
  }

  @Override
  public void close() {
    super.close();
    projection.close();
    subspace.close();
  }
}
