package io.github.peft4j.methods.adaptionprompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.AttentionSite;
import java.util.List;

/**
 * y + g · softmax(q Kpᵀ / √d) Vp, where the layer's own projections map the prompts to keys Kp and
 * values Vp.
 */
final class Prompts {

  private static final Kernel LIKE =
      Kernel.of(
          """
          def like(prompt: Tensor, q: Tensor) -> Tensor:
              return prompt.to(q.dtype)
          """);
  private static final Kernel ATTEND =
      Kernel.of(
          """
          def attend(y: Tensor, q: Tensor, k: Tensor, v: Tensor, gate: Tensor) -> Tensor:
              b = torch.size(q, 0)                               # q (B, H, T, d)
              k = torch.expand(k, [b, -1, -1, -1])               # k, v (1, K, n, d)
              v = torch.expand(v, [b, -1, -1, -1])
              o = torch.scaled_dot_product_attention(q, k, v, None, 0., False, enable_gqa={grouped})
              o = torch.reshape(torch.transpose(o, 1, 2), torch.size(y))
              return torch.add(y, torch.mul(o, gate.to(y.dtype)))
          """);

  private final AttentionSite site;
  private final Trainable prompt;
  private final Trainable gate;
  private final Kernel attend;

  /**
   * Creates prompts of one layer.
   *
   * @param prompt [1, n, D]
   * @param gate [1]
   */
  Prompts(AttentionSite site, Trainable prompt, Trainable gate) {
    this.site = site;
    this.prompt = prompt;
    this.gate = gate;
    AttentionSite.Heads heads = site.heads();
    this.attend = ATTEND.with("grouped", heads.queries() != heads.keyValues());
  }

  /**
   * Adds the gated attention.
   *
   * @param y what it is added to (B, T, H · d)
   * @param query (B, H, T, d)
   */
  NDArray addTo(NDArray y, NDArray query, ForwardContext context) {
    List<NDArray> projected = site.project(LIKE.call(prompt.value(), query), context);
    return attend.call(y, query, projected.get(1), projected.get(2), gate.value());
  }
}
