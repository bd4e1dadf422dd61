package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.jinja.Statement.Block;
import io.github.peft4j.chat.jinja.Statement.Signature;
import io.github.peft4j.chat.jinja.Statement.Target;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** Tokens to statements. */
final class Parser {

  private static final Set<String> CONSTANTS =
      Set.of("true", "false", "none", "True", "False", "None");
  private static final Set<String> SPECIAL = Set.of("varargs", "kwargs", "caller");

  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private boolean inLoop;
  private boolean guarded;
  private int loops;

  private Parser(List<Token> tokens) {
    this.tokens = new TokenStream(tokens);
    this.expressions = new ExpressionParser(this.tokens);
  }

  /** A template. */
  static Block parse(String template) {
    Parser parser = new Parser(Lexer.tokens(template));
    List<Statement> statements = parser.statements(Set.of());
    if (!parser.tokens.is(Token.Type.END)) {
      throw parser.tokens.unexpected("a statement");
    }
    parser.expressions.requireNoUnknown();
    parser.expressions.closeFrames();
    return new Block(parser.expressions.frame(), statements);
  }

  /** Statements up to a tag of one of the names, of which the name is the current token. */
  private List<Statement> statements(Set<String> ends) {
    List<Statement> body = new ArrayList<>();
    int line = tokens.line();
    while (!tokens.is(Token.Type.END)) {
      Token token = tokens.next();
      if (token.type() == Token.Type.DATA) {
        body.add(new Statement.Text((String) token.value()));
      } else if (token.type() == Token.Type.VARIABLE_BEGIN) {
        body.add(new Statement.Print(token.line(), expressions.tuple(true, false)));
        tokens.expect(Token.Type.VARIABLE_END);
      } else {
        if (tokens.is(Token.Type.NAME) && ends.contains(tokens.current().text())) {
          return body;
        }
        body.add(tokens.nested(this::statement));
        tokens.expect(Token.Type.BLOCK_END);
      }
    }
    if (!ends.isEmpty()) {
      throw new JinjaException(
          line, "the block has no end: expected " + String.join(" or ", sorted(ends)));
    }
    return body;
  }

  private static List<String> sorted(Set<String> names) {
    return names.stream().sorted().map(name -> "{% " + name + " %}").toList();
  }

  /** The statements of a block: from the end of its tag on. */
  private List<Statement> body(String... ends) {
    tokens.skipOperator(":");
    tokens.expect(Token.Type.BLOCK_END);
    return statements(Set.of(ends));
  }

  private List<Statement> wholeBody(String end) {
    List<Statement> body = expressions.conditional(false, () -> body(end));
    tokens.next();
    return body;
  }

  /** A body with a frame of its own, up to an end tag that is read too. */
  private Block block(Frame frame, String end) {
    return block(frame, () -> wholeBody(end));
  }

  private Block block(Frame frame, Supplier<List<Statement>> body) {
    boolean outer = guarded;
    guarded = false;
    Block block = new Block(frame, expressions.in(frame, body));
    guarded = outer;
    return block;
  }

  private Statement statement() {
    Token tag = tokens.expect(Token.Type.NAME);
    int line = tag.line();
    return switch (tag.text()) {
      case "if" -> ifStatement();
      case "for" -> forStatement(line);
      case "set" -> set(line);
      case "macro" -> macro(line);
      case "call" -> call(line);
      case "filter" -> filter(line);
      case "with" -> with(line);
      case "generation" -> generation(line);
      case "break", "continue" -> {
        if (!inLoop) {
          throw new JinjaException(line, "{% " + tag.text() + " %} outside of a loop");
        }
        yield tag.text().equals("break") ? new Statement.Break() : new Statement.Continue();
      }
      case "print" -> new Statement.Print(line, new Expression.Concat(printed()));
      default -> throw new JinjaException(line, "the tag '" + tag.text() + "' is not supported");
    };
  }

  private List<Expression> printed() {
    List<Expression> values = new ArrayList<>(List.of(expressions.expression()));
    while (tokens.skipOperator(",")) {
      values.add(expressions.expression());
    }
    return values;
  }

