package io.github.peft4j.chat.jinja;

/** What is between the quotes of a string: Python's escapes. */
final class StringLiteral {

  private static final String ESCAPES = "\\\\\"\"''a\u0007b\bf\fn\nr\rt\tv\u000b";

  private StringLiteral() {}

  static String value(String literal, int line) {
    if (literal.indexOf('\\') < 0) {
      return literal;
    }
    StringBuilder value = new StringBuilder();
    int i = 0;
    while (i < literal.length()) {
      char c = literal.charAt(i++);
      if (c != '\\') {
        value.append(c);
        continue;
      }
      char escape = literal.charAt(i++); // the lexer never ends a string after a backslash
      int known = ESCAPES.indexOf(escape);
      int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
      if (digits > 0) {
        value.appendCodePoint(codePoint(literal, i, digits, line));
        i += digits;
      } else if (escape >= '0' && escape <= '7') {
        int end = i;
        while (end < Math.min(i + 2, literal.length())
            && "01234567".indexOf(literal.charAt(end)) >= 0) {
          end++;
        }
        value.append((char) Integer.parseInt(literal.substring(i - 1, end), 8));
        i = end;
      } else if (escape == 'N') {
        throw new JinjaException(line, "\\N{...} in strings is not supported");
      } else if (known >= 0 && known % 2 == 0) {
        value.append(ESCAPES.charAt(known + 1));
      } else if (escape != '\n') {
        value.append('\\').append(escape);
      }
    }
    return value.toString();
  }

  private static int codePoint(String literal, int from, int digits, int line) {
    String hex = literal.substring(from, Math.min(from + digits, literal.length()));
    if (!hex.matches("[0-9a-fA-F]{" + digits + "}")) {
      throw new JinjaException(line, "expected " + digits + " hexadecimal digits, found " + hex);
    }
    long value = Long.parseLong(hex, 16);
    if (value > Character.MAX_CODE_POINT) {
      throw new JinjaException(line, "there is no character " + hex);
    }
    return (int) value;
  }
}
