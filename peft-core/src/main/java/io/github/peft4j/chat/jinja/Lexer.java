package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.Texts;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A template to tokens, with Jinja's options {@code trim_blocks} and {@code lstrip_blocks}: a line
 * break after a block or comment goes, and so does white space between the start of a line and a
 * block or comment.
 */
final class Lexer {

  private static final Pattern FLOAT =
      Pattern.compile(
          "(?<!\\.)(?:\\d+_)*+\\d+(?:(?:\\.(?:\\d+_)*+\\d+)?[eE][+-]?(?:\\d+_)*+\\d+|\\.(?:\\d+_)*+\\d+)");
  private static final Pattern INTEGER =
      Pattern.compile(
          "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[0-9a-fA-F])++|[1-9](?:_?\\d)*+|0(?:_?0)*+");
  private static final Pattern OPERATOR =
      Pattern.compile("\\*\\*|//|==|!=|>=|<=|[-+/*%~\\[\\](){}><=.:|,;]");
  private static final Pattern RAW_BEGIN =
      Pattern.compile("\\{%[-+]?\\s*+raw\\s*+(?:(-)%\\}|%\\})");
  private static final Pattern RAW_END = Pattern.compile("\\{%([-+]?)\\s*+endraw\\s*+([-+]?)%\\}");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  private boolean lineBegins = true;

  private Lexer(String template) {
    String unix = template.replace("\r\n", "\n").replace('\r', '\n');
    source = unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix;
  }

