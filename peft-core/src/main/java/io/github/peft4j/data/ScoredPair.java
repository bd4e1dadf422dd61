package io.github.peft4j.data;

import java.util.List;

/**
 * Two texts and how alike they are. Each text gets a vector of its own.
 *
 * @param first a text
 * @param second another text
 * @param score how alike they are: a cosine from -1 to 1, or 1 for alike and 0 for not alike
 */
public record ScoredPair(String first, String second, double score) implements Example {

  /** Checks that the score is a number. */
  public ScoredPair {
    if (!Double.isFinite(score)) {
      throw new DataException("the score is " + score + "; expected a finite number");
    }
  }

  @Override
  public List<String> fields() {
    return List.of(first, second, Double.toString(score));
  }
}