  /** Parses the body of a function, which ends the loops around it. */
  private <T> T function(Supplier<T> parser) {
    boolean outer = inLoop;
    inLoop = false;
    T parsed = parser.get();
    inLoop = outer;
    return parsed;
  }

  private Statement ifStatement() {
    boolean outer = guarded;
    guarded = true;
    Statement branches = expressions.conditional(true, this::branches);
    guarded = outer;
    return branches;
  }

  private Statement branches() {
    List<Statement.Branch> branches = new ArrayList<>();
    String tag = "if";
    while (!tag.equals("endif")) {
      int line = tokens.line();
      boolean last = tag.equals("else");
      Expression condition = last ? null : expressions.tuple(false, false);
      List<Statement> body = last ? body("endif") : body("elif", "else", "endif");
      branches.add(new Statement.Branch(line, condition, body));
      tag = tokens.next().text();
    }
    return new Statement.If(branches);
  }

  private Statement forStatement(int line) {
    loops++;
    Target target = target(false);
    tokens.expectName("in");
    Expression items = expressions.tuple(false, false);
    requireNoLoop(target);
    Frame tested = expressions.inner();
    parameters(target, tested);
    Statement.Condition condition =
        tokens.skipName("if")
            ? new Statement.Condition(tested, expressions.in(tested, expressions::expression))
            : null;
    if (tokens.current().isName("recursive")) {
      throw new JinjaException(line, "recursive loops are not supported");
    }
    boolean outer = inLoop;
    inLoop = true;
    Frame round = expressions.inner();
    round.parameter("loop");
    parameters(target, round);
    Block body = block(round, () -> expressions.conditional(false, () -> body("endfor", "else")));
    inLoop = outer;
    Frame empty = expressions.inner();
    Block otherwise =
        tokens.next().text().equals("else") ? block(empty, "endfor") : new Block(empty, List.of());
    loops--;
    return new Statement.For(line, target, items, condition, body, otherwise);
  }

  private Statement set(int line) {
    Target target = target(true);
    if (tokens.skipOperator("=")) {
      Expression value = expressions.tuple(true, false);
      written(target);
      return new Statement.Assign(line, target, value);
    }
    written(target);
    Frame inner = expressions.inner();
    List<Expression.Step> filters = expressions.in(inner, () -> expressions.filterChain(false));
    return new Statement.SetBlock(line, target, filters, block(inner, "endset"));
  }

  private Statement filter(int line) {
    List<Expression.Step> filters = expressions.filterChain(true);
    return new Statement.FilterBlock(line, filters, block(expressions.inner(), "endfilter"));
  }

  private Statement with(int line) {
    Frame inner = expressions.inner();
    List<Statement.Assignment> assignments = new ArrayList<>();
    while (!tokens.is(Token.Type.BLOCK_END)) {
      if (!assignments.isEmpty()) {
        tokens.expectOperator(",");
      }
      Target target = target(false);
      tokens.expectOperator("=");
      parameters(target, inner);
      assignments.add(new Statement.Assignment(target, expressions.expression()));
    }
    return new Statement.With(line, assignments, block(inner, "endwith"));
  }

  /** Tells the frame of the statement what it sets. */
  private void written(Target target) {
    requireNoLoop(target);
    if (target instanceof Statement.NameTarget name) {
      expressions.frame().set(name.name(), guarded);
    } else if (target instanceof Statement.NamespaceTarget name) {
      expressions.frame().read(name.name());
    } else if (target instanceof Statement.TupleTarget tuple) {
      tuple.targets().forEach(this::written);
    }
  }

  private void requireNoLoop(Target target) {
    if (loops > 0 && target instanceof Statement.NameTarget name && name.name().equals("loop")) {
      throw new JinjaException(tokens.line(), "cannot assign to 'loop' in a loop");
    } else if (target instanceof Statement.TupleTarget tuple) {
      tuple.targets().forEach(this::requireNoLoop);
    }
  }

