package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.jinja.Expression.CallArguments;
import io.github.peft4j.chat.jinja.Expression.Operand;
import io.github.peft4j.chat.jinja.Expression.Step;
import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Arithmetic;
import io.github.peft4j.chat.python.Attributes;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Function;
import io.github.peft4j.chat.python.Keys;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Slices;
import io.github.peft4j.chat.python.Tuple;
import io.github.peft4j.chat.python.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Expressions to values. */
final class Evaluator {

  private final Budget budget;
  private int line = 1;

  Evaluator(Budget budget) {
    this.budget = budget;
  }

  Budget budget() {
    return budget;
  }

  /** The line of what is evaluated. */
  int line() {
    return line;
  }

  void at(int line) {
    this.line = line;
  }

  boolean holds(Expression condition, Scope scope) {
    return Sequences.truth(evaluate(condition, scope));
  }

  Object evaluate(Expression expression, Scope scope) {
    budget.spend(1);
    budget.enter();
    Object value = value(expression, scope);
    budget.leave();
    return value;
  }

  private Object value(Expression expression, Scope scope) {
    if (expression instanceof Expression.Constant constant) {
      return constant.value();
    } else if (expression instanceof Expression.Name name) {
      return scope.get(name.name());
    } else if (expression instanceof Expression.Postfix postfix) {
      return postfix(postfix, postfix.steps().size(), scope);
    } else if (expression instanceof Expression.Logical logical) {
      return logical(logical, scope);
    } else if (expression instanceof Expression.Not not) {
      return !holds(not.operand(), scope);
    } else if (expression instanceof Expression.Compare compare) {
      return compare(compare, scope);
    } else if (expression instanceof Expression.Arithmetic arithmetic) {
      return arithmetic(arithmetic, scope);
    } else if (expression instanceof Expression.Concat concat) {
      return concat(concat, scope);
    } else if (expression instanceof Expression.Sign sign) {
      return Arithmetic.sign(sign.operator(), evaluate(sign.operand(), scope));
    } else if (expression instanceof Expression.Conditional conditional) {
      return conditional(conditional, scope);
    } else if (expression instanceof Expression.ListOf list) {
      return all(list.items(), scope);
    } else if (expression instanceof Expression.TupleOf tuple) {
      return new Tuple(all(tuple.items(), scope));
    }
    return dict((Expression.DictOf) expression, scope);
  }

  private List<Object> all(List<Expression> expressions, Scope scope) {
    List<Object> values = new ArrayList<>(expressions.size());
    expressions.forEach(each -> values.add(evaluate(each, scope)));
    return values;
  }

  private Object dict(Expression.DictOf dict, Scope scope) {
    Map<Object, Object> map = new LinkedHashMap<>();
    for (Expression.Entry entry : dict.entries()) {
      map.put(Keys.newKey(evaluate(entry.key(), scope)), evaluate(entry.value(), scope));
    }
    return map;
  }

  private Object conditional(Expression.Conditional conditional, Scope scope) {
    if (holds(conditional.condition(), scope)) {
      return evaluate(conditional.then(), scope);
    }
    Expression otherwise = conditional.otherwise();
    return otherwise == null
        ? new Undefined("an 'if' without 'else' gave no value, as its condition is false")
        : evaluate(otherwise, scope);
  }

  private Object logical(Expression.Logical logical, Scope scope) {
    Object value = false;
    for (Expression operand : logical.operands()) {
      value = evaluate(operand, scope);
      if (Sequences.truth(value) != logical.and()) {
        return value;
      }
    }
    return value;
  }

