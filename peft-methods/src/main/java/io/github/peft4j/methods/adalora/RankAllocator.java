package io.github.peft4j.methods.adalora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Gives ranks to modules (section 3.2 of the paper). The importance of an element p with gradient g
 * is the mean I of |p g| over the steps, times the mean U of ||p g| - I|; that of rank i is the sum
 * of those of E_i and of the means over A_i and B_i. At step t of T the budget of all modules is
 *
 * <pre>b = target + (first - target) (1 - (t - tinit) / (T - tfinal - tinit))³</pre>
 *
 * <p>and ranks beyond it, the least important of all, have their E_i set to zero.
 */
final class RankAllocator implements StepListener {

  private static final int UNDECIDED = -1;

  private static final Kernel TRACK =
      Kernel.of(
          """
          def track(p: List[Tensor], g: List[Tensor], mean: List[Tensor], spread: List[Tensor]) -> Tensor:  # of any device
              now = torch._foreach_mul(p, g)
              torch._foreach_abs_(now)
              torch._foreach_mul_(mean, {beta1})
              torch._foreach_add_(mean, now, alpha=1 - {beta1})
              away = torch._foreach_sub(now, mean)
              torch._foreach_abs_(away)
              torch._foreach_mul_(spread, {beta2})
              torch._foreach_add_(spread, away, alpha=1 - {beta2})
              return mean[0]
          """);
  private static final Kernel MASK =
      Kernel.of(
          """
          def mask(e: List[Tensor], kept: List[Tensor]) -> Tensor:  # of any device
              torch._foreach_mul_(e, kept)
              return e[0]
          """);
  private static final Kernel SCORE =
      Kernel.of(
          """
          def score(mean: Tensor, spread: Tensor) -> Tensor:           # of each rank
              return torch.mean(torch.mul(mean, spread), [{dimension}])
          """);
  private static final Kernel SCORE_ROWS = SCORE.with("dimension", 1);
  private static final Kernel SCORE_COLUMNS = SCORE.with("dimension", 0);

  private final AdaLoraConfig config;
  private final List<AdaLoraLinear> layers;
  private final Map<Trainable, Track> tracks = new LinkedHashMap<>();
  private final List<NDArray> ranks = new ArrayList<>();
  private final List<NDArray> gradients = new ArrayList<>();
  private @Nullable BoundKernel track;
  private @Nullable BoundKernel mask;

  /** I and U of one tensor. */
  private record Track(NDArray mean, NDArray spread) {}

  RankAllocator(AdaLoraConfig config, List<AdaLoraLinear> layers) {
    this.config = config;
    this.layers = List.copyOf(layers);
  }

