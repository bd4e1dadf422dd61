package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.jinja.Statement.Target;
import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Namespace;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.StreamSupport;

/** Runs statements: their text goes to an output. */
final class Interpreter {

  /** What comes after a statement: the next one, or the end or next round of the loop. */
  private enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Evaluator evaluator;
  private final Budget budget;
  private final StringBuilder page = new StringBuilder();
  private final List<Template.Span> generations = new ArrayList<>();

  Interpreter(Evaluator evaluator) {
    this.evaluator = evaluator;
    this.budget = evaluator.budget();
  }

  /** Runs a whole template. */
  Template.Result run(List<Statement> template, Scope scope) {
    run(template, scope, page);
    return new Template.Result(page.toString(), generations);
  }

  Object evaluate(Expression expression, Scope scope) {
    return evaluator.evaluate(expression, scope);
  }

  /** The text of statements that do not write to the page. */
  String text(List<Statement> body, Scope scope) {
    budget.enter();
    StringBuilder out = new StringBuilder();
    run(body, scope, out);
    budget.leave();
    return out.toString();
  }

  private Flow run(List<Statement> body, Scope scope, StringBuilder out) {
    for (Statement statement : body) {
      budget.spend(1);
      budget.enter();
      Flow flow = run(statement, scope, out);
      budget.leave();
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  private Flow run(Statement statement, Scope scope, StringBuilder out) {
    if (statement instanceof Statement.Text text) {
      write(text.text(), out);
    } else if (statement instanceof Statement.Print print) {
      evaluator.at(print.line());
      write(Repr.str(evaluate(print.value(), scope), budget), out);
    } else if (statement instanceof Statement.If branches) {
      return run(branches, scope, out);
    } else if (statement instanceof Statement.For loop) {
      return run(loop, scope, out);
    } else if (statement instanceof Statement.Assign set) {
      evaluator.at(set.line());
      assign(set.target(), evaluate(set.value(), scope), scope);
    } else if (statement instanceof Statement.SetBlock set) {
      return run(set, scope);
    } else if (statement instanceof Statement.Generation generation) {
      generation(generation, scope, out);
    } else if (statement instanceof Statement.MacroDefinition macro) {
      scope.set(macro.signature().name(), new Macro(macro.signature(), macro.body(), scope, this));
    } else if (statement instanceof Statement.CallBlock call) {
      evaluator.at(call.line());
      Macro caller = new Macro(call.signature(), call.body(), scope, this);
      write(Repr.str(evaluator.call(call.call(), caller, scope), budget), out);
    } else if (statement instanceof Statement.FilterBlock filter) {
      return run(filter, scope, out);
    } else if (statement instanceof Statement.With with) {
      return run(with, scope, out);
    } else {
      return statement instanceof Statement.Break ? Flow.BREAK : Flow.CONTINUE;
    }
    return Flow.NEXT;
  }

  private void write(String text, StringBuilder out) {
    budget.append(text, out);
  }

  private Flow run(Statement.If branches, Scope scope, StringBuilder out) {
    for (Statement.Branch branch : branches.branches()) {
      evaluator.at(branch.line());
      Expression condition = branch.condition();
      if (condition == null || evaluator.holds(condition, scope)) {
        return run(branch.body(), scope, out);
      }
    }
    return Flow.NEXT;
  }

  private Flow run(Statement.For statement, Scope scope, StringBuilder out) {
    evaluator.at(statement.line());
    Object items = evaluate(statement.items(), scope);
    Statement.Condition condition = statement.condition();
    Iterator<Object> each = Sequences.iterate(items);
    Loop loop =
        condition == null
            ? new Loop(each, Sequences.sized(items), budget)
            : new Loop(filtered(each, statement.target(), condition, scope), null, budget);
    Scope round = scope.in(statement.body().frame());
    boolean whole = false; // Jinja's else comes if no round came to its end
    Flow flow = Flow.NEXT;
    while (flow != Flow.BREAK && loop.hasNext()) {
      budget.spend(1);
      Object item = loop.next();
      round.begin();
      round.set("loop", loop);
      assign(statement.target(), item, round);
      flow = run(statement.body().statements(), round, out);
      whole |= flow == Flow.NEXT;
    }
    round.end();
    Statement.Block otherwise = statement.otherwise();
    return whole ? Flow.NEXT : run(otherwise.statements(), scope.in(otherwise.frame()), out);
  }

  private Iterator<Object> filtered(
      Iterator<Object> items, Target target, Statement.Condition condition, Scope scope) {
    Predicate<Object> holds =
        item -> {
          Scope inner = scope.in(condition.frame());
          assign(target, item, inner);
          return evaluator.holds(condition.holds(), inner);
        };
    Iterable<Object> iterable = () -> items;
    return StreamSupport.stream(iterable.spliterator(), false).filter(holds).iterator();
  }

  private Flow run(Statement.SetBlock set, Scope scope) {
    StringBuilder out = new StringBuilder();
    Scope block = scope.in(set.body().frame());
    Flow flow = run(set.body().statements(), block, out);
    if (flow == Flow.NEXT) {
      evaluator.at(set.line());
      Object value = evaluator.filtered(out.toString(), set.filters(), block);
      assign(set.target(), value, scope);
    }
    return flow;
  }

  private Flow run(Statement.FilterBlock filter, Scope scope, StringBuilder out) {
    StringBuilder inner = new StringBuilder();
    Scope block = scope.in(filter.body().frame());
    Flow flow = run(filter.body().statements(), block, inner);
    if (flow == Flow.NEXT) {
      evaluator.at(filter.line());
      Object value = evaluator.filtered(inner.toString(), filter.filters(), block);
      write(Repr.str(value, budget), out);
    }
    return flow;
  }

  private Flow run(Statement.With with, Scope scope, StringBuilder out) {
    evaluator.at(with.line());
    Scope inner = scope.in(with.body().frame());
    List<Object> values = new ArrayList<>();
    with.assignments().forEach(each -> values.add(evaluate(each.value(), scope)));
    for (int i = 0; i < values.size(); i++) {
      assign(with.assignments().get(i).target(), values.get(i), inner);
    }
    return run(with.body().statements(), inner, out);
  }

  /**
   * As in transformers, a span begins where the page ends so far: in a macro or a block that is
   * set, that is before the text that the macro or block has already.
   */
  private void generation(Statement.Generation generation, Scope scope, StringBuilder out) {
    Macro body = new Macro(generation.signature(), generation.body(), scope, this);
    String text = (String) body.call(Arguments.NONE);
    generations.add(new Template.Span(page.length(), page.length() + text.length()));
    write(text, out);
  }

  private void assign(Target target, Object value, Scope scope) {
    if (target instanceof Statement.NameTarget name) {
      scope.set(name.name(), value);
    } else if (target instanceof Statement.NamespaceTarget name) {
      if (!(scope.get(name.name()) instanceof Namespace namespace)) {
        throw new PythonException("cannot assign attribute on non-namespace object");
      }
      namespace.set(name.attribute(), value);
    } else if (target instanceof Statement.TupleTarget tuple) {
      unpack(tuple, value, scope);
    }
  }

  private void unpack(Statement.TupleTarget target, Object value, Scope scope) {
    List<Object> items = Sequences.list(value);
    if (items.size() != target.targets().size()) {
      throw new PythonException(
          "expected %d values to unpack, found %d"
              .formatted(target.targets().size(), items.size()));
    }
    for (int i = 0; i < items.size(); i++) {
      assign(target.targets().get(i), items.get(i), scope);
    }
  }
}
