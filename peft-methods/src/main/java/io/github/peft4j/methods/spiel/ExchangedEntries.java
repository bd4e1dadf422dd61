package io.github.peft4j.methods.spiel;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.methods.common.sparse.SparseEntries;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.OwnOptimizer;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.List;

/**
 * W + S of one weight [rows, columns], whose entries are exchanged. While candidates accumulate
 * gradients, they see the gradient of W + S once the backward pass has left the layer, and it is
 * freed then.
 */
final class ExchangedEntries extends SparseEntries implements OwnOptimizer {

  private static final Kernel RETAIN =
      Kernel.of(
          """
          def retain(w: Tensor) -> Tensor:
              torch.retain_grad(w)
              return w
          """);

  private final Optimizer.Settings optimizer;
  private final Candidates candidates;

  /** W + S of this batch, where it was used outside of the tape. */
  private final List<NDArray> ofHeads = new ArrayList<>();

  ExchangedEntries(
      ParameterSite site,
      int count,
      Initializer initial,
      boolean chosen,
      Optimizer.Settings optimizer) {
    super(site, count, initial, chosen);
    this.optimizer = optimizer;
    this.candidates = new Candidates(this);
  }

  /** The candidates that may be grown. */
  Candidates candidates() {
    return candidates;
  }

  /** The number of rows of the weight, as it is stored. */
  long rows() {
    return site().shape().getShape()[0];
  }

  /** The number of columns of the weight, as it is stored. */
  long columns() {
    return site().shape().getShape()[1];
  }

  /** The tensor of the trained entries [k]. */
  NDArray trained() {
    return places();
  }

  @Override
  public Optimizer.Settings optimizer() {
    return optimizer;
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    NDArray sum = super.forward(frozen, base);
    if (candidates.areOpen() && isTraining(base.context())) {
      Tape tape = base.context().tape();
      if (tape.isWatching()) {
        tape.watch(RETAIN.call(sum), (weight, gradient) -> candidates.see(gradient));
      } else if (Autograd.requiresGradient(sum)) { // in a head, which is no segment of the tape
        ofHeads.add(Scope.release(RETAIN.call(sum)));
      }
    }
    return sum;
  }

  @Override
  public void onTraining(boolean training) {
    for (NDArray sum : ofHeads) {
      try (sum;
          Scope scope = new Scope()) {
        NDArray gradient = Autograd.gradient(sum);
        if (gradient != null) {
          Autograd.without(
              () -> {
                candidates.see(gradient);
                return gradient;
              });
        }
      }
    }
    ofHeads.clear();
  }

  @Override
  public void close() {
    super.close();
    candidates.close();
  }
}
