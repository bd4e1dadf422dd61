package io.github.peft4j.transformer.rope;

import io.github.peft4j.transformer.config.ModelConfig;

/**
 * Rotary positions (Su et al. 2021, arXiv:2104.09864) of an attention.
 *
 * @param theta the base of the frequencies
 * @param dimensions r, how many of a head's dimensions are rotated, the first ones. If it is odd,
 *     as it may be in GPT-NeoX, one more is rotated, by a frequency of r dimensions
 * @param head d, the size of a head
 * @param scaling of the frequencies for long texts
 */
public record RopeSpec(double theta, int dimensions, int head, RopeScaling scaling) {

  /** transformers' default of {@code rope_theta}. */
  private static final double THETA = 10_000;

  /** What {@code rope_parameters} of a config describes, for heads of this size. */
  public static RopeSpec of(ModelConfig config, int head) {
    return of(config, config.ropeParameters(), head);
  }

  /**
   * What a config describes for heads that are rotated as a whole. As in transformers, {@code
   * partial_rotary_factor} is not read.
   *
   * @param rope the parameters: {@code rope_parameters}, or those of a kind of layer in it
   */
  public static RopeSpec of(ModelConfig config, ModelConfig rope, int head) {
    return rotating(config, rope, head, head);
  }

  /**
   * What a config describes for heads of which a part is rotated.
   *
   * @param rope the parameters: {@code rope_parameters}
   * @param share the default of {@code partial_rotary_factor}: the share of dimensions that are
   *     rotated
   */
  public static RopeSpec partial(ModelConfig config, ModelConfig rope, int head, double share) {
    String field = "partial_rotary_factor";
    double rotated = rope.positive(field, config.positive(field, share));
    int dimensions = (int) (head * rotated);
    if (rotated > 1 || dimensions < 2 || dimensions + dimensions % 2 > head) {
      throw rope.error(field, rotated, "a share of " + head + " dimensions that has 2 or more");
    }
    return rotating(config, rope, dimensions, head);
  }

  private static RopeSpec rotating(ModelConfig config, ModelConfig rope, int dimensions, int head) {
    double theta = rope.positive("rope_theta", config.positive("rope_theta", THETA));
    return new RopeSpec(theta, dimensions, head, RopeScaling.of(config, rope, dimensions));
  }

  /** A copy with another base. */
  public RopeSpec theta(double theta) {
    return new RopeSpec(theta, dimensions, head, scaling);
  }
}
