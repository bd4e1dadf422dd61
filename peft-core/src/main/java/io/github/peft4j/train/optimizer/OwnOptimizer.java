package io.github.peft4j.train.optimizer;

import io.github.peft4j.tuner.TunerLayer;
import java.util.List;
import java.util.stream.Stream;

/**
 * A layer of a method that is trained with an optimizer of its own. Trainings for which no other
 * optimizer is set take it.
 */
public interface OwnOptimizer {

  /** The method's optimizer; the same for all layers of an adapter. */
  Optimizer.Settings optimizer();

  /**
   * The optimizer of an adapter's methods, or AdamW with PyTorch's settings.
   *
   * @param layers of the adapter
   * @throws IllegalArgumentException if two methods of the adapter have different ones
   */
  static Optimizer.Settings of(Stream<? extends TunerLayer<?, ?>> layers) {
    List<Optimizer.Settings> all =
        layers
            .filter(OwnOptimizer.class::isInstance)
            .map(layer -> ((OwnOptimizer) layer).optimizer())
            .distinct()
            .toList();
    if (all.size() > 1) {
      throw new IllegalArgumentException(
          "the methods of the adapter have optimizers of their own: %s; choose one with optimizer(…)"
              .formatted(all));
    }
    return all.isEmpty() ? AdamW.DEFAULT : all.get(0);
  }
}
