package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraInitialization.Start;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.Trainable;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * A [r, in] and B [out, r] of one module.
 *
 * <p>Where they started as a part B₀ A₀ of the frozen weight (PiSSA, OLoRA), that part is taken
 * off: B A − B₀ A₀ = [B, −B₀] [A; A₀], so that formulas in A and B hold as they stand for the
 * stacked matrices, and cost what twice the rank costs. The difference is exactly zero at the start
 * in any precision, which a rounded W − s B₀ A₀ would not be.
 */
final class Factors {

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

  private final Starts.Module module;
  private final LoraInitialization initialization;
  private final Trainable a;
  private final Trainable b;
  private final @Nullable Removed removed;

  /** What is taken off the frozen weight. */
  private record Removed(Trainable a, Trainable b, Kernel minus) {}

  /**
   * How a layer declares its tensors.
   *
   * @param trainable one that is trained
   * @param view one that is trained on another's memory
   * @param beside one that is kept beside Hugging Face's file
   */
  record Declarations(
      BiFunction<String, NDArray, Trainable> trainable,
      BiFunction<String, NDArray, Trainable> view,
      BiFunction<String, NDArray, Trainable> beside) {}

  /**
   * The factors of a module.
   *
   * @param table the layer of the embedding that an output shares its table with, or null
   */
  Factors(
      LinearSite site,
      LoraConfig config,
      Sites sites,
      @Nullable TableFactors table,
      Declarations declare) {
    double scale = config.scaleOf(site.name());
    this.module = new Starts.Module(site, config.rankOf(site.name()), scale, sites.initial());
    this.initialization = config.initLoraWeights();
    try (Scope scope = new Scope()) {
      Start start = sites.isFresh() ? initialization.start(module) : Starts.zeros(module);
      BiFunction<String, NDArray, Trainable> trainable =
          table == null
              ? declare.trainable
              : new TiedFactors(table, declare.view, sites.isFresh() && config.startsPlain());
      this.a = trainable.apply("lora_A.weight", start.a());
      this.b = trainable.apply("lora_B.weight", start.b());
      this.removed =
          initialization.isTakenOff()
              ? new Removed(
                  declare.beside.apply("lora_A.start", start.a().duplicate()),
                  declare.beside.apply("lora_B.start", start.b().duplicate()),
                  LoraLinear.LORA.with("scale", -scale))
              : null;
    }
  }

  /** To be called when A and B have been read: without what is kept beside, it is made again. */
  void loaded(boolean all) {
    if (removed != null && !all) {
      try (Scope scope = new Scope()) {
        Start start = initialization.start(module);
        Tensors.copy(removed.a.value(), start.a());
        Tensors.copy(removed.b.value(), start.b());
      }
    }
  }

  /** A as it is trained. */
  Trainable trainedA() {
    return a;
  }

  /** B as it is trained. */
  Trainable trainedB() {
    return b;
  }

  /** A, or [A; A₀]. */
  NDArray a() {
    return removed == null ? a.value() : STACK.call(a.value(), removed.a.value());
  }

  /** B, or [B, −B₀]. */
  NDArray b() {
    return removed == null ? b.value() : APPEND.call(b.value(), removed.b.value());
  }

  /** The base without what is taken off it: (W − s B₀ A₀) x. */
  NDArray remaining(NDArray x, Forward<NDArray, NDArray> base) {
    Removed part = removed;
    NDArray y = base.forward(x);
    return part == null ? y : part.minus.call(x, y, part.a.value(), part.b.value());
  }

  /** The number of rows of {@link #a}. */
  long rank() {
    return (removed == null ? 1 : 2) * a.value().getShape().get(0);
  }

  /** The scale s. */
  double scale() {
    return module.scale();
  }
}
