package io.github.peft4j.methods.ltsft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.sparse.DenseDelta;
import io.github.peft4j.methods.common.sparse.Masks;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The phases of LT-SFT within one training. At the end of a full phase, the entries outside the
 * mask that have changed most join the mask, and all tensors are as before the phase. Each phase
 * starts with an optimizer without history.
 *
 * <p>In a masked phase the entries outside the mask are zero, and so are their gradients and
 * moments: they stay zero.
 */
final class LotteryTicket implements StepListener {

  private static final Kernel L1 =
      Kernel.of(
          """
          def l1(g: Tensor, s: Tensor) -> Tensor:
              return torch.add_(g, torch.sign(s), alpha={factor})
          """);
  private final LtSftConfig config;
  private final List<DenseDelta> deltas;
  private final List<Trainable> tensors = new ArrayList<>();
  private final Kernel fullL1;
  private final Kernel maskedL1;

  private @Nullable Masks masks;

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

  /**
   * The masks, and the values before the iteration. Entries that an earlier training left are
   * masked.
   */
  @Override
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = masks().state();
    for (int i = 0; i < previous.size(); i++) {
      state.put(i + ".previous", previous.get(i));
    }
    return state;
  }

  private Masks masks() {
    Masks present = masks;
    if (present == null) {
      present = new Masks(deltas);
      masks = present;
      for (Trainable tensor : tensors) {
        NDArray copy = Scope.release(tensor.value().duplicate());
        copy.setRequiresGradient(false);
        previous.add(copy);
      }
    }
    return present;
  }

  @Override
  public Optional<String> unfinished() {
    return Optional.of("LT-SFT's full phases train all entries, and it may be one of theirs");
  }

  @Override
  public void afterTraining() {
    masks().close();
    masks = null;
    previous.forEach(NDArray::close);
    previous.clear();
  }

  @Override
  public void beforeClipping(Step step) {
    Masks present = masks(); // made before the first update
    boolean full = Phases.of(config, step.total()).isFull(step.number() - 1L);
    if (full ? config.fullL1Reg() > 0 : config.sparseL1Reg() > 0) {
      for (DenseDelta delta : deltas) {
        NDArray gradient = step.gradient(delta.delta());
        if (gradient != null) {
          (full ? fullL1 : maskedL1).call(gradient, delta.delta().value()).close();
        }
      }
    }
    if (!full) {
      present.apply(step);
    }
  }

  @Override
  public void afterStep(Step step) {
    Masks present = masks();
    Phases phases = Phases.of(config, step.total());
    long done = step.number() - 1L;
    if (phases.endsFull(done)) {
      present.addLargest(perIteration());
      for (int i = 0; i < tensors.size(); i++) {
        Tensors.copy(tensors.get(i).value(), previous.get(i));
      }
      Masks.forget(step, tensors);
    } else if (phases.endsMasked(done)) {
      for (int i = 0; i < tensors.size(); i++) {
        Tensors.copy(previous.get(i), tensors.get(i).value());
      }
      Masks.forget(step, tensors);
    }
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
