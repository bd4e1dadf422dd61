package io.github.peft4j.chat.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An expression. What a template can chain without brackets is one node with a list, so that the
 * depth of a tree is the depth of the brackets.
 */
sealed interface Expression {

  /** A literal. */
  record Constant(Object value) implements Expression {}

  /** A variable. */
  record Name(String name) implements Expression {}

  /** {@code [a, b]}. */
  record ListOf(List<Expression> items) implements Expression {}

  /** {@code (a, b)}. */
  record TupleOf(List<Expression> items) implements Expression {}

  /** {@code {a: b}}. */
  record DictOf(List<Entry> entries) implements Expression {}

  /** A key and a value. */
  record Entry(Expression key, Expression value) {}

  /** {@code then if condition else otherwise}. */
  record Conditional(Expression then, Expression condition, @Nullable Expression otherwise)
      implements Expression {}

  /** {@code a and b and c}, or with {@code or}. */
  record Logical(boolean and, List<Expression> operands) implements Expression {}

  /** {@code not a}. */
  record Not(Expression operand) implements Expression {}

  /** {@code a < b <= c}. */
  record Compare(Expression first, List<Operand> others) implements Expression {}

  /** {@code a + b - c}: from left to right. */
  record Arithmetic(Expression first, List<Operand> others) implements Expression {}

  /** An operator and what stands right of it. */
  record Operand(String operator, Expression value) {}

  /** {@code a ~ b}: the texts of values. */
  record Concat(List<Expression> operands) implements Expression {}

  /** {@code -a}. */
  record Sign(String operator, Expression operand) implements Expression {}

  /** {@code a.b[c](d)|e is f}: steps from left to right. */
  record Postfix(int line, Expression first, List<Step> steps) implements Expression {}

  /** What is done with the value left of it. */
  sealed interface Step {}

  /** {@code .name}. */
  record Attribute(String name) implements Step {}

  /** {@code [key]}. */
  record Item(Expression key) implements Step {}

  /** {@code [start:stop:step]}. */
  record Slice(Expression start, Expression stop, Expression step) implements Step {}

  /** {@code (arguments)}. */
  record Call(CallArguments arguments) implements Step {}

  /** {@code |name(arguments)}. */
  record Filter(String name, CallArguments arguments) implements Step {}

  /** {@code is name(arguments)}. */
  record Test(String name, CallArguments arguments) implements Step {}

  /** {@code is not}: the opposite. */
  record Negation() implements Step {}

  /** {@code (a, b=c, *d, **e)}. */
  record CallArguments(
      List<Expression> positional,
      Map<String, Expression> named,
      @Nullable Expression more,
      @Nullable Expression moreNamed) {

    static final CallArguments NONE = new CallArguments(List.of(), Map.of(), null, null);
  }
}
