package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;

/**
 * A loss of the vectors of texts that belong together.
 *
 * <pre>{@code
 * FineTuner.of(model).on(pairs).objective(new MultipleNegativesRankingLoss()).run();
 * }</pre>
 *
 * <p>{@link Object#toString} must say what the loss is, with its settings: a run is only resumed
 * with a loss of the same text.
 */
public interface EmbeddingLoss {

  /** What a loss learns from. */
  enum Texts {
    /** An anchor, a positive, and any number of negatives. */
    ANCHORS("anchors with positives: .anchor(column).positive(column)"),
    /** An anchor, a positive and one negative. */
    TRIPLETS(
        "anchors with a positive and one negative:"
            + " .anchor(column).positive(column).negative(column)"),
    /** Two texts and how alike they are. */
    SCORED_PAIRS("pairs with scores: .text(column).pair(column).similarity(column)");

    private final String form;

    Texts(String form) {
      this.form = form;
    }

    /**
     * Whether an example is of this kind.
     *
     * @param texts the number of its texts
     * @param scored whether it has a score
     */
    boolean fits(int texts, boolean scored) {
      return switch (this) {
        case ANCHORS -> texts >= 2 && !scored;
        case TRIPLETS -> texts == 3 && !scored;
        case SCORED_PAIRS -> texts == 2 && scored;
      };
    }

    @Override
    public String toString() {
      return form;
    }
  }

  /** What this loss learns from. */
  Texts texts();

  /**
   * The loss of a batch: the sum over its units. While training, operations are recorded.
   *
   * @return a scalar
   */
  NDArray loss(TextVectors vectors);

  /**
   * What the sum of a batch is divided by. By default the number of its examples.
   *
   * @param examples the number of examples in the batch
   */
  default double units(int examples) {
    return examples;
  }

  /**
   * Whether the loss of a batch is the sum of the losses of its examples, each by itself. A loss
   * that compares the examples of a batch with each other is none.
   */
  default boolean isSumOfExamples() {
    return false;
  }

  /**
   * Refuses a score that means nothing to this loss.
   *
   * @throws IllegalArgumentException if it does not fit; the message says what is expected
   */
  default void check(double score) {}
}
