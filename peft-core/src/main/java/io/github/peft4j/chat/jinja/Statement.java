package io.github.peft4j.chat.jinja;

import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A statement, or text between statements. */
sealed interface Statement {

  /** Statements that have variables of their own. */
  record Block(Frame frame, List<Statement> statements) {}

  /** Text as it is. */
  record Text(String text) implements Statement {}

  /** {@code {{ value }}}. */
  record Print(int line, Expression value) implements Statement {}

  /** {@code {% if %}} and its {@code elif} and {@code else}: the last may have no condition. */
  record If(List<Branch> branches) implements Statement {}

  /** A condition, null for {@code else}, and what it guards. */
  record Branch(int line, @Nullable Expression condition, List<Statement> body) {}

  /** {@code {% for target in items if condition %}}. */
  record For(
      int line,
      Target target,
      Expression items,
      @Nullable Condition condition,
      Block body,
      Block otherwise)
      implements Statement {}

  /** Which items a loop takes. The frame has the loop's target. */
  record Condition(Frame frame, Expression holds) {}

  /** {@code {% break %}}. */
  record Break() implements Statement {}

  /** {@code {% continue %}}. */
  record Continue() implements Statement {}

  /** {@code {% set target = value %}}. */
  record Assign(int line, Target target, Expression value) implements Statement {}

  /** {@code {% set target | filters %}...{% endset %}}. */
  record SetBlock(int line, Target target, List<Expression.Step> filters, Block body)
      implements Statement {}

  /** {@code {% filter name %}...{% endfilter %}}. */
  record FilterBlock(int line, List<Expression.Step> filters, Block body) implements Statement {}

  /** {@code {% with a = b %}...{% endwith %}}. */
  record With(int line, List<Assignment> assignments, Block body) implements Statement {}

  /** A target and its value. */
  record Assignment(Target target, Expression value) {}

  /** {@code {% macro name(parameters) %}}. */
  record MacroDefinition(int line, Signature signature, Block body) implements Statement {}

  /** {@code {% call(parameters) function(...) %}}. */
  record CallBlock(int line, Signature signature, Expression.Postfix call, Block body)
      implements Statement {}

  /** {@code {% generation %}}: what the assistant writes. */
  record Generation(int line, Signature signature, Block body) implements Statement {}

  /**
   * The parameters of a macro.
   *
   * @param name the macro's
   * @param parameters in their order
   * @param special which of {@code varargs}, {@code kwargs} and {@code caller} the body names
   */
  record Signature(String name, List<Parameter> parameters, Set<String> special) {}

  /** A parameter with its default. */
  record Parameter(String name, @Nullable Expression otherwise) {}

  /** What a value is assigned to. */
  sealed interface Target {}

  /** A variable. */
  record NameTarget(String name) implements Target {}

  /** Several targets for the items of a value. */
  record TupleTarget(List<Target> targets) implements Target {}

  /** {@code name.attribute} of a namespace. */
  record NamespaceTarget(String name, String attribute) implements Target {}
}