  /** The tokens of a template; the last is {@code END}. */
  static List<Token> tokens(String template) {
    Lexer lexer = new Lexer(template);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        add(Token.Type.DATA, "", source.substring(at));
        moveTo(source.length());
        break;
      }
      char kind = source.charAt(tag + 1);
      Matcher raw = looking(RAW_BEGIN, tag);
      String text = stripped(source.substring(at, tag), kind, sign(tag + 2));
      if (!text.isEmpty()) {
        add(Token.Type.DATA, "", text);
      }
      moveTo(tag);
      if (raw != null) {
        raw(raw);
      } else if (kind == '#') {
        comment();
      } else {
        tag(kind == '%');
      }
    }
    add(Token.Type.END, "", "");
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  private char sign(int index) {
    char c = index < source.length() ? source.charAt(index) : ' ';
    return c == '-' || c == '+' ? c : ' ';
  }

  private String stripped(String text, char kind, char sign) {
    if (sign == '-') {
      return Texts.stripEnd(text, null);
    }
    int lineStart = text.lastIndexOf('\n') + 1;
    boolean begins = lineStart > 0 || lineBegins;
    boolean blank = Texts.strip(text.substring(lineStart), null).isEmpty();
    return sign == ' ' && kind != '{' && begins && blank ? text.substring(0, lineStart) : text;
  }

  private void raw(Matcher begin) {
    moveTo(begin.end());
    if (begin.group(1) != null) {
      skipSpace();
    }
    lineBegins = source.charAt(at - 1) == '\n';
    Matcher end = RAW_END.matcher(source);
    if (at == source.length()) {
      return; // as Jinja does
    }
    if (!end.find(at)) {
      throw new JinjaException(line, "{% raw %} without {% endraw %}");
    }
    char sign = end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0);
    String text = stripped(source.substring(at, end.start()), '%', sign);
    if (!text.isEmpty()) {
      add(Token.Type.DATA, "", text);
    }
    moveTo(end.end());
    afterBlock(end.group(2));
  }

  private void comment() {
    int begin = at + 2 + (sign(at + 2) == ' ' ? 0 : 1);
    int end = source.indexOf("#}", begin);
    if (begin >= source.length()) {
      moveTo(source.length()); // as Jinja does
      return;
    }
    if (end < 0) {
      throw new JinjaException(line, "{# without #}");
    }
    char sign = end > begin ? sign(end - 1) : ' ';
    moveTo(end + 2);
    afterBlock(String.valueOf(sign).strip());
  }

  /** What goes after a block or comment: all white space, nothing, or one line break. */
  private void afterBlock(String sign) {
    if (sign.equals("-")) {
      skipSpace();
    } else if (sign.isEmpty() && source.startsWith("\n", at)) {
      moveTo(at + 1);
    }
    lineBegins = source.charAt(at - 1) == '\n';
  }

  private void skipSpace() {
    int end = at;
    while (end < source.length() && Texts.isSpace(source.charAt(end))) {
      end++;
    }
    moveTo(end);
  }

  private void tag(boolean block) {
    add(block ? Token.Type.BLOCK_BEGIN : Token.Type.VARIABLE_BEGIN, "", "");
    moveTo(at + 2 + (sign(at + 2) == ' ' ? 0 : 1));
    Deque<Character> open = new ArrayDeque<>();
    String end = block ? "%}" : "}}";
    while (true) {
      skipSpace();
      if (at >= source.length()) {
        return; // the parser says what is missing
      }
      char sign = sign(at);
      boolean signed = (sign == '-' || (sign == '+' && block)) && source.startsWith(end, at + 1);
      if (open.isEmpty() && (signed || source.startsWith(end, at))) {
        add(block ? Token.Type.BLOCK_END : Token.Type.VARIABLE_END, "", "");
        moveTo(at + (signed ? 3 : 2));
        if (block) {
          afterBlock(signed ? String.valueOf(sign) : "");
        } else {
          afterBlock(signed ? "-" : "+");
        }
        return;
      }
      token(open);
    }
  }

  private void token(Deque<Character> open) {
    Matcher number = looking(FLOAT, at);
    Matcher integer = looking(INTEGER, at);
    char c = source.charAt(at);
    if (number != null) {
      add(Token.Type.FLOAT, "", Double.valueOf(number.group().replace("_", "")));
      moveTo(number.end());
    } else if (integer != null) {
      Object value = Numbers.parseInteger(integer.group(), 0);
      if (value == null) {
        throw new JinjaException(line, "the number " + integer.group() + " is too long");
      }
      add(Token.Type.INTEGER, integer.group(), value);
      moveTo(integer.end());
    } else if (isNamePart(source.codePointAt(at))) {
      name();
    } else if (c == '\'' || c == '"') {
      string(c);
    } else {
      operator(open);
    }
  }

  private static boolean isNamePart(int c) {
    return Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c);
  }

  private void name() {
    int end = at;
    while (end < source.length() && isNamePart(source.codePointAt(end))) {
      end += Character.charCount(source.codePointAt(end));
    }
    String name = source.substring(at, end);
    if (!Character.isUnicodeIdentifierStart(name.codePointAt(0)) && name.charAt(0) != '_') {
      throw new JinjaException(line, "invalid character in the name '" + name + "'");
    }
    add(Token.Type.NAME, name, name);
    moveTo(end);
  }

  private void string(char quote) {
    int end = at + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw new JinjaException(line, "a string without its closing " + quote);
    }
    add(Token.Type.STRING, "", StringLiteral.value(source.substring(at + 1, end), line));
    moveTo(end + 1);
  }

  private void operator(Deque<Character> open) {
    Matcher operator = looking(OPERATOR, at);
    if (operator == null) {
      throw new JinjaException(
          line, "unexpected character '" + Character.toString(source.codePointAt(at)) + "'");
    }
    String text = operator.group();
    char c = text.charAt(0);
    if ("([{".indexOf(c) >= 0) {
      open.push(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (")]}".indexOf(c) >= 0 && (open.isEmpty() || open.pop() != c)) {
      throw new JinjaException(line, "unexpected '" + c + "'");
    }
    add(Token.Type.OPERATOR, text, text);
    moveTo(operator.end());
  }

  private @Nullable Matcher looking(Pattern pattern, int from) {
    Matcher matcher =
        pattern.matcher(source).region(from, source.length()).useTransparentBounds(true);
    return matcher.lookingAt() ? matcher : null;
  }

  private void add(Token.Type type, String text, Object value) {
    tokens.add(new Token(type, text, value, line));
  }

  private void moveTo(int index) {
    for (int i = at; i < index; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    at = index;
  }
}
