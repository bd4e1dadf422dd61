package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.init.InitialFactors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import java.util.function.Supplier;

/**
 * Factors that started as a part B₀ A₀ of the frozen weight (PiSSA, OLoRA), which is subtracted: B
 * A − B₀ A₀ = [B, −B₀] [A; A₀]. Formulas in A and B hold for the stacked matrices, at the cost of
 * twice the rank. At the start the difference is exactly zero in any precision, unlike with a
 * rounded W − s B₀ A₀.
 *
 * @param trained B and A
 * @param startA A₀
 * @param startB B₀
 * @param again computes A₀ and B₀ again
 * @param product s B A
 * @param minus −s B₀ A₀
 */
public record OffsetFactors(
    Factors trained,
    Trainable startA,
    Trainable startB,
    Supplier<InitialFactors> again,
    LowRankProduct product,
    LowRankProduct minus)
    implements Factors {

  private static final Kernel STACK =
      Kernel.of(
          """
          def stack(a: Tensor, a0: Tensor) -> Tensor:                      # (2r, in)
              return torch.cat([a, a0], 0)
          """);
  private static final Kernel APPEND =
      Kernel.of(
          """
          def append(b: Tensor, b0: Tensor) -> Tensor:                     # (out, 2r)
              return torch.cat([b, torch.neg(b0)], 1)
          """);

  /**
   * Factors with the initial values A₀ and B₀.
   *
   * @param trained declares B and A
   * @param start A₀ and B₀
   * @param again computes them again, for an adapter whose file lacks them
   */
  public static Source of(Source trained, InitialFactors start, Supplier<InitialFactors> again) {
    return layer -> {
      Factors factors = trained.declare(layer);
      return new OffsetFactors(
          factors,
          layer.bufferBeside("lora_A.start", start.a().duplicate()),
          layer.bufferBeside("lora_B.start", start.b().duplicate()),
          again,
          new LowRankProduct(factors.scale(), false),
          new LowRankProduct(-factors.scale(), false));
    };
  }

  @Override
  public Trainable trainedA() {
    return trained.trainedA();
  }

  @Override
  public Trainable trainedB() {
    return trained.trainedB();
  }

  @Override
  public double scale() {
    return trained.scale();
  }

  /** [A; A₀]. */
  @Override
  public NDArray a() {
    return STACK.call(trained.a(), startA.value());
  }

  /** [B, −B₀]. */
  @Override
  public NDArray b() {
    return APPEND.call(trained.b(), startB.value());
  }

  @Override
  public long rank() {
    return 2 * trained.rank();
  }

  /** (W − s B₀ A₀) x + s B A z: dropout does not apply to the subtracted part. */
  @Override
  public NDArray add(NDArray x, NDArray z, Forward<NDArray, NDArray> base) {
    return x == z ? product.add(base.forward(x), x, a(), b()) : trained.add(x, z, remaining(base));
  }

  /** x ↦ (W − s B₀ A₀) x. */
  @Override
  public Forward<NDArray, NDArray> remaining(Forward<NDArray, NDArray> base) {
    return new Forward<>(
        (x, context) ->
            minus.add(base.computation().forward(x, context), x, startA.value(), startB.value()),
        base.context());
  }

  @Override
  public void loaded(boolean all) {
    if (!all) {
      try (Scope scope = new Scope()) {
        InitialFactors start = again.get();
        Tensors.copy(startA.value(), start.a());
        Tensors.copy(startB.value(), start.b());
      }
    }
  }
}
