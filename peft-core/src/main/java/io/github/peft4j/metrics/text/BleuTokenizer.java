package io.github.peft4j.metrics.text;

import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/** How BLEU makes tokens of a text: sacrebleu's {@code tokenize}. */
public enum BleuTokenizer {
  /** Western punctuation apart, as WMT's mteval-v13a does: sacrebleu's default. */
  V13A("13a", BleuTokenizer::western),
  /**
   * All punctuation and symbols apart, as mteval-v14 with {@code --international-tokenization}:
   * those that the Unicode of the JDK knows, and pictographs of later versions.
   */
  INTL("intl", BleuTokenizer::international),
  /** Each character is a token. */
  CHAR("char", BleuTokenizer::characters),
  /** What is between white space, for texts that have been tokenised. */
  NONE("none", text -> text);

  private static final Replacement ASCII_PUNCTUATION =
      new Replacement("([\\{-~\\[-` -&\\(-+:-@/])", " $1 ");
  private static final Replacement POINT_AFTER_NO_DIGIT =
      new Replacement("([^0-9])([.,])", "$1 $2 ");
  private static final Replacement POINT_BEFORE_NO_DIGIT =
      new Replacement("([.,])([^0-9])", " $1 $2");
  private static final Replacement DASH_AFTER_DIGIT = new Replacement("([0-9])(-)", "$1 $2 ");

  private static final Replacement PUNCTUATION_AFTER_NO_DIGIT =
      new Replacement("(\\P{N})(\\p{P})", "$1 $2 ");
  private static final Replacement PUNCTUATION_BEFORE_NO_DIGIT =
      new Replacement("(\\p{P})(\\P{N})", " $1 $2");

  /** Code points that Java 17 does not know yet in the blocks of pictographs will be symbols. */
  private static final Replacement SYMBOLS =
      new Replacement("([\\p{S}[\\p{Cn}&&[\\x{1F000}-\\x{1FAFF}]]])", " $1 ");

  private final String id;
  private final UnaryOperator<String> separate;

  BleuTokenizer(String id, UnaryOperator<String> separate) {
    this.id = id;
    this.separate = separate;
  }

  private record Replacement(Pattern pattern, String with) {

    Replacement(String pattern, String with) {
      this(Pattern.compile(pattern), with);
    }

    String in(String text) {
      return pattern.matcher(text).replaceAll(with);
    }
  }

  /**
   * sacrebleu's name.
   *
   * @return the name, such as {@code 13a}
   */
  public String id() {
    return id;
  }

  /**
   * The tokens of a text.
   *
   * @param text the text
   * @return the tokens
   */
  public List<String> tokenize(String text) {
    return PythonText.split(separate.apply(PythonText.stripTrailing(text)));
  }

  private static String western(String text) {
    String line = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ");
    line =
        line.replace("&quot;", "\"")
            .replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">");
    line = ASCII_PUNCTUATION.in(" " + line + " ");
    line = POINT_BEFORE_NO_DIGIT.in(POINT_AFTER_NO_DIGIT.in(line));
    return DASH_AFTER_DIGIT.in(line);
  }

  private static String international(String text) {
    return SYMBOLS.in(PUNCTUATION_BEFORE_NO_DIGIT.in(PUNCTUATION_AFTER_NO_DIGIT.in(text)));
  }

  private static String characters(String text) {
    StringBuilder characters = new StringBuilder(2 * text.length());
    text.codePoints().forEach(c -> characters.appendCodePoint(c).append(' '));
    return characters.toString();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
