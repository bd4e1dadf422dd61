package io.github.peft4j.train.optimizer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with PyTorch's results. All tensors of a
 * group are updated in one fused call.
 *
 * <p>Its moments take 8 bytes for each trained parameter. They can take about 2, and they can wait
 * in the host's memory:
 *
 * <pre>{@code
 * FineTuner.of(model).optimizer(AdamW.DEFAULT.eightBit())
 * FineTuner.of(model).optimizer(AdamW.DEFAULT.eightBit().paged())
 * }</pre>
 */
public final class AdamW extends GroupedOptimizer {

  /** AdamW with PyTorch's defaults: β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  public static final Settings DEFAULT = new Settings(0.9, 0.999, 1e-8);

  /** Tensors of fewer elements keep moments of 32 bits, as in bitsandbytes. */
  private static final long EIGHT_BIT_FROM = 4096;

  private static final Logger LOG = LoggerFactory.getLogger(AdamW.class);

  private static final Kernel UPDATE =
      Kernel.of(
          """
          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor], rate: float) -> Tensor:
              torch._foreach_add_(s, 1)
              torch._fused_adamw_(p, g, m, v, annotate(List[Tensor], []), s, lr=rate, beta1={beta1}, beta2={beta2}, weight_decay={decay}, eps={epsilon}, amsgrad=False, maximize=False)
              return s[0]
          """);

  /**
   * Zeros in the memory layout of the parameter, also if it is a view, as CUDA's fused calls
   * require.
   */
  private static final Kernel ZEROS =
      Kernel.of(
          """
          def zeros(p: Tensor) -> Tensor:
              return torch.zeros_like(torch.detach(p))
          """);

  private final Settings settings;
  private final EightBitMoments eightBit = new EightBitMoments();

  /**
   * AdamW's settings.
   *
   * @param beta1 decay of the mean of gradients, 0 or more and below 1
   * @param beta2 decay of the mean of their squares, 0 or more and below 1
   * @param epsilon added to the square root, above 0
   * @param eightBitFrom the number of elements, 1 or more, from which a tensor's moments have 8
   *     bits; empty if none have
   * @param isPaged whether moments of large tensors wait in the host's memory
   */
  public record Settings(
      double beta1, double beta2, double epsilon, OptionalLong eightBitFrom, boolean isPaged)
      implements Optimizer.Settings {

    /** Checks the values. */
    public Settings {
      checkMoments("AdamW", beta1, beta2, epsilon);
      if (eightBitFrom.isPresent() && eightBitFrom.getAsLong() < 1) {
        throw new IllegalArgumentException(
            "eightBit(%d): expected 1 element or more".formatted(eightBitFrom.getAsLong()));
      }
    }

    /** Settings with moments of 32 bits, on the device. */
    public Settings(double beta1, double beta2, double epsilon) {
      this(beta1, beta2, epsilon, OptionalLong.empty(), false);
    }

    /**
     * A copy in which moments have 8 bits, in blocks of 256, as those of bitsandbytes' AdamW8bit.
     * Tensors of less than 4096 elements keep 32 bits.
     */
    public Settings eightBit() {
      return eightBit(EIGHT_BIT_FROM);
    }

    /**
     * A copy in which moments have 8 bits, in blocks of 256.
     *
     * @param from the number of elements, 1 or more, from which a tensor has such moments;
     *     bitsandbytes calls it {@code min_8bit_size}
     */
    public Settings eightBit(long from) {
      return new Settings(beta1, beta2, epsilon, OptionalLong.of(from), isPaged);
    }

    /**
     * A copy in which the moments of tensors of 100,000 elements or more wait in the host's memory.
     * For each update they come to the GPU and go back, some at a time. Results are the same. On a
     * CPU it does nothing.
     */
    public Settings paged() {
      return new Settings(beta1, beta2, epsilon, eightBitFrom, true);
    }

    @Override
    public AdamW of(Map<Trainable, ParameterGroup> tensors, double learningRate) {
      Device device =
          tensors.keySet().stream()
              .findFirst()
              .map(tensor -> tensor.value().getDevice())
              .orElse(Device.cpu());
      if (isPaged && !device.isGpu()) {
        LOG.info("AdamW is paged, but on the CPU its moments need not be moved");
      }
      if (eightBitFrom.isPresent()) {
        sayWhich(tensors.keySet());
      }
      return new AdamW(
          this, tensors, learningRate, isPaged && device.isGpu() ? Paging.usual() : null);
    }

    private void sayWhich(Set<Trainable> tensors) {
      long eight = tensors.stream().filter(this::hasEightBits).count();
      LOG.info(
          "AdamW's moments have 8 bits for {} of {} tensors, and 32 for those of less than {} elements,"
              + " and of other types than float32",
          eight,
          tensors.size(),
          eightBitFrom.getAsLong());
    }

    private boolean hasEightBits(Trainable tensor) {
      return eightBitFrom.isPresent()
          && tensor.size() >= eightBitFrom.getAsLong()
          && EightBitMoments.fit(tensor);
    }

    /** Says all that results depend on: paging is not among it. */
    @Override
    public String toString() {
      String moments =
          eightBitFrom.isPresent()
              ? ", moments of 8 bits from %d elements on".formatted(eightBitFrom.getAsLong())
              : "";
      return "AdamW with beta1 %s, beta2 %s, epsilon %s%s"
          .formatted(beta1, beta2, epsilon, moments);
    }
  }

  AdamW(
      Settings settings,
      Map<Trainable, ParameterGroup> tensors,
      double learningRate,
      @Nullable Paging paging) {
    super(
        tensors,
        learningRate,
        tensor -> settings.hasEightBits(tensor) ? EightBitMoments.fresh(tensor) : fresh(tensor),
        settings::hasEightBits,
        paging);
    this.settings = settings;
  }

  private static Map<String, NDArray> fresh(Trainable tensor) {
    NDArray value = tensor.value();
    Map<String, NDArray> slot = new LinkedHashMap<>();
    slot.put("exp_avg", Scope.release(ZEROS.call(value)));
    slot.put("exp_avg_sq", Scope.release(ZEROS.call(value)));
    slot.put("step", Scope.release(value.getManager().zeros(new Shape(), DataType.FLOAT32)));
    return slot;
  }

  /**
   * AdamW with PyTorch's defaults that trains all tensors alike.
   *
   * @param tensors the tensors to update
   * @param weightDecay decoupled weight decay, 0 or more; PyTorch's default is 0.01
   */
  public static AdamW of(List<Trainable> tensors, double weightDecay) {
    ParameterGroup alike = new ParameterGroup(1, weightDecay);
    Map<Trainable, ParameterGroup> groups = new LinkedHashMap<>();
    tensors.forEach(tensor -> groups.put(tensor, alike));
    return DEFAULT.of(groups, alike.learningRate());
  }

  @Override
  BoundUpdate bind(Group group, Members members) {
    if (group.kind().equals(true)) {
      return eightBit.bind(settings, group.decay(), members);
    }
    return BoundUpdate.of(
        UPDATE
            .with("beta1", settings.beta1())
            .with("beta2", settings.beta2())
            .with("epsilon", settings.epsilon())
            .with("decay", group.decay())
            .bind(
                members.values(),
                members.gradients(),
                members.states("exp_avg"),
                members.states("exp_avg_sq"),
                members.states("step")));
  }

  @Override
  public void close() {
    super.close();
    eightBit.close();
  }
}
