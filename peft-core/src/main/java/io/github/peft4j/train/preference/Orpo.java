package io.github.peft4j.train.preference;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.Arrays;

/**
 * Odds ratio preference optimisation: the model learns the chosen answers and to prefer them, in
 * one training and without a reference (Hong et al. 2024, arXiv:2403.07691). It computes TRL's
 * loss,
 *
 * <p>NLL(x, c) − β mean log σ(log odds(c|x) − log odds(r|x)), with odds(y|x) = P / (1 − P) and P
 * the geometric mean of the probabilities of y's tokens.
 *
 * <p>NLL is the mean over all tokens of the batch's chosen texts, those of prompts included; of an
 * encoder-decoder, over those of the chosen answers. Reported are the means over pairs that {@link
 * Dpo} reports, with rewards of β log P, and {@code nll_loss}, {@code log_odds_ratio} and {@code
 * log_odds_chosen}.
 *
 * @param beta β, above 0: the weight of the odds ratio, the paper's λ
 */
public record Orpo(double beta) implements PairObjective {

  private static final Kernel ODDS =
      Kernel.of(
          """
          def log_odds(logs: Tensor) -> Tensor:                                # log P → log (P / (1 − P))
              far = torch.log1p(-torch.exp(logs))
              near = torch.log(-torch.expm1(logs))
              return logs - torch.where(logs < -0.6931471805599453, far, near)
          def odds(logs: Tensor) -> List[Tensor]:                              # (2, n) → scalars
              odds = log_odds(logs)
              difference = torch.select(odds, 0, 0) - torch.select(odds, 0, 1)
              return [torch.sum(torch.log_sigmoid(difference)), torch.sum(difference)]
          """);

  /** Checks the value. */
  public Orpo {
    Pairs.positive(beta);
  }

  @Override
  public NDArray loss(Outputs outputs) {
    NDArray sums = Pairs.of(outputs.logProbabilities()); // (2, n)
    NDArray logs = sums.div(Pairs.labels(outputs, sums).toType(sums.getDataType(), false));
    NDList odds = ODDS.callForAll(logs);
    Outputs chosen = outputs.labelled(chosen(outputs));
    NDArray nll =
        chosen
            .sum(CrossEntropy.PLAIN)
            .mul((double) outputs.rows() / 2 / Arrays.stream(chosen.labels()).sum());
    Pairs.report(outputs, logs, logs, beta);
    outputs.report("nll_loss", nll);
    outputs.report("log_odds_ratio", odds.get(0));
    outputs.report("log_odds_chosen", odds.get(1));
    return nll.sub(odds.get(0).mul(beta));
  }

  /** The mean over the tokens of a batch weighs each of its pairs by the others. */
  @Override
  public boolean isSumOfExamples() {
    return false;
  }

  /** The tokens of the chosen texts as labels, and none of the rejected ones. */
  private static LossTargets chosen(Outputs outputs) {
    int pairs = (int) outputs.rows() / 2;
    if (outputs.targets() instanceof LossTargets.Tokens written) {
      return new LossTargets.Tokens(chosen(written.classes(), pairs));
    }
    return new LossTargets.NextTokens(chosen(outputs.ids(), pairs));
  }

  private static long[][] chosen(long[][] rows, int pairs) {
    long[][] labels = rows.clone();
    for (int i = pairs; i < labels.length; i++) {
      labels[i] = new long[rows[i].length];
      Arrays.fill(labels[i], LossTargets.IGNORED);
    }
    return labels;
  }

  @Override
  public String toString() {
    return "ORPO with beta " + beta;
  }
}
