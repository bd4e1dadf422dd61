package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.function.IntFunction;

/**
 * A loss of the first numbers of each vector, for several lengths at once, so that vectors can be
 * cut short: the sum of the losses, each by its weight. See Kusupati et al. 2022, arXiv:2205.13147.
 *
 * @param loss of the vectors
 * @param sizes how many numbers of each vector are left, each 1 or more
 * @param weights of the losses, as many as sizes
 */
public record MatryoshkaLoss(EmbeddingLoss loss, List<Integer> sizes, List<Double> weights)
    implements EmbeddingLoss {

  /** Checks the sizes and copies the lists. */
  public MatryoshkaLoss {
    sizes = List.copyOf(sizes);
    weights = List.copyOf(weights);
    if (sizes.isEmpty() || sizes.size() != weights.size() || sizes.stream().anyMatch(d -> d < 1)) {
      throw new IllegalArgumentException(
          "sizes %s with weights %s; expected one size at least, each 1 or more, and a weight for each"
              .formatted(sizes, weights));
    }
  }

  /** A loss for several lengths that count alike. */
  public MatryoshkaLoss(EmbeddingLoss loss, List<Integer> sizes) {
    this(loss, sizes, sizes.stream().map(size -> 1.0).toList());
  }

  @Override
  public Texts texts() {
    return loss.texts();
  }

  @Override
  public boolean isSumOfExamples() {
    return loss.isSumOfExamples();
  }

  @Override
  public NDArray loss(TextVectors vectors) {
    IntFunction<NDArray> weighed =
        i -> loss.loss(vectors.shrunk(sizes.get(i))).mul(weights.get(i).floatValue());
    NDArray sum = weighed.apply(0);
    for (int i = 1; i < sizes.size(); i++) {
      sum = sum.add(weighed.apply(i));
    }
    return sum;
  }

  @Override
  public double units(int examples) {
    return loss.units(examples);
  }

  @Override
  public void check(double score) {
    loss.check(score);
  }

  @Override
  public String toString() {
    return "Matryoshka loss of the sizes %s with the weights %s of %s"
        .formatted(sizes, weights, loss);
  }
}
