package io.github.peft4j.transformer.loss;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.cuda.CrossEntropyText;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Cross entropy, as PyTorch's {@code cross_entropy} computes it: −w_y · ((1 − ε) log p_y + ε/V Σ_v
 * w_v/w_y log p_v).
 *
 * @param weights w, a weight above or equal to 0 for each of V classes; empty for 1 each. The mean
 *     is divided by the sum of the weights of the labels
 * @param smoothing ε in [0, 1): how much of a label is spread over all classes (Szegedy et al.
 *     2016, arXiv:1512.00567)
 */
public record CrossEntropy(List<Double> weights, double smoothing) implements Losses.AnyPrecision {

  /** Neither weights nor smoothing. */
  public static final CrossEntropy PLAIN = new CrossEntropy(List.of(), 0);

  private static final Kernel CROSS_ENTROPY =
      Kernel.of(
              """
              def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:   # (N, V), (N) → (N)
                  dtype = 6
                  if logits.dtype == 7:
                      dtype = 7
                  return torch.nll_loss_nd(torch.log_softmax(logits, -1, dtype), targets, None, 0, -100)
              """)
          .cuda(CrossEntropyText.FORWARD);
  private static final Kernel IN_PLACE =
      Kernel.of(
              """
              def in_place(logits: Tensor, targets: Tensor, scale: Tensor) -> Tensor:
                  dtype = 6
                  if logits.dtype == 7:
                      dtype = 7
                  slopes = torch.log_softmax(logits, -1, dtype)
                  losses = torch.nll_loss_nd(slopes, targets, None, 0, -100)
                  labels = torch.unsqueeze(targets, 1)
                  counts = torch.ne(labels, -100).to(dtype)
                  _0 = torch.exp_(slopes)
                  _1 = torch.scatter_add_(slopes, 1, torch.clamp(labels, 0), torch.neg(counts))
                  _2 = torch.mul_(slopes, torch.mul(counts, scale))
                  _3 = torch.copy_(logits, slopes)
                  return losses
              """)
          .cuda(CrossEntropyText.IN_PLACE);
  private static final Kernel WEIGHTED =
      Kernel.of(
          """
          def weighted(logits: Tensor, targets: Tensor) -> Tensor:        # (N, V), (N) → (N)
              dtype = 6
              if logits.dtype == 7:
                  dtype = 7
              weights = torch.tensor({weights}, dtype=dtype, device=logits.device)
              logs = torch.log_softmax(logits, -1, dtype)
              label = torch.nll_loss_nd(logs, targets, weights, 0, -100)
              spread = torch.neg(torch.mean(torch.mul(logs, weights), [-1]))
              return torch.add(torch.mul(label, 1.0 - {smoothing}), spread, alpha={smoothing})
          """);
  private static final Kernel SMOOTHED =
      Kernel.of(
          """
          def smoothed(logits: Tensor, targets: Tensor) -> Tensor:        # (N, V), (N) → (N)
              dtype = 6
              if logits.dtype == 7:
                  dtype = 7
              logs = torch.log_softmax(logits, -1, dtype)
              label = torch.nll_loss_nd(logs, targets, None, 0, -100)
              spread = torch.neg(torch.mean(logs, [-1]))
              return torch.add(torch.mul(label, 1.0 - {smoothing}), spread, alpha={smoothing})
          """);

  /** Checks the values and copies the weights. */
  public CrossEntropy {
    weights = List.copyOf(weights);
    if (!(smoothing >= 0 && smoothing < 1)) {
      throw new IllegalArgumentException("labelSmoothing is " + smoothing + ", expected in [0, 1)");
    }
    for (double weight : weights) {
      if (!(weight >= 0) || !Double.isFinite(weight)) {
        throw new IllegalArgumentException(
            "classWeights are " + weights + ", expected finite numbers from 0 on");
      }
    }
    if (!weights.isEmpty() && weights.stream().allMatch(weight -> weight == 0)) {
      throw new IllegalArgumentException("classWeights are all 0; expected one above 0 at least");
    }
  }

  /** The same with smoothing ε in [0, 1). */
  public CrossEntropy smoothing(double smoothing) {
    return new CrossEntropy(weights, smoothing);
  }

  /** The same with a weight for each class, in the order of the classes. */
  public CrossEntropy weights(List<Double> weights) {
    return new CrossEntropy(weights, smoothing);
  }

  /**
   * The losses, plain, without weights and smoothing. The gradient of their sum, times a factor,
   * takes the place of the logits, which saves its memory and a pass over them.
   *
   * @param logits (N, V); no gradient is recorded
   * @param targets classes (N) from 0 to V − 1, as 64-bit integers; those that are −100 have
   *     neither a loss nor a gradient
   * @param scale the factor, a 32-bit scalar on the same device
   * @return the losses (N) in 32 bits, or in the logits' 64
   */
  public static NDArray inPlace(NDArray logits, NDArray targets, NDArray scale) {
    return Autograd.without(() -> IN_PLACE.call(logits, targets, scale));
  }

  @Override
  public NDArray of(NDArray logits, NDArray targets) {
    if (!weights.isEmpty()) {
      long classes = logits.getShape().get(1);
      if (classes != weights.size()) {
        throw new IllegalArgumentException(
            "classWeights are %d numbers, but the model has %d classes; give one for each"
                .formatted(weights.size(), classes));
      }
      String all =
          weights.stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
      return WEIGHTED.with("weights", all).with("smoothing", smoothing).call(logits, targets);
    }
    return smoothing == 0
        ? CROSS_ENTROPY.call(logits, targets)
        : SMOOTHED.with("smoothing", smoothing).call(logits, targets);
  }

  @Override
  public double units(long label) {
    return weights.isEmpty() ? 1 : weights.get((int) label);
  }

  @Override
  public String toString() {
    return "cross entropy"
        + (weights.isEmpty() ? "" : ", class weights " + weights)
        + (smoothing == 0 ? "" : ", label smoothing " + smoothing);
  }
}
