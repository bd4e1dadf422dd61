package io.github.peft4j.methods.attentionfusion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.StackStates;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention over the states h₀, …, h_L of a token:
 *
 * <pre>
 * vₗ = norm(hₗ)
 * α  = softmax(q · v₀, …, q · v_L)
 * y  = Σ αₗ vₗ
 * </pre>
 */
final class LayerFusion extends TunerLayer<NDArray, StackStates> {

  private static final Kernel NORMED =
      Kernel.of(
          """
          def normed(states: List[Tensor], weight: List[Tensor], bias: List[Tensor]) -> Tensor:
              h = torch.stack(states, 2)                                # L + 1 of (B, T, D) → (B, T, L + 1, D)
              w = weight[0].to(h.dtype)
              return torch.layer_norm(h, [torch.size(h, -1)], w, bias[0].to(h.dtype), 1e-05)
          """);
  private static final Kernel FUSED =
      Kernel.of(
          """
          def fused(v: Tensor, query: Tensor) -> Tensor:                # (B, T, L + 1, D), (D)
              alpha = torch.softmax(torch.matmul(v, query.to(v.dtype)), -1)
              return torch.squeeze(torch.matmul(torch.unsqueeze(alpha, -2), v), -2)
          """);

  private final Trainable query;
  private final Trainable weight;
  private final Trainable bias;
  private final int first;
  private final double dropout;

  /** Creates a layer whose output starts as the mean of the normalised states. */
  LayerFusion(AttentionFusionConfig config, long dimension, Initializer initial) {
    this.query = trainable("fusion.query", initial.zeros(dimension));
    this.weight = trainable("fusion.norm.weight", initial.filled(1, dimension));
    this.bias = trainable("fusion.norm.bias", initial.zeros(dimension));
    this.first = config.includeEmbeddings() ? 0 : 1;
    this.dropout = config.dropout();
  }

  @Override
  public StackStates forward(NDArray x, Forward<NDArray, StackStates> base) { // x (B, n + T, D)
    StackStates stack = base.forward(x);
    Tape tape = base.context().tape();
    List<NDArray> others = new ArrayList<>();
    int last = stack.states().size() - 1;
    stack.states().subList(first, last).forEach(state -> others.add(tape.share(state)));
    boolean drops = dropout > 0 && isTraining(base.context());
    return stack.with(
        tape.segment(
            stack.states().get(last),
            trains(),
            h -> {
              NDList states = new NDList(others);
              states.add(h);
              NDArray v =
                  NORMED
                      .callWithLists(states, new NDList(weight.value()), new NDList(bias.value()))
                      .singletonOrThrow();
              return FUSED.call(drops ? Dropout.of(dropout).call(v) : v, query.value());
            }));
  }
}
