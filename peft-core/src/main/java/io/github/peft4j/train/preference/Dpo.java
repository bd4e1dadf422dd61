package io.github.peft4j.train.preference;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Direct preference optimisation: the model learns to prefer one answer to another, measured
 * against a reference (Rafailov et al. 2023, arXiv:2305.18290). It computes TRL's losses.
 *
 * <pre>{@code
 * FineTuner.of(model).on(preferences).objective(new Dpo(0.1)).learningRate(1e-5).run();
 * }</pre>
 *
 * <p>The reference is the frozen model without adapters, so that no second model is loaded. It
 * computes each batch once more, without gradients. Reported are the means over pairs of {@code
 * rewards/chosen}, {@code rewards/rejected}, {@code rewards/accuracies}, {@code rewards/margins},
 * {@code logps/chosen} and {@code logps/rejected}; a reward is β log (π(y|x) / π_ref(y|x)).
 *
 * @param beta β, above 0: how strongly the model is held at the reference
 * @param type the loss of a pair
 * @param labelSmoothing ε in [0, 0.5), the share of pairs that are the wrong way round; for {@link
 *     DpoLoss#ROBUST} alone
 * @param reference the reference, such as a view of the adapter that training started from; null
 *     for the frozen model
 * @param referenceFree whether π_ref is 1 instead
 */
public record Dpo(
    double beta,
    DpoLoss type,
    double labelSmoothing,
    @Nullable AdaptedModel reference,
    boolean referenceFree)
    implements PairObjective {

  /** Checks the values. */
  public Dpo {
    Pairs.positive(beta);
    if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) {
      throw new IllegalArgumentException(
          "labelSmoothing is " + labelSmoothing + ", expected in [0, 0.5)");
    }
    if (labelSmoothing > 0 && type != DpoLoss.ROBUST) {
      throw new IllegalArgumentException(
          "labelSmoothing does nothing with the loss " + type + "; it is for ROBUST");
    }
    if (referenceFree && reference != null) {
      throw new IllegalArgumentException("referenceFree() leaves the reference out: choose one");
    }
  }

  /** DPO's own loss, against the frozen model. */
  public Dpo(double beta) {
    this(beta, DpoLoss.SIGMOID, 0, null, false);
  }

  /** A copy with another loss. */
  public Dpo type(DpoLoss type) {
    return new Dpo(beta, type, labelSmoothing, reference, referenceFree);
  }

  /** A copy with label smoothing. */
  public Dpo labelSmoothing(double labelSmoothing) {
    return new Dpo(beta, type, labelSmoothing, reference, referenceFree);
  }

  /**
   * A copy with another reference. Its adapters must not be trained: if the trained adapter was one
   * that had been trained before, load that one a second time, frozen, and take {@code
   * model.using(name)} of it.
   */
  public Dpo reference(AdaptedModel reference) {
    return new Dpo(beta, type, labelSmoothing, reference, referenceFree);
  }

  /** A copy without a reference: the pass over it is saved. */
  public Dpo withoutReference() {
    return new Dpo(beta, type, labelSmoothing, null, true);
  }

  @Override
  public NDArray loss(Outputs outputs) {
    NDArray logs = Pairs.of(outputs.logProbabilities()); // (2, n)
    NDArray ratios =
        referenceFree ? logs : logs.sub(Pairs.of(reference(outputs).logProbabilities()));
    Pairs.report(outputs, logs, ratios, beta);
    return type.sum(ratios, Pairs.labels(outputs, logs), beta, labelSmoothing);
  }

  private Outputs reference(Outputs outputs) {
    if (reference == null) {
      return outputs.reference();
    }
    Outputs fixed = outputs.by(reference);
    if (fixed.pass().adapters().all().stream().anyMatch(TunerLayer::trains)) {
      throw new IllegalArgumentException(
          "the reference "
              + reference
              + " has an adapter that is trained, so that it would change with every step. Load that adapter a second time, freeze it, and take model.using(its name)");
    }
    return fixed;
  }

  @Override
  public String toString() {
    return "DPO with beta %s, %s loss%s and %s"
        .formatted(
            beta,
            type.name().toLowerCase(Locale.ROOT),
            labelSmoothing > 0 ? ", label smoothing " + labelSmoothing : "",
            referenceFree
                ? "no reference"
                : reference == null ? "the frozen model as reference" : "reference " + reference);
  }
}
