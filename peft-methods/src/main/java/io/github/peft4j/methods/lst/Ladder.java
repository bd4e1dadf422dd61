package io.github.peft4j.methods.lst;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.NarrowLayers;
import io.github.peft4j.tuner.site.Narrowing;
import io.github.peft4j.tuner.site.StackSite;
import io.github.peft4j.tuner.site.StackStates;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The side network beside one stack, with s₀ = W₀ x and, for each side layer i, the state hᵢ after
 * the stack's layer i:
 *
 * <pre>
 * μᵢ = σ(αᵢ / T)
 * s ← layerᵢ(μᵢ s + (1 - μᵢ) Wᵢ hᵢ)
 * </pre>
 *
 * <p>The stack's output becomes W norm(s). An encoder whose decoder reads it keeps its output; the
 * decoder's side network reads norm(s).
 */
final class Ladder extends TunerLayer<NDArray, StackStates> {

  private static final Kernel CLIMB =
      Kernel.of(
          """
          def climb(side: Tensor, state: Tensor, alpha: Tensor) -> Tensor:   # (B, T, d), (B, T, d), (1)
              gate = torch.sigmoid(torch.div(alpha, {t})).to(side.dtype)
              return torch.add(torch.mul(side, gate), torch.mul(state, torch.rsub(gate, 1)))
          """);

  private final Projection first;
  private final List<Step> steps;
  private final NarrowLayers side;
  private final @Nullable Projection up;
  private final @Nullable Ladder encoder;
  private final Kernel climb;
  private final Map<Narrowing.Tensor, Trainable> pruned = new LinkedHashMap<>();

  /** One side layer. */
  private record Step(int layer, Projection down, Trainable alpha) {}

  /**
   * Creates a side network.
   *
   * @param layers the stack's layers that get a side layer, in order
   * @param last whether the head reads this stack's output
   * @param encoder the side network whose output cross-attention reads, or null
   * @param tensors makes the tensors of the side layers
   */
  Ladder(
      LstConfig config,
      StackSite site,
      List<Integer> layers,
      boolean last,
      @Nullable Ladder encoder,
      Initializer initial,
      Function<Narrowing.Tensor, NDArray> tensors) {
    this.encoder = encoder;
    this.climb = CLIMB.with("t", config.gateT());
    this.side = narrow(config.reductionFactor(), site, layers, tensors);
    long wide = site.dimension();
    long narrow = side.dimension();
    boolean bias = config.addBiasSampling();
    this.first =
        new Projection("side.first_downsample", narrow, wide, bias, declarations(), initial);
    this.steps = new ArrayList<>();
    for (int i : layers) {
      String key = "side.downsamples." + i;
      steps.add(
          new Step(
              i,
              new Projection(key, narrow, wide, bias, declarations(), initial),
              trainable("side.gates." + i, initial.filled(config.gateAlpha(), 1))));
    }
    this.up =
        last ? new Projection("side.upsample", wide, narrow, bias, declarations(), initial) : null;
  }

  private NarrowLayers narrow(
      int factor,
      StackSite site,
      List<Integer> layers,
      Function<Narrowing.Tensor, NDArray> tensors) {
    try {
      return site.narrowing().narrow(factor, layers, t -> add(t, tensors));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "LstConfig: field 'reduction_factor' is %d, but %s".formatted(factor, e.getMessage()), e);
    }
  }

  private NDArray add(Narrowing.Tensor tensor, Function<Narrowing.Tensor, NDArray> tensors) {
    Trainable trained = trainable("side." + tensor.name(), tensors.apply(tensor));
    pruned.put(tensor, trained);
    return trained.value();
  }

  /** Sets the tensors of the side layers. */
  void start(Function<Narrowing.Tensor, NDArray> tensors) {
    pruned.forEach(
        (tensor, trained) -> {
          try (NDArray value = tensors.apply(tensor)) {
            Tensors.copy(trained.value(), value);
          }
        });
  }

  @Override
  public StackStates forward(NDArray x, Forward<NDArray, StackStates> base) { // x (B, n + T, D)
    ForwardContext context = base.context();
    if (!context.rows().isWhole()) {
      throw new IllegalArgumentException(
          "the side network of LST runs for a whole batch, but an adapter has it for some rows only:"
              + " take adapters of another method, or run them one after the other");
    }
    side.enter(x, context); // before the layers, after which x may be read through the tape alone
    StackStates stack = base.forward(x);
    Tape tape = context.tape();
    NDArray memory = encoder == null ? null : context.left(encoder);
    NDArray s = tape.segment(x, trains(), first::forward);
    int top = steps.get(steps.size() - 1).layer;
    for (Step step : steps) {
      NDArray state = tape.share(stack.states().get(step.layer + 1));
      s =
          tape.segment(
              s,
              trains(),
              h -> {
                NDArray sum = climb.call(h, step.down.forward(state), step.alpha.value());
                NDArray y = side.layer(step.layer, sum, memory, context);
                return step.layer == top ? side.norm(y, context) : y;
              });
    }
    if (up == null) {
      context.leave(this, tape.share(s));
      return stack;
    }
    return stack.with(tape.segment(s, trains(), up::forward));
  }

  @Override
  public void close() {
    side.close();
    super.close();
  }
}
