package io.github.peft4j.adapter;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.HashSet;
import java.util.Set;

/** Keeps merged weights as the frozen ones were kept, in fewer bits, and adds up the errors. */
final class Requantization {

  private static final Kernel SQUARES =
      Kernel.of(
          """
          def squares(w: Tensor, q: Tensor) -> Tensor:
              x = w.to(7)
              lost = torch.sum(torch.square(torch.sub(x, q.to(7))))
              return torch.stack([lost, torch.sum(torch.square(x))]).to(6)
          """);

  private final TransformerModel model;
  private final Set<ParameterSite> transposed = new HashSet<>();
  private int matrices;
  private double lost;
  private double whole;
  private double largest;
  private String largestAt = "";

  Requantization(TransformerModel model) {
    this.model = model;
    model
        .sites()
        .filter(LinearSite.class::isInstance)
        .map(LinearSite.class::cast)
        .filter(LinearSite::isTransposed)
        .forEach(site -> transposed.add(site.weight()));
  }

  /**
   * A matrix in fewer bits, which the caller closes.
   *
   * @throws IllegalArgumentException naming the weight, if it cannot be kept so
   */
  FrozenMatrix store(ParameterSite parameter, NDArray merged, Quantization quantization) {
    FrozenMatrix matrix;
    try {
      matrix = quantization.store(merged, transposed.contains(parameter), model.precision());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "%s: %s, with the adapters merged: %s"
              .formatted(model.config().source(), parameter.name(), e.getMessage()),
          e);
    }
    try (Scope scope = new Scope()) {
      float[] squares = Tensors.floats(SQUARES.call(merged, matrix.dense()));
      add(parameter.name(), squares[0], squares[1]);
    }
    return matrix;
  }

  private void add(String name, double lostHere, double wholeHere) {
    matrices++;
    lost += lostHere;
    whole += wholeHere;
    double error = relative(lostHere, wholeHere);
    if (largestAt.isEmpty() || error > largest) {
      largest = error;
      largestAt = name;
    }
  }

  private static double relative(double lost, double whole) {
    return whole == 0 ? 0 : Math.sqrt(lost / whole);
  }

  QuantizationError error() {
    return new QuantizationError(matrices, relative(lost, whole), largest, largestAt);
  }
}
