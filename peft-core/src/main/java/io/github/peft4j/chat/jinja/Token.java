package io.github.peft4j.chat.jinja;

/**
 * A token of a template.
 *
 * @param type what it is
 * @param text names and operators: as they are written
 * @param value data, strings and numbers: what they mean
 * @param line where it begins, from 1 on
 */
record Token(Type type, String text, Object value, int line) {

  /** Kinds of tokens. */
  enum Type {
    DATA("text"),
    VARIABLE_BEGIN("{{"),
    VARIABLE_END("}}"),
    BLOCK_BEGIN("{%"),
    BLOCK_END("%}"),
    NAME("a name"),
    STRING("a string"),
    INTEGER("an integer"),
    FLOAT("a number"),
    OPERATOR("an operator"),
    END("the end of the template");

    private final String description;

    Type(String description) {
      this.description = description;
    }

    String description() {
      return description;
    }
  }

  boolean isName(String name) {
    return type == Type.NAME && text.equals(name);
  }

  boolean isOperator(String operator) {
    return type == Type.OPERATOR && text.equals(operator);
  }

  /** The token in messages. */
  String shown() {
    return type == Type.NAME || type == Type.OPERATOR ? "'" + text + "'" : type.description();
  }
}
