package io.github.peft4j.methods.shira;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Arrays;

/** W + S, where S has k trained elements at the places [2, k], rows above columns. */
final class SparseDelta extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(w: Tensor, values: Tensor, places: Tensor) -> Tensor:          # values (k)
              rows = torch.to(torch.select(places, 0, 0), 4)
              columns = torch.to(torch.select(places, 0, 1), 4)
              flat = torch.add({first}, {second}, alpha=torch.size(w, 1))
              sum = torch.index_add(torch.reshape(w, [-1]), 0, flat, values.to(w.dtype))
              return torch.reshape(sum, torch.size(w))
          """);
  private static final Kernel PLAIN = ADD.with("first", "columns").with("second", "rows");
  private static final Kernel TRANSPOSED = ADD.with("first", "rows").with("second", "columns");

  private final Trainable values;
  private final Trainable places;
  private final Kernel add;

  SparseDelta(LinearSite site, ShiraConfig config, Initial initial) {
    long in = site.inFeatures();
    long out = site.outFeatures();
    int count = Math.toIntExact(config.r() * (in + out));
    if (count > in * out) {
      throw new IllegalArgumentException(
          "ShiraConfig: field 'r' is "
              + config.r()
              + "; expected fewer elements than the "
              + in * out
              + " of "
              + site.name()
              + ", but that would be "
              + count);
    }
    this.values =
        trainable(
            "shira_weight", config.initWeights() ? initial.zeros(count) : initial.normal(1, count));
    Integer said = config.randomSeed();
    long seed = said == null ? initial.random().nextLong() >>> 1 : said;
    long[] chosen = Arrays.copyOf(new TorchRandom(seed).permutation(in * out), count);
    Arrays.sort(chosen);
    int[] pairs = new int[2 * count];
    for (int i = 0; i < count; i++) {
      pairs[i] = (int) (chosen[i] / in);
      pairs[count + i] = (int) (chosen[i] % in);
    }
    this.places =
        buffer("shira_indices", values.value().getManager().create(pairs, new Shape(2, count)));
    this.add = site.isTransposed() ? TRANSPOSED : PLAIN;
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return add.call(base.forward(frozen), values.value(), places.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return add.call(weight, values.value(), places.value());
  }
}
