package io.github.peft4j.methods.adamix;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.methods.bottleneck.Affine;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.stream.LongStream;

/**
 * M maps x → Wᵢ x + bᵢ in the place of one map of a bottleneck adapter.
 *
 * @param w the Wᵢ [M, out, in]
 * @param b the bᵢ [M, out]
 */
record ExpertMap(Trainable w, Trainable b) implements Affine {

  /** Creates experts with their own initial weights, and a plain map where they share one. */
  static Affine.Source source(Experts experts, Initializer initial) {
    Affine.Source shared = Affine.Dense.source(initial);
    return (module, position, out, in, start, layer) -> {
      boolean one = position == Position.DOWN ? experts.sharingDown() : experts.sharingUp();
      return one
          ? shared.map(module, position, out, in, start, layer)
          : of(
              module,
              Routes.stack(
                  LongStream.range(0, experts.numExperts()).mapToObj(i -> start.apply(out, in))),
              initial.zeros(experts.numExperts(), out),
              layer);
    };
  }

  private static ExpertMap of(String module, NDArray w, NDArray b, Declarations layer) {
    return new ExpertMap(
        layer.trainable(module + ".weight", w), layer.trainable(module + ".bias", b));
  }

  @Override
  public Values of(ForwardContext context, boolean training) {
    if (!training) {
      return new Values(Routes.mean(w.value()), Routes.mean(b.value()));
    }
    NDList drawn = Routes.draw(w.value(), b.value(), context.copies());
    return new Values(drawn.get(0), drawn.get(1));
  }
}
