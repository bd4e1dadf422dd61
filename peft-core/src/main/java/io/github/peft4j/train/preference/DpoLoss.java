package io.github.peft4j.train.preference;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * The losses of {@link Dpo}, under TRL's names. c and r are log (π(y|x) / π_ref(y|x)) of the chosen
 * and the rejected answer, β is {@link Dpo#beta}, σ the logistic function.
 */
public enum DpoLoss {
  /** −log σ(β (c − r)): DPO (Rafailov et al. 2023, arXiv:2305.18290). */
  SIGMOID("-torch.log_sigmoid(margin)"),
  /** The same with c and r divided by the number of the answer's tokens. */
  SIGMOID_NORM("-torch.log_sigmoid(beta * mean_margin)"),
  /** max(0, 1 − β (c − r)): SLiC's loss (Zhao et al. 2023, arXiv:2305.10425). */
  HINGE("torch.relu(1 - margin)"),
  /**
   * (c − r − 1 / 2β)², with c and r divided by the number of the answer's tokens: IPO (Azar et al.
   * 2023, arXiv:2310.12036). β is the paper's τ.
   */
  IPO("torch.pow(mean_margin - 0.5 / beta, 2)"),
  /**
   * (−(1 − ε) log σ(β (c − r)) + ε log σ(−β (c − r))) / (1 − 2ε): robust to labels of which a share
   * ε = {@link Dpo#labelSmoothing} is wrong (Chowdhury et al. 2024, arXiv:2403.00409).
   */
  ROBUST(
      "(epsilon * torch.log_sigmoid(-margin) - (1 - epsilon) * torch.log_sigmoid(margin))"
          + " / (1 - 2 * epsilon)"),
  /**
   * −log σ(β c) − ½ log σ(−β c) − ½ log σ(−β r): noise contrastive alignment (Chen et al. 2024,
   * arXiv:2402.05369).
   */
  NCA_PAIR(
      "-torch.log_sigmoid(beta * chosen) - 0.5 * torch.log_sigmoid(-beta * chosen)"
          + " - 0.5 * torch.log_sigmoid(-beta * rejected)"),
  /**
   * (c − 1 / 2β)² + (r + 1 / 2β)²: self-play preference optimisation with hard labels (Wu et al.
   * 2024, arXiv:2405.00675).
   */
  SPPO_HARD("torch.pow(chosen - 0.5 / beta, 2) + torch.pow(rejected + 0.5 / beta, 2)"),
  /**
   * 1 − σ(β c) + σ(β r): for chosen answers that are better than the model's own (D'Oosterlinck et
   * al. 2024, arXiv:2408.06266).
   */
  APO_ZERO("1 - torch.sigmoid(beta * chosen) + torch.sigmoid(beta * rejected)"),
  /** σ(β c) + 1 − σ(β (c − r)): for chosen answers that are worse than the model's own. */
  APO_DOWN("torch.sigmoid(beta * chosen) + 1 - torch.sigmoid(margin)");

  private final Kernel kernel;

  DpoLoss(String losses) {
    this.kernel =
        Kernel.of(
            """
            def dpo(ratios: Tensor, labels: Tensor) -> Tensor:                # (2, n), (2, n) → scalar
                beta = {beta}
                epsilon = {epsilon}
                chosen = torch.select(ratios, 0, 0)
                rejected = torch.select(ratios, 0, 1)
                margin = beta * (chosen - rejected)
                means = ratios / labels.to(ratios.dtype)
                mean_margin = torch.select(means, 0, 0) - torch.select(means, 0, 1)
                return torch.sum({losses})
            """
                .replace("{losses}", losses));
  }

  /**
   * The sum of the losses of all pairs: a scalar.
   *
   * @param ratios c and r (2, n)
   * @param labels the number of tokens of the answers (2, n)
   */
  NDArray sum(NDArray ratios, NDArray labels, double beta, double epsilon) {
    return kernel.with("beta", beta).with("epsilon", epsilon).call(ratios, labels);
  }
}
