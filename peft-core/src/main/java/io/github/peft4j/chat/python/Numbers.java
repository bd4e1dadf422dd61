package io.github.peft4j.chat.python;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/**
 * Python's numbers: {@code int} is a {@code Long}, or a {@code BigInteger} if it does not fit;
 * {@code float} is a {@code Double}; {@code bool} counts as 0 and 1.
 */
public final class Numbers {

  private static final int MOST_BITS = 16_384;

  private Numbers() {}

  /** Whether a value is a number, a bool included. */
  public static boolean isNumber(Object value) {
    return value instanceof Double || isInteger(value);
  }

  /** Whether a value is an int or a bool. */
  public static boolean isInteger(Object value) {
    return value instanceof Long || value instanceof Boolean || value instanceof BigInteger;
  }

  /** An int or bool as an integer. */
  public static BigInteger big(Object value) {
    return value instanceof BigInteger big
        ? big
        : value instanceof Boolean truth
            ? truth ? BigInteger.ONE : BigInteger.ZERO
            : BigInteger.valueOf((Long) value);
  }

  /** A number as a float. */
  public static double floating(Object value) {
    if (value instanceof Double number) {
      return number;
    }
    double number = big(value).doubleValue();
    if (Double.isInfinite(number)) {
      throw new PythonException("int too large to convert to float");
    }
    return number;
  }

  /** An int in its normal form. */
  public static Object of(BigInteger value) {
    if (value.bitLength() < Long.SIZE) {
      return value.longValue();
    }
    if (value.bitLength() > MOST_BITS) {
      throw new PythonException("an int of more than " + MOST_BITS + " bits");
    }
    return value;
  }

  /** A whole number that is an index or a width: numbers out of range become the nearest. */
  public static int index(Object value, String what) {
    if (!isInteger(value)) {
      throw new PythonException(what + " must be an integer, not " + Sequences.type(value));
    }
    BigInteger big = big(value);
    return big.bitLength() < Integer.SIZE
        ? big.intValue()
        : big.signum() < 0 ? Integer.MIN_VALUE : Integer.MAX_VALUE;
  }

  /** The sum of two ints. */
  static Object add(Object left, Object right) {
    if (left instanceof Long a && right instanceof Long b) {
      long sum = a + b;
      if (((a ^ sum) & (b ^ sum)) >= 0) {
        return sum;
      }
    }
    return of(big(left).add(big(right)));
  }

  /** The quotient of two ints, rounded down. */
  static BigInteger floorDivide(BigInteger left, BigInteger right) {
    BigInteger[] parts = left.divideAndRemainder(right);
    return parts[1].signum() != 0 && parts[1].signum() != right.signum()
        ? parts[0].subtract(BigInteger.ONE)
        : parts[0];
  }

  /** The remainder of two floats, which has the divisor's sign. */
  static double floorModulo(double left, double right) {
    double rest = left % right;
    if (rest == 0) {
      return Math.copySign(0, right);
    }
    return rest < 0 == right < 0 ? rest : rest + right;
  }

  /** The power of two ints. */
  static Object power(BigInteger base, BigInteger exponent) {
    if (exponent.signum() < 0) {
      if (base.signum() == 0) {
        throw new PythonException("0.0 cannot be raised to a negative power");
      }
      return Math.pow(base.doubleValue(), exponent.doubleValue());
    }
    if (base.abs().bitLength() > 1
        && (exponent.bitLength() > 15
            || (long) base.bitLength() * exponent.intValue() > 2 * MOST_BITS)) {
      throw new PythonException("a power with more than " + MOST_BITS + " bits");
    }
    if (base.abs().bitLength() <= 1) {
      boolean odd = exponent.testBit(0);
      return exponent.signum() == 0
          ? 1L
          : base.signum() >= 0 || odd ? base.longValue() : -base.longValue();
    }
    return of(base.pow(exponent.intValue()));
  }

  /** The int that a text is, in a base, or null. */
  public static @Nullable Object parseInteger(String text, int base) {
    String digits = Texts.strip(text, null);
    boolean negative = digits.startsWith("-");
    digits = negative || digits.startsWith("+") ? digits.substring(1) : digits;
    String prefix =
        digits.length() > 1 ? digits.substring(0, 2).toLowerCase(java.util.Locale.ROOT) : "";
    int of = prefix.equals("0x") ? 16 : prefix.equals("0o") ? 8 : prefix.equals("0b") ? 2 : 0;
    if (of != 0 && (base == 0 || base == of)) {
      digits = digits.substring(2).replaceFirst("^_", "");
      base = of;
    } else if (base == 0) {
      base = 10;
    }
    if (base < 2
        || base > 36
        || !digits.matches("[\\p{Alnum}\\p{Nd}]+(_[\\p{Alnum}\\p{Nd}]+)*+")
        || digits.length() > 4300) {
      return null;
    }
    try {
      BigInteger value = new BigInteger(digits.replace("_", ""), base);
      return of(negative ? value.negate() : value);
    } catch (NumberFormatException e) {
      return null;
    }
  }

  /** The float that a text is, or null. */
  public static @Nullable Double parseFloat(String text) {
    String number = Texts.strip(text, null).toLowerCase(java.util.Locale.ROOT);
    if (number.matches("[+-]?(inf|infinity|nan)")) {
      return number.endsWith("nan")
          ? Double.NaN
          : number.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    }
    String digits = "[0-9]+(?:_[0-9]+)*+";
    if (!number.matches(
        "[+-]?(?:" + digits + "(?:\\.(?:" + digits + ")?)?|\\." + digits + ")(?:e[+-]?[0-9]+)?")) {
      return null;
    }
    return Double.valueOf(number.replace("_", ""));
  }

  /** A float without its fraction. */
  public static Object truncate(double number) {
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      throw new PythonException("cannot convert float " + Repr.floating(number) + " to integer");
    }
    return of(new BigDecimal(number).toBigInteger());
  }

  /** Python's {@code round}: to an even digit if both are equally near. */
  public static Object round(Object value, int digits) {
    if (value instanceof Double number) {
      if (Double.isNaN(number) || Double.isInfinite(number) || digits > 400) {
        return number;
      }
      if (digits < -400) {
        return 0.0 * number;
      }
      double rounded =
          new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
      return rounded == 0 ? Math.copySign(0.0, number) : rounded;
    }
    BigInteger whole = big(value);
    if (digits >= 0) {
      return of(whole);
    }
    return digits < -10_000
        ? 0L
        : of(new BigDecimal(whole).setScale(digits, RoundingMode.HALF_EVEN).toBigIntegerExact());
  }
}