  private Object compare(Expression.Compare compare, Scope scope) {
    Object left = evaluate(compare.first(), scope);
    for (Operand operand : compare.others()) {
      Object right = evaluate(operand.value(), scope);
      if (!Tests.compare(operand.operator(), left, right, budget)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private Object arithmetic(Expression.Arithmetic arithmetic, Scope scope) {
    Object value = evaluate(arithmetic.first(), scope);
    for (Operand operand : arithmetic.others()) {
      value = Arithmetic.apply(operand.operator(), value, evaluate(operand.value(), scope), budget);
    }
    return value;
  }

  private Object concat(Expression.Concat concat, Scope scope) {
    StringBuilder text = new StringBuilder();
    for (Expression operand : concat.operands()) {
      text.append(Repr.str(evaluate(operand, scope), budget));
    }
    return budget.text(text);
  }

  private Object postfix(Expression.Postfix postfix, int steps, Scope scope) {
    Object value = evaluate(postfix.first(), scope);
    for (Step step : postfix.steps().subList(0, steps)) {
      line = postfix.line();
      budget.spend(1);
      value = step(step, value, scope);
    }
    return value;
  }

  private Object step(Step step, Object value, Scope scope) {
    if (step instanceof Expression.Attribute attribute) {
      return Attributes.attribute(value, attribute.name(), budget);
    } else if (step instanceof Expression.Item item) {
      if (value instanceof String) {
        budget.spendOn(value); // its characters are counted
      }
      return Attributes.item(value, evaluate(item.key(), scope), budget);
    } else if (step instanceof Expression.Slice slice) {
      budget.spendOn(value);
      return Slices.slice(
          value,
          evaluate(slice.start(), scope),
          evaluate(slice.stop(), scope),
          evaluate(slice.step(), scope),
          budget);
    } else if (step instanceof Expression.Call call) {
      return call(value, arguments(call.arguments(), scope));
    } else if (step instanceof Expression.Filter filter) {
      return filter(filter, value, scope);
    } else if (step instanceof Expression.Test test) {
      Arguments arguments = arguments(test.arguments(), scope);
      return Tests.apply(test.name(), value, arguments, budget);
    }
    return !Sequences.truth(value); // a Negation
  }

  /** A value after filters. */
  Object filtered(Object value, List<Step> filters, Scope scope) {
    Object result = value;
    for (Step filter : filters) {
      result = step(filter, result, scope);
    }
    return result;
  }

  private Object filter(Expression.Filter filter, Object value, Scope scope) {
    Arguments arguments = arguments(filter.arguments(), scope);
    Object result = Filters.apply(filter.name(), value, arguments, budget);
    budget.spendOn(result);
    return result;
  }

  private Object call(Object function, Arguments arguments) {
    if (function instanceof Undefined undefined) {
      throw new PythonException(undefined.message());
    } else if (!(function instanceof Function)) {
      throw new PythonException("'" + Sequences.type(function) + "' object is not callable");
    }
    arguments.positional().forEach(budget::spendOn);
    Object result = ((Function) function).call(arguments);
    budget.spendOn(result);
    return result;
  }

  /** A call with one more named argument, {@code caller}. */
  Object call(Expression.Postfix call, Function caller, Scope scope) {
    int last = call.steps().size() - 1;
    Object function = postfix(call, last, scope);
    Arguments given = arguments(((Expression.Call) call.steps().get(last)).arguments(), scope);
    Map<String, Object> named = new LinkedHashMap<>(given.named());
    named.put("caller", caller);
    return call(function, new Arguments(given.positional(), named));
  }

  private Arguments arguments(CallArguments arguments, Scope scope) {
    if (arguments.equals(CallArguments.NONE)) {
      return Arguments.NONE;
    }
    List<Object> positional = all(arguments.positional(), scope);
    Map<String, Object> named = new LinkedHashMap<>();
    arguments.named().forEach((name, value) -> named.put(name, evaluate(value, scope)));
    @Nullable Expression more = arguments.more();
    if (more != null) {
      positional.addAll(Sequences.list(evaluate(more, scope)));
    }
    @Nullable Expression moreNamed = arguments.moreNamed();
    if (moreNamed != null) {
      Object value = evaluate(moreNamed, scope);
      Map<Object, Object> map = Sequences.dict(value);
      if (map == null) {
        throw new PythonException("argument after ** must be a mapping");
      }
      map.forEach((key, each) -> named.put(Sequences.requireText(key, "keywords"), each));
    }
    return new Arguments(positional, named);
  }
}
