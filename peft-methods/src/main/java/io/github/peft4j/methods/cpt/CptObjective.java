package io.github.peft4j.methods.cpt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * The mean loss of the text's labels and of the prompt's: Σ_t w_t ℓ_t / N over N labels. With decay
 * γ the weights are 1 for the text, γ for the last example of the prompt, γ² for the one before it,
 * and so on.
 *
 * @param config the prompt
 * @param ofTask the loss of the text's labels
 */
record CptObjective(CptConfig config, Objective ofTask) implements Objective {

  private static final Kernel WEIGHTED_SUM =
      Kernel.of(
          """
          def weighted_sum(losses: Tensor, weights: Tensor) -> Tensor:   # (N), (N) → ()
              return torch.sum(torch.mul(losses, weights.to(losses.dtype)))
          """);

  /** The labels of the prompt [n], and the weight of each place. */
  private record Labels(long[] ids, float[] weights, long count) {}

  /**
   * Of the first token there is no loss, since nothing predicts it; its type counts for the decay
   * only if another token has it too.
   */
  private Labels labels() {
    List<Integer> types = config.types();
    int n = types.size();
    TreeSet<Integer> examples = new TreeSet<>();
    for (int type : types.subList(1, n)) {
      if (TokenType.of(type) == TokenType.LABEL) {
        examples.add(type);
      }
    }
    boolean decays = config.optWeightedLossType() == LossWeighting.DECAY;
    long[] ids = new long[n];
    float[] weights = new float[n];
    long count = 0;
    for (int i = 0; i < n; i++) {
      boolean counts = i > 0 && TokenType.of(types.get(i)) == TokenType.LABEL;
      int later = examples.tailSet(types.get(i), false).size();
      ids[i] = counts ? config.cptTokenIds().get(i) : LossTargets.IGNORED;
      weights[i] = decays ? (float) Math.pow(config.optLossDecayFactor(), later + 1) : 1;
      count += counts ? 1 : 0;
    }
    return new Labels(ids, weights, count);
  }

  @Override
  public NDArray loss(Outputs outputs) {
    Labels labels = labels();
    requireAlone(outputs.pass().virtual());
    long[][] texts = texts(outputs.targets());
    long[][] all = new long[texts.length][];
    List<Float> weights = new ArrayList<>();
    int n = labels.ids().length;
    for (int b = 0; b < texts.length; b++) {
      all[b] = new long[n + texts[b].length];
      System.arraycopy(labels.ids(), 0, all[b], 0, n);
      System.arraycopy(texts[b], 0, all[b], n, texts[b].length);
      for (int t = 0; t < all[b].length; t++) {
        if (all[b][t] != LossTargets.IGNORED) {
          weights.add(t < n ? labels.weights()[t] : 1);
        }
      }
    }
    NDArray losses = outputs.labelled(new LossTargets.NextOfAll(all)).losses(ofLabels());
    float[] factors = new float[weights.size()];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = weights.get(i);
    }
    return WEIGHTED_SUM.call(losses, losses.getManager().create(factors));
  }

  private LabelLoss ofLabels() {
    return ofTask.perLabel().orElse(CrossEntropy.PLAIN);
  }

  private void requireAlone(long virtual) {
    int n = config.cptTokenIds().size();
    if (virtual != n) {
      throw new IllegalArgumentException(
          "%d virtual tokens are in front of a text, but the prompt of CPT has %d: its loss knows the labels of a prompt that stands alone; activate no other prompt beside it"
              .formatted(virtual, n));
    }
  }

  private static long[][] texts(LossTargets targets) {
    if (targets instanceof LossTargets.NextTokens next) {
      return next.tokens();
    }
    throw new IllegalArgumentException(
        "CPT is trained on decoders that continue a text, as in Hugging Face PEFT: load the model"
            + " for CAUSAL_LM, or take prompt tuning");
  }

  @Override
  public void check(EncodedDataset data) {
    int last = config.types().stream().mapToInt(type -> type).max().orElse(0);
    if (last % 4 != 0) {
      throw new IllegalArgumentException(
          "CptConfig: field 'cpt_tokens_type_mask' ends with type %d, which is no label: types of the text are counted on from there, so that none of its labels would have a loss; expected a largest type of 0, 4, 8, …: see CptContext"
              .formatted(last));
    }
    ofTask.check(data);
    if (data.examples().stream().anyMatch(e -> e.alignment() != EncodedExample.Alignment.TOKEN)) {
      texts(new LossTargets.None(1));
    }
  }

  @Override
  public boolean isSumOfExamples() {
    return true;
  }

  @Override
  public double units(int examples, LossTargets.Rows labels) {
    return ofTask.units(examples, labels) + examples * labels().count();
  }

  @Override
  public String toString() {
    return "%s of texts and of the labels of CPT's prompt, weights %s"
        .formatted(
            ofTask,
            config.optWeightedLossType() == LossWeighting.DECAY
                ? "decay by " + config.optLossDecayFactor()
                : "1");
  }
}
