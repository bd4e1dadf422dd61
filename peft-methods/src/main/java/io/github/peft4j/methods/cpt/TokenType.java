package io.github.peft4j.methods.cpt;

/** What a type means: the types of each example repeat after four. */
enum TokenType {
  /** Neither trained nor in the loss. */
  NONE,
  /** The text before an input, or between an input and its label. */
  FORMAT,
  /** An example's input. */
  INPUT,
  /** An example's label: not trained, but in the loss. */
  LABEL;

  /** The meaning of a type. */
  static TokenType of(int type) {
    if (type == 0) {
      return NONE;
    }
    return switch (type % 4) {
      case 0 -> LABEL;
      case 2 -> INPUT;
      default -> FORMAT;
    };
  }
}
