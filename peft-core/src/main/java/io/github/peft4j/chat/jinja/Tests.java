package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Arithmetic;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Comparison;
import io.github.peft4j.chat.python.Function;
import io.github.peft4j.chat.python.Lazy;
import io.github.peft4j.chat.python.Markup;
import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Undefined;
import io.github.peft4j.chat.python.View;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;

/** Jinja's tests: what stands after {@code is}. */
final class Tests {

  /** A test: a value, what it is compared with, and the budget. */
  @FunctionalInterface
  private interface Test {
    boolean holds(Object value, Object other, Budget budget);
  }

  private static final Map<String, Predicate<Object>> OF_ONE =
      Map.ofEntries(
          Map.entry("defined", value -> !(value instanceof Undefined)),
          Map.entry("undefined", value -> value instanceof Undefined),
          Map.entry("none", value -> value == None.NONE),
          Map.entry("boolean", value -> value instanceof Boolean),
          Map.entry("true", Boolean.TRUE::equals),
          Map.entry("false", Boolean.FALSE::equals),
          Map.entry("integer", value -> Numbers.isInteger(value) && !(value instanceof Boolean)),
          Map.entry("float", Double.class::isInstance),
          Map.entry("number", Numbers::isNumber),
          Map.entry("string", value -> Sequences.text(value) != null),
          Map.entry("mapping", Map.class::isInstance),
          Map.entry("iterable", Sequences::isIterable),
          Map.entry("callable", value -> value instanceof Function || value instanceof Undefined),
          Map.entry("escaped", Markup.class::isInstance),
          Map.entry("sequence", Tests::isSequence),
          Map.entry("odd", value -> remainder(value, 2L) == 1),
          Map.entry("even", value -> remainder(value, 2L) == 0));

  private static final Map<String, Test> OF_TWO = new HashMap<>();

  static {
    Map.of(
            "==", new String[] {"==", "eq", "equalto"},
            "!=", new String[] {"!=", "ne"},
            "<", new String[] {"<", "lt", "lessthan"},
            "<=", new String[] {"<=", "le"},
            ">", new String[] {">", "gt", "greaterthan"},
            ">=", new String[] {">=", "ge"},
            "in", new String[] {"in"})
        .forEach(
            (operator, names) -> {
              for (String name : names) {
                OF_TWO.put(name, (value, other, b) -> compare(operator, value, other, b));
              }
            });
    OF_TWO.put("divisibleby", (value, other, b) -> remainder(value, other) == 0);
    OF_TWO.put("sameas", (value, other, b) -> isSame(value, other));
  }

  private Tests() {}

  static boolean isSupported(String name) {
    return OF_ONE.containsKey(name)
        || OF_TWO.containsKey(name)
        || name.equals("lower")
        || name.equals("upper")
        || name.equals("filter")
        || name.equals("test");
  }

  /** Whether a test holds of a value. */
  static boolean apply(String name, Object value, Arguments arguments, Budget budget) {
    Predicate<Object> ofOne = OF_ONE.get(name);
    if (ofOne != null) {
      arguments.positional(name, 0, 0);
      return ofOne.test(value);
    }
    Test ofTwo = OF_TWO.get(name);
    if (ofTwo != null) {
      budget.spendOn(value);
      return ofTwo.holds(value, arguments.positional(name, 1, 1).get(0), budget);
    }
    arguments.positional(name, 0, 0);
    return switch (name) {
      case "lower", "upper" -> isCase(name, value, budget);
      case "filter" -> value instanceof String text && Filters.isSupported(text);
      case "test" -> value instanceof String text && isSupported(text);
      default -> throw new PythonException("there is no test named '" + name + "'");
    };
  }

  /** An operator of comparison. */
  static boolean compare(String operator, Object left, Object right, Budget budget) {
    return switch (operator) {
      case "==" -> Comparison.equal(left, right, budget);
      case "!=" -> !Comparison.equal(left, right, budget);
      case "in" -> Comparison.contains(right, left, budget);
      case "not in" -> !Comparison.contains(right, left, budget);
      default -> Comparison.holds(operator, left, right, budget);
    };
  }

  private static boolean isCase(String name, Object value, Budget budget) {
    String text = Repr.str(value, budget);
    return Sequences.truth(Filters.method("is" + name, text, Arguments.NONE, budget));
  }

  private static boolean isSequence(Object value) {
    return Sequences.sized(value) != null && !(value instanceof View) && !(value instanceof Lazy);
  }

  private static double remainder(Object value, Object divisor) {
    Object rest = Arithmetic.apply("%", value, divisor, new Budget(0));
    return Numbers.isNumber(rest) ? Numbers.floating(rest) : Double.NaN;
  }

  private static boolean isSame(Object value, Object other) {
    return value == other
        || ((value instanceof Boolean || value instanceof Long) && value.equals(other));
  }
}
