package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.jinja.Expression.CallArguments;
import io.github.peft4j.chat.jinja.Expression.Operand;
import io.github.peft4j.chat.jinja.Expression.Step;
import io.github.peft4j.chat.python.None;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Tokens to expressions. Each method is a level of Jinja's precedence, from the weakest on. */
final class ExpressionParser {

  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> UNSUPPORTED = Set.of("cycler", "joiner", "lipsum");

  private final TokenStream tokens;
  private final List<Frame> frames = new ArrayList<>();
  private Frame frame = new Frame(null);
  private Set<String> names = new HashSet<>();
  private final List<JinjaException> unknown = new ArrayList<>();
  private boolean conditional;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
    frames.add(frame);
  }

  /** The frame of what is parsed. */
  Frame frame() {
    return frame;
  }

  /** A new frame in the present one. */
  Frame inner() {
    Frame inner = new Frame(frame);
    frames.add(inner);
    return inner;
  }

  /** Parses something whose variables are those of a frame. */
  <T> T in(Frame block, Supplier<T> parser) {
    Frame around = frame;
    frame = block;
    T parsed = parser.get();
    frame = around;
    return parsed;
  }

  /** Closes all frames: the template is parsed. */
  void closeFrames() {
    frames.forEach(Frame::close);
  }

  /** Parses something and adds the variables that it reads to a set. */
  <T> T collecting(Set<String> found, Supplier<T> parser) {
    Set<String> outer = names;
    names = found;
    T parsed = parser.get();
    outer.addAll(found);
    names = outer;
    return parsed;
  }

  /** Parses what an {@code if} guards: unknown filters in it fail when they are reached. */
  <T> T conditional(boolean guarded, Supplier<T> parser) {
    boolean outer = conditional;
    conditional = guarded;
    T parsed = parser.get();
    conditional = outer;
    return parsed;
  }

  /** Fails if a filter or test that is always reached does not exist. */
  void requireNoUnknown() {
    if (!unknown.isEmpty()) {
      throw unknown.get(0);
    }
  }

  /** An expression. */
  Expression expression() {
    return tokens.nested(this::conditionalExpression);
  }

  private Expression conditionalExpression() {
    int known = unknown.size();
    Expression result = or();
    while (tokens.skipName("if")) {
      unknown.subList(known, unknown.size()).clear();
      Expression then = result;
      result =
          conditional(
              true,
              () -> {
                Expression condition = or();
                return new Expression.Conditional(
                    then, condition, tokens.skipName("else") ? expression() : null);
              });
    }
    return result;
  }

  /** An expression without {@code if}. */
  Expression unconditional() {
    return tokens.nested(this::or);
  }

  private Expression or() {
    return logical("or", () -> logical("and", this::not));
  }

  private Expression logical(String word, Supplier<Expression> operand) {
    List<Expression> operands = new ArrayList<>(List.of(operand.get()));
    while (tokens.skipName(word)) {
      operands.add(operand.get());
    }
    return operands.size() == 1
        ? operands.get(0)
        : new Expression.Logical(word.equals("and"), operands);
  }

  private Expression not() {
    return tokens.skipName("not") ? new Expression.Not(tokens.nested(this::not)) : comparison();
  }

  private Expression comparison() {
    Expression first = sum();
    List<Operand> others = new ArrayList<>();
    while (true) {
      if (tokens.is(Token.Type.OPERATOR) && COMPARISONS.contains(tokens.current().text())) {
        others.add(new Operand(tokens.next().text(), sum()));
      } else if (tokens.skipName("in")) {
        others.add(new Operand("in", sum()));
      } else if (tokens.current().isName("not") && tokens.following().isName("in")) {
        tokens.next();
        tokens.next();
        others.add(new Operand("not in", sum()));
      } else {
        return others.isEmpty() ? first : new Expression.Compare(first, others);
      }
    }
  }

  private Expression sum() {
    return arithmetic(Set.of("+", "-"), this::concat);
  }

  private Expression concat() {
    List<Expression> operands = new ArrayList<>(List.of(product()));
    while (tokens.skipOperator("~")) {
      operands.add(product());
    }
    return operands.size() == 1 ? operands.get(0) : new Expression.Concat(operands);
  }

  private Expression product() {
    return arithmetic(
        Set.of("*", "/", "//", "%"), () -> arithmetic(Set.of("**"), () -> unary(true)));
  }

  private Expression arithmetic(Set<String> operators, Supplier<Expression> operand) {
    Expression first = operand.get();
    List<Operand> others = new ArrayList<>();
    while (tokens.is(Token.Type.OPERATOR) && operators.contains(tokens.current().text())) {
      others.add(new Operand(tokens.next().text(), operand.get()));
    }
    return others.isEmpty() ? first : new Expression.Arithmetic(first, others);
  }

  private Expression unary(boolean withFilters) {
    int line = tokens.line();
    Expression value;
    if (tokens.current().isOperator("-") || tokens.current().isOperator("+")) {
      String sign = tokens.next().text();
      value = new Expression.Sign(sign, tokens.nested(() -> unary(false)));
    } else {
      value = primary();
    }
    List<Step> steps = new ArrayList<>();
    postfix(steps);
    if (withFilters) {
      filters(steps);
    }
    return steps.isEmpty() ? value : new Expression.Postfix(line, value, steps);
  }

  /** A name, a literal or something in brackets. */
  Expression primary() {
    Token token = tokens.next();
    return switch (token.type()) {
      case NAME -> name(token);
      case STRING -> {
        StringBuilder text = new StringBuilder((String) token.value());
        while (tokens.is(Token.Type.STRING)) {
          text.append(tokens.next().value());
        }
        yield new Expression.Constant(text.toString());
      }
      case INTEGER, FLOAT -> new Expression.Constant(token.value());
      default -> bracketed(token);
    };
  }

  private Expression bracketed(Token token) {
    if (token.isOperator("(")) {
      Expression inner = tuple(true, true);
      tokens.expectOperator(")");
      return inner;
    } else if (token.isOperator("[")) {
      return new Expression.ListOf(separated("]", this::expression));
    } else if (token.isOperator("{")) {
      return new Expression.DictOf(separated("}", this::entry));
    }
    throw new JinjaException(token.line(), "expected an expression, found " + token.shown());
  }

  private Expression name(Token token) {
    return switch (token.text()) {
      case "true", "True" -> new Expression.Constant(true);
      case "false", "False" -> new Expression.Constant(false);
      case "none", "None" -> new Expression.Constant(None.NONE);
      default -> {
        if (UNSUPPORTED.contains(token.text()) && tokens.current().isOperator("(")) {
          throw new JinjaException(token.line(), token.text() + "() is not supported");
        }
        names.add(token.text());
        frame.read(token.text());
        yield new Expression.Name(token.text());
      }
    };
  }

  private Expression.Entry entry() {
    Expression key = expression();
    tokens.expectOperator(":");
    return new Expression.Entry(key, expression());
  }

  private <T> List<T> separated(String end, Supplier<T> item) {
    List<T> items = new ArrayList<>();
    while (!tokens.skipOperator(end)) {
      if (!items.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(end)) {
          break;
        }
      }
      items.add(item.get());
    }
    return items;
  }

  /** An expression, or several with commas: a tuple. */
  Expression tuple(boolean withConditional, boolean maybeEmpty) {
    List<Expression> items = new ArrayList<>();
    boolean commas = false;
    while (!isTupleEnd()) {
      items.add(withConditional ? expression() : unconditional());
      if (!tokens.skipOperator(",")) {
        break;
      }
      commas = true;
    }
    if (!commas && items.size() == 1) {
      return items.get(0);
    }
    if (items.isEmpty() && !maybeEmpty) {
      throw tokens.unexpected("an expression");
    }
    return new Expression.TupleOf(items);
  }

  private boolean isTupleEnd() {
    return tokens.is(Token.Type.VARIABLE_END)
        || tokens.is(Token.Type.BLOCK_END)
        || tokens.current().isOperator(")");
  }

  private void postfix(List<Step> steps) {
    while (true) {
      if (tokens.skipOperator(".")) {
        Token name = tokens.next();
        if (name.type() == Token.Type.NAME) {
          steps.add(new Expression.Attribute(name.text()));
        } else if (name.type() == Token.Type.INTEGER) {
          steps.add(new Expression.Item(new Expression.Constant(name.value())));
        } else {
          throw new JinjaException(name.line(), "expected a name after '.', found " + name.shown());
        }
      } else if (tokens.skipOperator("[")) {
        steps.add(subscript());
      } else if (tokens.current().isOperator("(")) {
        steps.add(new Expression.Call(arguments()));
      } else {
        return;
      }
    }
  }

  private Step subscript() {
    Expression start =
        tokens.current().isOperator(":") ? new Expression.Constant(None.NONE) : expression();
    if (!tokens.skipOperator(":")) {
      if (tokens.current().isOperator(",")) {
        throw new JinjaException(tokens.line(), "subscripts with commas are not supported");
      }
      tokens.expectOperator("]");
      return new Expression.Item(start);
    }
    Expression stop = bound();
    Expression step = tokens.skipOperator(":") ? bound() : new Expression.Constant(None.NONE);
    tokens.expectOperator("]");
    return new Expression.Slice(start, stop, step);
  }

  private Expression bound() {
    return tokens.current().isOperator(":") || tokens.current().isOperator("]")
        ? new Expression.Constant(None.NONE)
        : expression();
  }

  private CallArguments arguments() {
    int line = tokens.line();
    tokens.expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    @Nullable Expression more = null;
    @Nullable Expression moreNamed = null;
    while (!tokens.skipOperator(")")) {
      if (!positional.isEmpty() || !named.isEmpty() || more != null || moreNamed != null) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(")")) {
          break;
        }
      }
      boolean valid = moreNamed == null;
      if (tokens.skipOperator("*")) {
        valid &= more == null;
        more = expression();
      } else if (tokens.skipOperator("**")) {
        moreNamed = expression();
      } else if (tokens.is(Token.Type.NAME) && tokens.following().isOperator("=")) {
        String name = tokens.next().text();
        tokens.next();
        valid &= named.put(name, expression()) == null;
      } else {
        valid &= more == null && named.isEmpty();
        positional.add(expression());
      }
      if (!valid) {
        throw new JinjaException(line, "arguments in a wrong order, or two of the same name");
      }
    }
    return new CallArguments(positional, named, more, moreNamed);
  }

  /** Filters, tests and calls after them. */
  private void filters(List<Step> steps) {
    while (true) {
      if (tokens.current().isOperator("|")) {
        tokens.next();
        steps.add(filter());
      } else if (tokens.skipName("is")) {
        test(steps);
      } else if (tokens.current().isOperator("(")) {
        steps.add(new Expression.Call(arguments()));
      } else {
        return;
      }
    }
  }

  /** The filters of a block; the first has no bar before it if the block begins with it. */
  List<Step> filterChain(boolean startsInline) {
    List<Step> steps = new ArrayList<>();
    if (startsInline) {
      steps.add(filter());
    }
    while (tokens.skipOperator("|")) {
      steps.add(filter());
    }
    return steps;
  }

  private Step filter() {
    int line = tokens.line();
    String name = dottedName();
    requireKnown("filter", name, Filters.isSupported(name), Filters.UNSUPPORTED, line);
    return new Expression.Filter(
        name, tokens.current().isOperator("(") ? arguments() : CallArguments.NONE);
  }

  private String dottedName() {
    StringBuilder name = new StringBuilder(tokens.expect(Token.Type.NAME).text());
    while (tokens.skipOperator(".")) {
      name.append('.').append(tokens.expect(Token.Type.NAME).text());
    }
    return name.toString();
  }

  private void requireKnown(
      String kind, String name, boolean known, Set<String> unsupported, int line) {
    if (unsupported.contains(name)) {
      throw new JinjaException(line, "the " + kind + " '" + name + "' is not supported");
    }
    if (!known && !conditional) {
      unknown.add(new JinjaException(line, "there is no " + kind + " named '" + name + "'"));
    }
  }

  private void test(List<Step> steps) {
    int line = tokens.line();
    boolean negated = tokens.skipName("not");
    String name = dottedName();
    requireKnown("test", name, Tests.isSupported(name), Set.of(), line);
    steps.add(new Expression.Test(name, testArguments()));
    if (negated) {
      steps.add(new Expression.Negation());
    }
  }

  private CallArguments testArguments() {
    Token token = tokens.current();
    if (token.isOperator("(")) {
      return arguments();
    }
    boolean isValue =
        switch (token.type()) {
          case NAME -> !Set.of("else", "or", "and").contains(token.text());
          case STRING, INTEGER, FLOAT -> true;
          default -> token.isOperator("[") || token.isOperator("{");
        };
    if (!isValue) {
      return CallArguments.NONE;
    }
    if (token.isName("is")) {
      throw new JinjaException(token.line(), "tests cannot be chained with 'is'");
    }
    int line = tokens.line();
    Expression value = tokens.nested(this::primary);
    List<Step> steps = new ArrayList<>();
    postfix(steps);
    Expression argument = steps.isEmpty() ? value : new Expression.Postfix(line, value, steps);
    return new CallArguments(List.of(argument), Map.of(), null, null);
  }
}
