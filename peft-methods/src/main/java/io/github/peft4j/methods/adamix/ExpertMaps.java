package io.github.peft4j.methods.adamix;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.methods.bottleneck.Affine;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.function.BiFunction;
import java.util.stream.LongStream;

/**
 * Creates the maps of bottleneck adapters: M in the place of one, each with initial weights of its
 * own, and plain maps where the experts share one.
 */
record ExpertMaps(Experts experts, Initializer initial) implements Affine.Source {

  /**
   * M maps x → Wᵢ x + bᵢ.
   *
   * @param w the Wᵢ [M, out, in]
   * @param b the bᵢ [M, out]
   */
  private record ExpertMap(Trainable w, Trainable b) implements Affine {

    @Override
    public Values of(ForwardContext context, boolean training) {
      if (!training) {
        return new Values(Routes.mean(w.value()), Routes.mean(b.value()));
      }
      NDList drawn = Routes.draw(w.value(), b.value(), context.copies());
      return new Values(drawn.get(0), drawn.get(1));
    }
  }

  @Override
  public Affine.Source at(String site) {
    return new ExpertMaps(experts, initial.at(site));
  }

  @Override
  public Affine map(
      String module,
      Affine.Position position,
      long out,
      long in,
      BiFunction<Long, Long, NDArray> start,
      Declarations layer) {
    boolean down = position == Affine.Position.DOWN;
    if (down ? experts.sharingDown() : experts.sharingUp()) {
      return Affine.Dense.source(initial).map(module, position, out, in, start, layer);
    }
    int count = experts.numExperts();
    Initializer.count(count, out, in); // refuses what no array can hold
    NDArray w = Routes.stack(LongStream.range(0, count).mapToObj(i -> start.apply(out, in)));
    NDArray b = initial.zeros(count, out);
    return new ExpertMap(
        layer.trainable(module + ".weight", w), layer.trainable(module + ".bias", b));
  }

  @Override
  public Objective objective(Objective ofTask) {
    return experts.objective(ofTask);
  }
}
