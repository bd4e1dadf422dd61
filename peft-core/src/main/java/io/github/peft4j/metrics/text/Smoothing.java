package io.github.peft4j.metrics.text;

/**
 * What BLEU does with n-grams that have no match: sacrebleu's {@code smooth_method} and {@code
 * smooth_value}.
 *
 * @param method the method
 * @param value its value; 0 of methods without one
 */
public record Smoothing(Method method, double value) {

  /** A method of smoothing, by Chen and Cherry (2014). */
  public enum Method {
    /** The precision is 0. */
    NONE("none"),
    /** A value takes the place of 0 matches: their method 1. */
    FLOOR("floor"),
    /** A value is added to matches and n-grams from bigrams on: their method 2. */
    ADD_K("add-k"),
    /** The k-th precision of 0 is half of one match, a quarter, and so on: their method 3. */
    EXP("exp");

    private final String id;

    Method(String id) {
      this.id = id;
    }
  }

  /**
   * A method and its value.
   *
   * @param method the method
   * @param value its value; 0 of methods without one
   * @throws IllegalArgumentException if the value is not a positive number, of a method that has
   *     one
   */
  public Smoothing {
    boolean hasValue = method == Method.FLOOR || method == Method.ADD_K;
    if (hasValue ? !(value > 0 && Double.isFinite(value)) : value != 0) {
      throw new IllegalArgumentException(
          "smoothing %s with the value %s, expected %s"
              .formatted(method.id, value, hasValue ? "a positive number" : "0"));
    }
  }

  /**
   * sacrebleu's default.
   *
   * @return {@link Method#EXP}
   */
  public static Smoothing exp() {
    return new Smoothing(Method.EXP, 0);
  }

  /**
   * No smoothing.
   *
   * @return {@link Method#NONE}
   */
  public static Smoothing none() {
    return new Smoothing(Method.NONE, 0);
  }

  /**
   * A floor.
   *
   * @param value takes the place of 0 matches; sacrebleu's default is 0.1
   * @return {@link Method#FLOOR}
   */
  public static Smoothing floor(double value) {
    return new Smoothing(Method.FLOOR, value);
  }

  /**
   * An addition.
   *
   * @param value is added to matches and n-grams; sacrebleu's default is 1
   * @return {@link Method#ADD_K}
   */
  public static Smoothing addK(double value) {
    return new Smoothing(Method.ADD_K, value);
  }

  /** As sacrebleu writes it: {@code exp}, or {@code floor[0.10]}. */
  @Override
  public String toString() {
    return value == 0 ? method.id : method.id + "[" + Numbers.fixed(value, 2) + "]";
  }
}
