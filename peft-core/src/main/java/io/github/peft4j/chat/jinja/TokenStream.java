package io.github.peft4j.chat.jinja;

import java.util.List;
import java.util.function.Supplier;

/** The tokens of a template, one after the other. */
final class TokenStream {

  private static final int DEEPEST = 100;

  private final List<Token> tokens;
  private int at;
  private int depth;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token current() {
    return tokens.get(at);
  }

  Token following() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = current();
    at = Math.min(at + 1, tokens.size() - 1);
    return token;
  }

  int line() {
    return current().line();
  }

  boolean is(Token.Type type) {
    return current().type() == type;
  }

  boolean skipOperator(String operator) {
    return skipIf(current().isOperator(operator));
  }

  boolean skipName(String name) {
    return skipIf(current().isName(name));
  }

  private boolean skipIf(boolean condition) {
    if (condition) {
      next();
    }
    return condition;
  }

  Token expect(Token.Type type) {
    if (!is(type)) {
      throw unexpected(type.description());
    }
    return next();
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw unexpected("'" + name + "'");
    }
  }

  JinjaException unexpected(String expected) {
    return new JinjaException(line(), "expected " + expected + ", found " + current().shown());
  }

  /** Parses something inside something else, which must not be too deep. */
  <T> T nested(Supplier<T> parser) {
    if (++depth > DEEPEST) {
      throw new JinjaException(line(), "brackets or blocks are nested more than 100 deep");
    }
    T parsed = parser.get();
    depth--;
    return parsed;
  }
}
