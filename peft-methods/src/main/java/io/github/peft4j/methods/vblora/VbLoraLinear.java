package io.github.peft4j.methods.vblora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * y = W x + b + B A dropout(x), with A [r, in] and B [out, r]. A row of A and a column of B are
 * parts of length l, one after the other. Each part is
 *
 * <pre>
 * Σᵢ wᵢ vᵢ over the k vectors v of the bank [N, l] with the largest logits, w their softmax
 * </pre>
 */
final class VbLoraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  /** The tensor that all layers share; the first one declares it. */
  static final String BANK = "vblora_vector_bank";

  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(x: Tensor) -> Tensor:
              return torch.clone(x)
          """);
  private static final String FACTORS =
      """
      def parts(logits: Tensor, bank: Tensor) -> Tensor:       # (…, N), (N, l) → (…, l)
          top, places, = torch.topk(logits, {k}, -1, True, True)
          weights = torch.unsqueeze(torch.softmax(top, -1), -1)
          return torch.sum(torch.mul(weights, torch.embedding(bank, places)), [-2])
      def a_of(logits: Tensor, bank: Tensor) -> Tensor:        # (r, in / l, N) → (r, in)
          return torch.flatten(parts(logits, bank), 1)
      def b_of(logits: Tensor, bank: Tensor) -> Tensor:        # (out / l, r, N) → (out, r)
          return torch.flatten(torch.transpose(parts(logits, bank), 1, 2), 0, 1)
      """;
  private static final Kernel VBLORA =
      Kernel.of(
          FACTORS
              + """
              def vblora(x: Tensor, y: Tensor, a: Tensor, b: Tensor, bank: Tensor) -> Tensor:
                  low = torch.linear(x, a_of(a, bank).to(x.dtype))
                  return torch.add(y, torch.linear(low, b_of(b, bank).to(x.dtype)))
              """);
  private static final String DELTA =
      FACTORS
          + """
          def delta(a: Tensor, b: Tensor, bank: Tensor) -> Tensor:             # (out, in)
              return torch.mm(b_of(b, bank), a_of(a, bank))
          """;

  private final Trainable bank;
  private final SharedTensor sharedBank;
  private final Choice a;
  private final Choice b;
  private final double dropout;
  private final Kernel vblora;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param first the layer whose bank it reads, or null if it has its own
   * @param vectors makes the bank [N, l]
   * @param a logits of A [r, in / l, N]
   * @param b logits of B [out / l, r, N]
   */
  VbLoraLinear(
      LinearSite site,
      @Nullable VbLoraLinear first,
      Supplier<NDArray> vectors,
      NDArray a,
      NDArray b,
      VbLoraConfig config) {
    this.a = new Choice("vblora_logits_A", a, config, declarations());
    this.b = new Choice("vblora_logits_B", b, config, declarations());
    this.bank = first == null ? trainable(BANK, vectors.get()) : first.bank;
    this.sharedBank = reads(first == null ? shared(bank) : first.sharedBank);
    this.dropout = config.vbloraDropout();
    this.vblora = VBLORA.with("k", config.topk());
    this.merge = WeightDelta.of(DELTA, 1, site.isTransposed()).with("k", config.topk());
  }

  private static SharedTensor shared(Trainable bank) {
    return new SharedTensor(List.of(bank), context -> COPY.call(bank.value()));
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    boolean training = isTraining(base.context());
    NDArray dropped = training && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    return vblora.call(
        dropped,
        base.forward(x),
        a.logits(training),
        b.logits(training),
        base.context().value(sharedBank)); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.logits(false), b.logits(false), bank.value());
  }

  @Override
  public NDArray stored(Trainable tensor) {
    return a.has(tensor) ? a.stored(tensor) : b.has(tensor) ? b.stored(tensor) : tensor.value();
  }

  @Override
  public void loaded(boolean all) {
    a.loaded(all);
    b.loaded(all);
  }
}
