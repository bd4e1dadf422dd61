package io.github.peft4j.metrics.text;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Numbers as Python writes them. */
final class Numbers {

  private Numbers() {}

  /** {@code f"{value:.2f}"}, which rounds the exact value and not its shortest decimal form. */
  static String fixed(double value, int digits) {
    return new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
  }
}
