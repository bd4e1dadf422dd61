package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.Norm;

/**
 * The kind of a stack's norms.
 *
 * @param bias whether they have a shift
 * @param epsilon is added to the variance or mean square
 */
public record NormSpec(Norm.Kind kind, boolean bias, double epsilon) {

  /** RMS norms. */
  public static NormSpec rms(double epsilon) {
    return new NormSpec(Norm.Kind.RMS, false, epsilon);
  }

  /** Layer norms with a shift. */
  public static NormSpec layer(double epsilon) {
    return new NormSpec(Norm.Kind.LAYER, true, epsilon);
  }
}
