package io.github.peft4j.methods.ipt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;

/** W₁ relu(W₀ s̄ + b₀) + b₁ as n vectors, of the mean s̄ of the frozen model's states. */
final class PooledStates implements PromptSource {

  private static final Kernel PROMPTS =
      Kernel.of(
          """
          def prompts(states: Tensor, given: Tensor, w0: Tensor, b0: Tensor, w1: Tensor, b1: Tensor) -> Tensor:
              counts = torch.unsqueeze(given, -1).to(w0.dtype)               # (B, T, 1)
              total = torch.sum(torch.mul(states.to(w0.dtype), counts), 1)   # (B, D)
              mean = torch.div(total, torch.clamp(torch.sum(counts, 1), 1))  # 0 if no token is given
              h = torch.relu(torch.linear(mean, w0, b0))                     # (B, h)
              return torch.reshape(torch.linear(h, w1, b1), [torch.size(h, 0), {n}, -1])
          """);

  private final Kernel prompts;
  private final Trainable w0;
  private final Trainable b0;
  private final Trainable w1;
  private final Trainable b1;

  /**
   * Creates a network.
   *
   * @param states D, the length of a state
   * @param n number of vectors
   * @param d the length of a vector
   * @param hidden h
   */
  PooledStates(long states, long n, long d, long hidden, Initializer initial, Declarations layer) {
    String key = "prompt_encoder.mlp_head.";
    this.prompts = PROMPTS.with("n", n);
    this.w0 = layer.trainable(key + "0.weight", initial.kaimingUniform(hidden, states));
    this.b0 =
        layer.trainable(key + "0.bias", initial.uniform(1 / Math.sqrt((double) states), hidden));
    this.w1 = layer.trainable(key + "2.weight", initial.kaimingUniform(n * d, hidden));
    this.b1 =
        layer.trainable(key + "2.bias", initial.uniform(1 / Math.sqrt((double) hidden), n * d));
  }

  @Override
  public NDArray prompts(ForwardContext context, boolean training) {
    NDArray ids = context.ids();
    NDArray given = context.given();
    return prompts.call(
        context.frozenStates(),
        given == null ? Tensors.onesLike(ids) : given,
        w0.value(),
        b0.value(),
        w1.value(),
        b1.value());
  }
}
