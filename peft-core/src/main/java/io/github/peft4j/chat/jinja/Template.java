package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Function;
import io.github.peft4j.chat.python.Namespace;
import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Range;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A parsed template. It can be rendered by many threads at once.
 *
 * <p>Templates come from strangers. They see the values that are given to them and nothing else,
 * and what they may cost has limits: see {@link Budget}.
 */
public final class Template {

  private static final int LONGEST = 1 << 20;

  /**
   * A part of a text.
   *
   * @param start its first character
   * @param end the character after its last
   */
  public record Span(int start, int end) {}

  /**
   * What a template made.
   *
   * @param text the text
   * @param generations the parts that {@code {% generation %}} marks
   */
  public record Result(String text, List<Span> generations) {}

  private final Statement.Block template;

  /**
   * Parses a template.
   *
   * @throws JinjaException if it is not Jinja, or has something that this package does not know
   */
  public Template(String source) {
    if (source.length() > LONGEST) {
      throw new JinjaException(
          1,
          "the template has %,d characters; at most %,d are allowed"
              .formatted(source.length(), LONGEST));
    }
    template = Parser.parse(source);
  }

  /**
   * Renders the template.
   *
   * @param variables by name; values are those of {@link io.github.peft4j.chat.python}
   * @param characters the length of all texts in the variables
   * @param clock the time for {@code strftime_now}
   * @throws JinjaException if the template fails for these values, or costs too much
   */
  public Result render(
      Map<String, Object> variables, long characters, Supplier<LocalDateTime> clock) {
    Budget budget = new Budget(characters);
    Evaluator evaluator = new Evaluator(budget);
    Map<String, Object> given = globals(budget, clock);
    given.putAll(variables);
    try {
      Scope scope = Scope.of(template.frame(), given);
      return new Interpreter(evaluator).run(template.statements(), scope);
    } catch (PythonException e) {
      throw new JinjaException(evaluator.line(), String.valueOf(e.getMessage()));
    }
  }

  private static Map<String, Object> globals(Budget budget, Supplier<LocalDateTime> clock) {
    Map<String, Object> globals = new HashMap<>();
    define(globals, "range", Template::range);
    define(globals, "dict", SequenceFilters::dict);
    define(globals, "namespace", Template::namespace);
    define(
        globals,
        "raise_exception",
        arguments -> {
          Object message = arguments.bind("raise_exception", "message").required("message");
          throw new PythonException(Repr.str(message, budget));
        });
    define(
        globals,
        "strftime_now",
        arguments -> {
          Object format = arguments.bind("strftime_now", "format").required("format");
          return Strftime.format(Sequences.requireText(format, "format"), clock.get());
        });
    return globals;
  }

  private static void define(
      Map<String, Object> globals,
      String name,
      java.util.function.Function<Arguments, Object> body) {
    globals.put(name, Function.of(name, body));
  }

  private static Object namespace(Arguments arguments) {
    Namespace namespace = new Namespace();
    SequenceFilters.dict(arguments).forEach(namespace::set);
    return namespace;
  }

  private static Object range(Arguments arguments) {
    arguments.positional("range", 1, 3);
    List<Integer> bounds =
        arguments.positional().stream().map(each -> Numbers.index(each, "range()")).toList();
    return bounds.size() == 1
        ? new Range(0, bounds.get(0), 1)
        : new Range(bounds.get(0), bounds.get(1), bounds.size() == 3 ? bounds.get(2) : 1);
  }
}
