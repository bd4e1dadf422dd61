package io.github.peft4j.chat.python;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's operators of arithmetic. */
public final class Arithmetic {

  private static final int MOST_ITEMS = 1 << 18;

  private Arithmetic() {}

  /** {@code left operator right}. */
  public static Object apply(String operator, Object left, Object right, Budget budget) {
    Object result =
        Numbers.isNumber(left) && Numbers.isNumber(right)
            ? ofNumbers(operator, left, right)
            : ofOthers(operator, left, right, budget);
    if (result == null) {
      Undefined undefined =
          left instanceof Undefined u ? u : right instanceof Undefined u ? u : null;
      throw new PythonException(
          undefined != null
              ? undefined.message()
              : "unsupported operand types for %s: '%s' and '%s'"
                  .formatted(operator, Sequences.type(left), Sequences.type(right)));
    }
    return result;
  }

  /** {@code -value} or {@code +value}. */
  public static Object sign(String operator, Object value) {
    if (!Numbers.isNumber(value)) {
      throw new PythonException(
          value instanceof Undefined undefined
              ? undefined.message()
              : "bad operand type for unary " + operator + ": '" + Sequences.type(value) + "'");
    }
    boolean minus = operator.equals("-");
    if (value instanceof Double number) {
      return minus ? -number : number;
    }
    BigInteger whole = Numbers.big(value);
    return Numbers.of(minus ? whole.negate() : whole);
  }

  private static Object ofNumbers(String operator, Object left, Object right) {
    if (operator.equals("/") || left instanceof Double || right instanceof Double) {
      return ofFloats(operator, Numbers.floating(left), Numbers.floating(right));
    }
    if (operator.equals("+")) {
      return Numbers.add(left, right);
    }
    BigInteger a = Numbers.big(left);
    BigInteger b = Numbers.big(right);
    if (b.signum() == 0 && (operator.equals("//") || operator.equals("%"))) {
      throw new PythonException("integer division or modulo by zero");
    }
    return switch (operator) {
      case "-" -> Numbers.of(a.subtract(b));
      case "*" -> Numbers.of(a.multiply(b));
      case "//" -> Numbers.of(Numbers.floorDivide(a, b));
      case "%" -> Numbers.of(a.subtract(b.multiply(Numbers.floorDivide(a, b))));
      default -> Numbers.power(a, b);
    };
  }

  private static Object ofFloats(String operator, double left, double right) {
    if (right == 0 && "/%//".contains(operator)) {
      throw new PythonException("float division by zero");
    }
    return switch (operator) {
      case "+" -> left + right;
      case "-" -> left - right;
      case "*" -> left * right;
      case "/" -> left / right;
      case "//" -> floorDivide(left, right);
      case "%" -> Numbers.floorModulo(left, right);
      default -> power(left, right);
    };
  }

  private static double floorDivide(double left, double right) {
    double quotient = (left - Numbers.floorModulo(left, right)) / right;
    double floor = Math.floor(quotient);
    return quotient - floor > 0.5 ? floor + 1 : floor;
  }

  private static double power(double base, double exponent) {
    if (base == 0 && exponent < 0) {
      throw new PythonException("0.0 cannot be raised to a negative power");
    }
    if (base < 0 && exponent != Math.rint(exponent)) {
      throw new PythonException("complex numbers are not supported");
    }
    double power = Math.pow(base, exponent);
    if (Double.isInfinite(power) && !Double.isInfinite(base) && !Double.isInfinite(exponent)) {
      throw new PythonException("Numerical result out of range");
    }
    return power;
  }

  private static @Nullable Object ofOthers(
      String operator, Object left, Object right, Budget budget) {
    String text = Sequences.text(left);
    return switch (operator) {
      case "+" -> sum(left, right, budget);
      case "*" ->
          Numbers.isInteger(right)
              ? repeat(left, right, budget)
              : Numbers.isInteger(left) ? repeat(right, left, budget) : null;
      case "%" ->
          text == null
              ? null
              : left instanceof Markup
                  ? new Markup(Formatting.percent(text, right, true, budget))
                  : Formatting.percent(text, right, false, budget);
      default -> null;
    };
  }

  private static @Nullable Object sum(Object left, Object right, Budget budget) {
    String a = Sequences.text(left);
    String b = Sequences.text(right);
    if (a != null && b != null) {
      if (left instanceof Markup || right instanceof Markup) {
        return new Markup(
            join(Markup.escape(left, budget).text(), Markup.escape(right, budget).text(), budget));
      }
      return join(a, b, budget);
    }
    if (left instanceof List && right instanceof List) {
      return concat(Sequences.list(left), Sequences.list(right), budget);
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      return new Tuple(concat(Sequences.list(left), Sequences.list(right), budget));
    }
    return null;
  }

  private static String join(String left, String right, Budget budget) {
    budget.requireLength((long) left.length() + right.length());
    return left + right;
  }

  private static List<Object> concat(List<Object> left, List<Object> right, Budget budget) {
    requireItems((long) left.size() + right.size(), budget);
    left.addAll(right);
    return left;
  }

  private static @Nullable Object repeat(Object value, Object times, Budget budget) {
    int count = Math.max(0, Numbers.index(times, "the number of repetitions"));
    String text = Sequences.text(value);
    if (text != null) {
      String repeated = Texts.repeat(text, count, budget);
      return value instanceof Markup ? new Markup(repeated) : repeated;
    }
    List<Object> items =
        value instanceof List || value instanceof Tuple ? Sequences.items(value) : null;
    if (items == null) {
      return null;
    }
    requireItems((long) items.size() * count, budget);
    List<Object> repeated = new ArrayList<>();
    Collections.nCopies(items.isEmpty() ? 0 : count, items).forEach(repeated::addAll);
    return value instanceof Tuple ? new Tuple(repeated) : repeated;
  }

  /** Takes the cost of a list off the budget, before it is made. */
  public static void requireItems(long items, Budget budget) {
    if (items > MOST_ITEMS) {
      throw new PythonException(
          "a list of %,d items; at most %,d are allowed".formatted(items, MOST_ITEMS));
    }
    budget.spend(items);
  }
}