  /**
   * I and U of each tensor, and the kept ranks of each layer (r): 1 for a kept rank, 0 for a pruned
   * one, {@value #UNDECIDED} before the first reduction.
   */
  @Override
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    for (int i = 0; i < layers.size(); i++) {
      for (Trainable tensor : tensors(layers.get(i))) {
        Track means = trackOf(tensor);
        state.put(i + "." + tensor.key() + ".mean", means.mean());
        state.put(i + "." + tensor.key() + ".spread", means.spread());
      }
      state.put(i + ".kept", ranksOf(i));
    }
    return state;
  }

  @Override
  public void resumed(int step, int totalSteps) {
    for (int i = 0; i < layers.size(); i++) {
      float[] values = Tensors.floats(ranksOf(i));
      boolean[] kept = new boolean[values.length];
      for (int rank = 0; rank < kept.length; rank++) {
        kept[rank] = values[rank] == 1;
      }
      layers.get(i).resume(values[0] == UNDECIDED ? null : kept, totalSteps);
    }
  }

  @Override
  public void afterTraining() {
    unbind();
    state().values().forEach(NDArray::close);
    tracks.clear();
    ranks.clear();
  }

  private static List<Trainable> tensors(AdaLoraLinear layer) {
    return List.of(layer.a(), layer.e(), layer.b());
  }

  private Track trackOf(Trainable tensor) {
    return tracks.computeIfAbsent(
        tensor,
        t -> new Track(Scope.release(t.value().zerosLike()), Scope.release(t.value().zerosLike())));
  }

  private NDArray ranksOf(int layer) {
    if (ranks.isEmpty()) {
      for (AdaLoraLinear l : layers) {
        try (NDArray zeros = l.e().value().zerosLike()) {
          ranks.add(Scope.release(zeros.add(UNDECIDED)));
        }
      }
    }
    return ranks.get(layer);
  }

  @Override
  public void afterStep(Step now) {
    int step = now.number();
    int totalSteps = now.total();
    Integer said = config.totalStep();
    int end = (said != null ? said : totalSteps) - config.tfinal();
    requireSteps(end);
    layers.forEach(layer -> layer.plannedSteps(totalSteps));
    if (step < end) {
      track();
      if (step > config.tinit() && step % config.deltaT() == 0) {
        reduce(budget(step, end));
      }
    } else if (step == end) {
      reduce(config.targetR() * layers.size());
    } else if (layers.stream().allMatch(layer -> layer.kept() != null)) {
      mask();
    }
  }

  /** Ranks are chosen by the importance that earlier steps measured. Without it, all would be 0. */
  private void requireSteps(int end) {
    int least = Math.max(2, config.tinit() + 1);
    if (end < least) {
      throw new IllegalArgumentException(
          "AdaLoraConfig: ranks are chosen at step "
              + end
              + ", which is that of the last step less tfinal "
              + config.tfinal()
              + "; expected step "
              + least
              + " or later, after tinit "
              + config.tinit()
              + " and a step that measures importance: train longer, or set smaller tinit and"
              + " tfinal");
    }
  }

  private int first() {
    return layers.stream().mapToInt(layer -> (int) layer.e().size()).sum();
  }

  private int budget(int step, int end) {
    int target = config.targetR() * layers.size();
    double left = 1 - (double) (step - config.tinit()) / (end - config.tinit());
    return (int) ((first() - target) * Math.pow(left, 3) + target);
  }

  private void track() {
    if (track == null) {
      NDList p = new NDList();
      NDList mean = new NDList();
      NDList spread = new NDList();
      for (AdaLoraLinear layer : layers) {
        for (Trainable tensor : tensors(layer)) {
          NDArray gradient = Autograd.gradient(tensor.value());
          if (gradient != null) {
            gradients.add(Scope.release(gradient));
            p.add(tensor.value());
            mean.add(trackOf(tensor).mean());
            spread.add(trackOf(tensor).spread());
          }
        }
      }
      if (p.isEmpty()) {
        return;
      }
      track =
          TRACK
              .with("beta1", config.beta1())
              .with("beta2", config.beta2())
              .bind(p, new NDList(gradients), mean, spread);
    }
    track.call().close();
    if (gradients.size() < 3 * layers.size()) {
      unbind(); // a gradient may reach the others later
    }
  }

  /** Sets E of pruned ranks to zero again, because the optimizer's momentum moves it. */
  private void mask() {
    if (mask == null) {
      NDList e = new NDList();
      NDList kept = new NDList();
      for (int i = 0; i < layers.size(); i++) {
        e.add(layers.get(i).e().value());
        kept.add(ranksOf(i));
      }
      mask = MASK.bind(e, kept);
    }
    mask.call().close();
  }

  private void unbind() {
    if (track != null) {
      track.close();
      track = null;
    }
    if (mask != null) {
      mask.close();
      mask = null;
    }
    gradients.forEach(NDArray::close);
    gradients.clear();
  }

  private void reduce(int budget) {
    float[][] scores = new float[layers.size()][];
    int[] place = {0};
    float[] all = new float[first()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = scores(layers.get(i));
      System.arraycopy(scores[i], 0, all, place[0], scores[i].length);
      place[0] += scores[i].length;
    }
    Arrays.sort(all);
    int dropped = all.length - budget;
    float threshold = dropped > 0 ? all[dropped - 1] : Float.NEGATIVE_INFINITY;
    for (int i = 0; i < scores.length; i++) {
      boolean[] kept = new boolean[scores[i].length];
      for (int rank = 0; rank < kept.length; rank++) {
        kept[rank] = scores[i][rank] > threshold;
      }
      layers.get(i).keep(kept);
      remember(i, kept);
    }
  }

  private void remember(int layer, boolean[] kept) {
    float[] values = new float[kept.length];
    for (int rank = 0; rank < kept.length; rank++) {
      values[rank] = kept[rank] ? 1 : 0;
    }
    NDArray memory = ranksOf(layer);
    try (NDArray now = memory.getManager().create(values, memory.getShape())) {
      Tensors.copy(memory, now);
    }
  }

  private float[] scores(AdaLoraLinear layer) {
    float[] sum = score(layer.e(), SCORE_ROWS);
    float[] rows = score(layer.a(), SCORE_ROWS);
    float[] columns = score(layer.b(), SCORE_COLUMNS);
    for (int i = 0; i < sum.length; i++) {
      sum[i] += rows[i] + columns[i];
    }
    return sum;
  }

  private float[] score(Trainable tensor, Kernel kernel) {
    Track means = trackOf(tensor);
    try (Scope scope = new Scope()) {
      return Tensors.floats(kernel.call(means.mean(), means.spread()));
    }
  }
}
