package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Arithmetic;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Comparison;
import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Undefined;
import java.util.Map;

/** Filters of numbers. */
final class NumberFilters {

  static final Map<String, Filters.Filter> ALL =
      Map.of(
          "abs", NumberFilters::absolute,
          "int", NumberFilters::integer,
          "float", NumberFilters::floating,
          "round", NumberFilters::round);

  private NumberFilters() {}

  private static Object absolute(Object value, Arguments arguments, Budget budget) {
    arguments.positional("abs", 0, 0);
    if (value instanceof Double number) {
      return Math.abs(number);
    }
    Object positive = Arithmetic.sign("+", value);
    return Comparison.holds("<", positive, 0L, budget) ? Arithmetic.sign("-", positive) : positive;
  }

  private static Object integer(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("int", "default", "base");
    Object otherwise = bound.get("default", 0L);
    String text = Sequences.text(value);
    if (value instanceof Undefined undefined) {
      throw new PythonException(undefined.message());
    } else if (text != null) {
      Object number = Numbers.parseInteger(text, Numbers.index(bound.get("base", 10L), "base"));
      Double floating = number == null ? Numbers.parseFloat(text) : null;
      return number != null ? number : floating == null ? otherwise : whole(floating, otherwise);
    } else if (value instanceof Double number) {
      if (Double.isInfinite(number)) {
        throw new PythonException("cannot convert float infinity to integer");
      }
      return whole(number, otherwise);
    }
    return Numbers.isNumber(value) ? Arithmetic.sign("+", value) : otherwise;
  }

  private static Object whole(double number, Object otherwise) {
    return Double.isNaN(number) || Double.isInfinite(number) ? otherwise : Numbers.truncate(number);
  }

  private static Object floating(Object value, Arguments arguments, Budget budget) {
    Object otherwise = arguments.bind("float", "default").get("default", 0.0);
    if (value instanceof Undefined undefined) {
      throw new PythonException(undefined.message());
    }
    String text = Sequences.text(value);
    Double number =
        text != null
            ? Numbers.parseFloat(text)
            : Numbers.isNumber(value) ? Double.valueOf(Numbers.floating(value)) : null;
    return number == null ? otherwise : number;
  }

  private static Object round(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("round", "precision", "method");
    int precision = Numbers.index(bound.get("precision", 0L), "precision");
    String method = Sequences.requireText(bound.get("method", "common"), "method");
    if (!Numbers.isNumber(value)) {
      throw new PythonException(
          value instanceof Undefined undefined
              ? undefined.message()
              : "type " + Sequences.type(value) + " cannot be rounded");
    }
    if (method.equals("common")) {
      return Numbers.round(value, precision);
    } else if (!method.equals("ceil") && !method.equals("floor")) {
      throw new PythonException("method must be common, ceil or floor");
    }
    Object power = Arithmetic.apply("**", 10L, (long) precision, budget);
    double scaled = Numbers.floating(Arithmetic.apply("*", value, power, budget));
    Object whole = Numbers.truncate(method.equals("ceil") ? Math.ceil(scaled) : Math.floor(scaled));
    return Arithmetic.apply("/", whole, power, budget);
  }
}
