package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Arithmetic;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Markup;
import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Slices;
import io.github.peft4j.chat.python.Texts;
import io.github.peft4j.chat.python.Tuple;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Filters of texts. */
final class TextFilters {

  private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern WORD_BEGIN =
      Pattern.compile("([-\\s({\\[<]+)", Pattern.UNICODE_CHARACTER_CLASS);

  static final Map<String, Filters.Filter> ALL = new HashMap<>();

  static {
    for (String name : List.of("capitalize", "lower", "upper")) {
      ALL.put(name, (value, a, b) -> Filters.method(name, Filters.soft(value, b), a, b));
    }
    ALL.put("trim", TextFilters::trim);
    ALL.put("title", TextFilters::title);
    ALL.put("replace", TextFilters::replace);
    ALL.put("indent", TextFilters::indent);
    ALL.put("truncate", TextFilters::truncate);
    ALL.put("center", TextFilters::center);
    ALL.put("format", TextFilters::format);
    ALL.put("wordcount", TextFilters::wordCount);
    ALL.put("safe", (value, a, b) -> new Markup(Repr.str(value, b)));
    ALL.put("escape", (value, a, b) -> Markup.escape(value, b));
    ALL.put("e", (value, a, b) -> Markup.escape(value, b));
    ALL.put("forceescape", (value, a, b) -> Markup.escape(Repr.str(value, b), b));
  }

  private TextFilters() {}

  private static Object trim(Object value, Arguments arguments, Budget budget) {
    Object characters = arguments.bind("trim", "chars").get("chars", None.NONE);
    return Filters.method(
        "strip", Filters.soft(value, budget), new Arguments(List.of(characters), Map.of()), budget);
  }

  private static Object title(Object value, Arguments arguments, Budget budget) {
    arguments.positional("title", 0, 0);
    String text = Repr.str(value, budget);
    StringBuilder title = new StringBuilder();
    Matcher between = WORD_BEGIN.matcher(text);
    int from = 0;
    while (between.find()) {
      title.append(capital(text.substring(from, between.start()))).append(between.group());
      from = between.end();
    }
    return title.append(capital(text.substring(from))).toString();
  }

  private static String capital(String word) {
    if (word.isEmpty()) {
      return word;
    }
    int end = Character.charCount(word.codePointAt(0));
    return word.substring(0, end).toUpperCase(Locale.ROOT)
        + word.substring(end).toLowerCase(Locale.ROOT);
  }

  private static Object replace(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("replace", "old", "new", "count");
    Object count = bound.get("count", None.NONE);
    return Texts.replace(
        Repr.str(value, budget),
        Repr.str(bound.required("old"), budget),
        Repr.str(bound.required("new"), budget),
        count == None.NONE ? -1 : Numbers.index(count, "count"),
        budget);
  }

  private static Object indent(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("indent", "width", "first", "blank");
    Object width = bound.get("width", 4L);
    String given = Sequences.text(width);
    String space = given == null ? Texts.repeat(" ", Numbers.index(width, "width"), budget) : given;
    boolean blank = Sequences.truth(bound.get("blank", false));
    String text = Sequences.requireText(Arithmetic.apply("+", value, "\n", budget), "the text");
    StringBuilder out = new StringBuilder(Sequences.truth(bound.get("first", false)) ? space : "");
    boolean following = false;
    for (Object line : Texts.lines(text, false)) {
      if (following) {
        budget.append(blank || !line.equals("") ? "\n" + space : "\n", out);
      }
      out.append(line);
      following = true;
    }
    return value instanceof Markup ? new Markup(budget.text(out)) : budget.text(out);
  }

  private static Object truncate(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("truncate", "length", "killwords", "end", "leeway");
    int length = Numbers.index(bound.get("length", 255L), "length");
    String end = Sequences.requireText(bound.get("end", "..."), "end");
    Object given = bound.get("leeway", None.NONE);
    long leeway = given == None.NONE ? 5 : Numbers.index(given, "leeway");
    int kept = length - Texts.length(end);
    if (kept < 0 || leeway < 0) {
      throw new PythonException("truncate needs a length of at least that of its end");
    }
    if (Sequences.length(value) <= length + leeway) {
      return value;
    }
    String text = Sequences.requireText(value, "a value to truncate");
    String start = (String) Slices.slice(text, None.NONE, (long) kept, None.NONE, budget);
    if (!Sequences.truth(bound.get("killwords", false))) {
      start = (String) Texts.splitFromEnd(start, " ", 1).get(0);
    }
    return start + end;
  }

  private static Object center(Object value, Arguments arguments, Budget budget) {
    int width = Numbers.index(arguments.bind("center", "width").get("width", 80L), "width");
    return Texts.center(Repr.str(value, budget), width, " ", budget);
  }

  private static Object format(Object value, Arguments arguments, Budget budget) {
    if (arguments.size() > 0 && !arguments.named().isEmpty()) {
      throw new PythonException("format takes arguments with names or without, not both");
    }
    Object values =
        arguments.named().isEmpty()
            ? new Tuple(new ArrayList<>(arguments.positional()))
            : new HashMap<Object, Object>(arguments.named());
    return Arithmetic.apply("%", Filters.soft(value, budget), values, budget);
  }

  private static Object wordCount(Object value, Arguments arguments, Budget budget) {
    arguments.positional("wordcount", 0, 0);
    return WORD.matcher(Repr.str(value, budget)).results().count();
  }
}
