package io.github.peft4j.methods.ltsft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.sparse.DenseDelta;
import io.github.peft4j.methods.common.sparse.Largest;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The phases of LT-SFT within one training. At the end of a full phase, the entries outside the mask
 * that have changed most join the mask, and all tensors are as before the phase. Each phase starts
 * with an optimizer without history.
 *
 * <p>In a masked phase the entries outside the mask are zero, and so are their gradients and
 * moments: they stay zero.
 */
final class LotteryTicket implements StepListener {

  private static final Kernel MASK =
      Kernel.of(
          """
          def mask(g: Tensor, kept: Tensor) -> Tensor:
              return torch.mul_(g, kept)
          """);
  private static final Kernel L1 =
      Kernel.of(
          """
          def l1(g: Tensor, s: Tensor) -> Tensor:
              return torch.add_(g, torch.sign(s), alpha={factor})
          """);
  private static final Kernel NOT_ZERO =
      Kernel.of(
          """
          def not_zero(s: Tensor) -> Tensor:
              return torch.ne(s, 0).to(s.dtype)
          """);
  private static final Kernel ZERO =
      Kernel.of(
          """
          def zero(x: Tensor) -> Tensor:
              return torch.zero_(x)
          """);

  private final LtSftConfig config;
  private final List<DenseDelta> deltas;
  private final List<Trainable> tensors = new ArrayList<>();
  private final Kernel fullL1;
  private final Kernel maskedL1;

  /** For each delta 1 where the mask is, 0 elsewhere. */
  private final List<NDArray> masks = new ArrayList<>();

  /** The values of all tensors before the present iteration. */
  private final List<NDArray> previous = new ArrayList<>();

  /**
   * Creates the listener.
   *
   * @param whole tensors that are trained without a mask; they are set back too
   * @param parameters the number of the model's parameters
   */
  LotteryTicket(
      LtSftConfig config, List<DenseDelta> deltas, List<Trainable> whole, long parameters) {
    this.config = config;
    this.deltas = deltas;
    deltas.forEach(delta -> tensors.add(delta.delta()));
    tensors.addAll(whole);
    this.fullL1 = L1.with("factor", config.fullL1Reg() / parameters);
    this.maskedL1 = L1.with("factor", config.sparseL1Reg() / parameters);
  }

  /** The masks, and the values before the iteration. Entries that an earlier training left are masked. */
  @Override
  public Map<String, NDArray> state() {
    if (masks.isEmpty()) {
      deltas.forEach(delta -> masks.add(Scope.release(NOT_ZERO.call(delta.delta().value()))));
      tensors.forEach(tensor -> previous.add(Scope.release(tensor.value().duplicate())));
      previous.forEach(array -> array.setRequiresGradient(false));
    }
    Map<String, NDArray> state = new LinkedHashMap<>();
    for (int i = 0; i < masks.size(); i++) {
      state.put(i + ".mask", masks.get(i));
    }
    for (int i = 0; i < previous.size(); i++) {
      state.put(i + ".previous", previous.get(i));
    }
    return state;
  }

  @Override
  public void afterTraining() {
    masks.forEach(NDArray::close);
    previous.forEach(NDArray::close);
    masks.clear();
    previous.clear();
  }

  @Override
  public void beforeClipping(Step step) {
    state();
    boolean full = Phases.of(config, step.total()).isFull(step.number() - 1L);
    double l1 = full ? config.fullL1Reg() : config.sparseL1Reg();
    for (int i = 0; i < deltas.size(); i++) {
      Trainable delta = deltas.get(i).delta();
      NDArray gradient = step.gradient(delta);
      if (gradient == null) {
        continue;
      }
      if (l1 > 0) {
        (full ? fullL1 : maskedL1).call(gradient, delta.value()).close();
      }
      if (!full) {
        MASK.call(gradient, masks.get(i)).close();
      }
    }
  }

  @Override
  public void afterStep(Step step) {
    state();
    Phases phases = Phases.of(config, step.total());
    long done = step.number() - 1L;
    if (phases.endsFull(done)) {
      extendMasks();
      for (int i = 0; i < tensors.size(); i++) {
        Tensors.copy(tensors.get(i).value(), previous.get(i));
      }
      forget(step);
    } else if (phases.endsMasked(done)) {
      for (int i = 0; i < tensors.size(); i++) {
        Tensors.copy(previous.get(i), tensors.get(i).value());
      }
      forget(step);
    }
  }

  private void forget(Step step) {
    tensors.forEach(
        tensor -> step.moments(tensor).values().forEach(array -> ZERO.call(array).close()));
  }

  private void extendMasks() {
    Map<String, Supplier<float[]>> changes = new LinkedHashMap<>();
    for (int i = 0; i < deltas.size(); i++) {
      NDArray mask = masks.get(i);
      NDArray delta = deltas.get(i).delta().value();
      changes.put(deltas.get(i).site().name(), () -> freeChanges(delta, mask));
    }
    Map<String, int[]> chosen = Largest.of(changes, perIteration());
    for (int i = 0; i < deltas.size(); i++) {
      int[] places = chosen.get(deltas.get(i).site().name());
      if (places != null) {
        extend(masks.get(i), places);
      }
    }
  }

  private static void extend(NDArray mask, int... places) {
    float[] values = Tensors.floats(mask);
    for (int place : places) {
      values[place] = 1;
    }
    try (NDArray now = mask.getManager().create(values, mask.getShape())) {
      Tensors.copy(mask, now);
    }
  }

  /** The absolute changes; 0 for entries of the mask. */
  private static float[] freeChanges(NDArray delta, NDArray mask) {
    float[] changes = Tensors.floats(delta);
    float[] masked = Tensors.floats(mask);
    for (int i = 0; i < changes.length; i++) {
      changes[i] = masked[i] == 1 ? 0 : Math.abs(changes[i]);
    }
    return changes;
  }

  private long perIteration() {
    long targets = deltas.stream().mapToLong(delta -> delta.delta().size()).sum();
    Integer number = config.ftParamsNum();
    long k = number != null ? number : (long) (config.ftParamsProportion() * targets);
    long each = k / config.nFtIterations();
    if (each == 0 || k > targets) {
      throw new IllegalArgumentException(
          "LtSftConfig: %,d of %,d parameters are to be chosen in %d iterations; expected at least one in each, and no more than there are: change ft_params_proportion or ft_params_num"
              .formatted(k, targets, config.nFtIterations()));
    }
    return each;
  }
}