  private static void parameters(Target target, Frame frame) {
    if (target instanceof Statement.NameTarget name) {
      frame.parameter(name.name());
    } else if (target instanceof Statement.TupleTarget tuple) {
      tuple.targets().forEach(each -> parameters(each, frame));
    }
  }

  private Statement macro(int line) {
    String name = variable();
    expressions.frame().set(name, guarded);
    Frame inner = expressions.inner();
    Set<String> names = new HashSet<>();
    return expressions.collecting(
        names,
        () -> {
          List<Statement.Parameter> parameters = expressions.in(inner, this::parameters);
          Block body = function(() -> block(inner, "endmacro"));
          return new Statement.MacroDefinition(
              line, signature(name, parameters, names, inner), body);
        });
  }

  private Statement call(int line) {
    Frame inner = expressions.inner();
    Set<String> names = new HashSet<>();
    return expressions.collecting(
        names,
        () -> {
          List<Statement.Parameter> parameters =
              tokens.current().isOperator("(")
                  ? expressions.in(inner, this::parameters)
                  : List.of();
          Expression expression = expressions.expression();
          if (!(expression instanceof Expression.Postfix postfix)
              || !(postfix.steps().get(postfix.steps().size() - 1) instanceof Expression.Call)) {
            throw new JinjaException(line, "expected a call in {% call %}");
          }
          Block body = function(() -> block(inner, "endcall"));
          return new Statement.CallBlock(
              line, signature("caller", parameters, names, inner), postfix, body);
        });
  }

  /** In Jinja this is a {@code call} block without parameters. */
  private Statement generation(int line) {
    Frame inner = expressions.inner();
    Set<String> names = new HashSet<>();
    return expressions.collecting(
        names,
        () -> {
          Block body = function(() -> block(inner, "endgeneration"));
          return new Statement.Generation(line, signature("caller", List.of(), names, inner), body);
        });
  }

  private static Signature signature(
      String name, List<Statement.Parameter> parameters, Set<String> names, Frame frame) {
    Set<String> special = new HashSet<>(SPECIAL);
    special.retainAll(names);
    parameters.forEach(parameter -> special.remove(parameter.name()));
    special.forEach(frame::parameter);
    return new Signature(name, parameters, special);
  }

  private List<Statement.Parameter> parameters() {
    List<Statement.Parameter> parameters = new ArrayList<>();
    boolean defaults = false;
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      String name = variable();
      expressions.frame().parameter(name);
      boolean hasDefault = tokens.skipOperator("=");
      if (defaults && !hasDefault) {
        throw new JinjaException(
            tokens.line(), "the parameter '" + name + "' without a default follows one with");
      }
      defaults = hasDefault;
      parameters.add(new Statement.Parameter(name, hasDefault ? expressions.expression() : null));
    }
    return parameters;
  }

  private String variable() {
    Token token = tokens.expect(Token.Type.NAME);
    if (CONSTANTS.contains(token.text())) {
      throw new JinjaException(token.line(), "cannot assign to '" + token.text() + "'");
    }
    return token.text();
  }

  /** One target, or several with commas. */
  private Target target(boolean withNamespaces) {
    List<Target> targets = new ArrayList<>();
    boolean commas = false;
    while (!isTargetEnd()) {
      targets.add(oneTarget(withNamespaces));
      if (!tokens.skipOperator(",")) {
        break;
      }
      commas = true;
    }
    if (targets.isEmpty()) {
      throw tokens.unexpected("a name");
    }
    return commas ? new Statement.TupleTarget(targets) : targets.get(0);
  }

  private boolean isTargetEnd() {
    return tokens.is(Token.Type.BLOCK_END)
        || tokens.current().isOperator(")")
        || tokens.current().isOperator("=");
  }

  private Target oneTarget(boolean withNamespaces) {
    if (tokens.skipOperator("(")) {
      Target inner = tokens.nested(() -> target(false));
      tokens.expectOperator(")");
      return inner;
    }
    String name = variable();
    if (withNamespaces && tokens.skipOperator(".")) {
      return new Statement.NamespaceTarget(name, tokens.expect(Token.Type.NAME).text());
    }
    return new Statement.NameTarget(name);
  }
}
