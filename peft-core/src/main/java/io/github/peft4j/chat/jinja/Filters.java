package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Attributes;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Function;
import io.github.peft4j.chat.python.Markup;
import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Undefined;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Jinja's filters by their names. */
final class Filters {

  /** A filter: a value and its arguments in, a value out. */
  @FunctionalInterface
  interface Filter {
    Object apply(Object value, Arguments arguments, Budget budget);
  }

  /** Filters of Jinja that no chat template has a use for. */
  static final Set<String> UNSUPPORTED =
      Set.of(
          "filesizeformat",
          "groupby",
          "pprint",
          "random",
          "striptags",
          "urlencode",
          "urlize",
          "wordwrap",
          "xmlattr");

  private static final Map<String, Filter> FILTERS = new HashMap<>();

  static {
    FILTERS.putAll(TextFilters.ALL);
    FILTERS.putAll(SequenceFilters.ALL);
    FILTERS.putAll(NumberFilters.ALL);
    FILTERS.put("default", Filters::otherwise);
    FILTERS.put("d", Filters::otherwise);
    FILTERS.put("attr", Filters::attribute);
    FILTERS.put("string", (value, arguments, budget) -> soft(value, budget));
    FILTERS.put("tojson", JsonFilter::apply);
  }

  private Filters() {}

  static boolean isSupported(String name) {
    return FILTERS.containsKey(name);
  }

  /** A value after a filter. */
  static Object apply(String name, Object value, Arguments arguments, Budget budget) {
    Filter filter = FILTERS.get(name);
    if (filter == null) {
      throw new PythonException("there is no filter named '" + name + "'");
    }
    budget.spendOn(value);
    return filter.apply(value, arguments, budget);
  }

  /** A value as a text; marked texts stay marked. */
  static Object soft(Object value, Budget budget) {
    return value instanceof Markup ? value : Repr.str(value, budget);
  }

  /** The result of a method of a text. */
  static Object method(String name, Object text, Arguments arguments, Budget budget) {
    return ((Function) Attributes.attribute(text, name, budget)).call(arguments);
  }

  private static Object otherwise(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("default", "default_value", "boolean");
    boolean alsoFalse = Sequences.truth(bound.get("boolean", false));
    return value instanceof Undefined || (alsoFalse && !Sequences.truth(value))
        ? bound.get("default_value", "")
        : value;
  }

  private static Object attribute(Object value, Arguments arguments, Budget budget) {
    Object name = arguments.bind("attr", "name").required("name");
    if (value instanceof Map || value == None.NONE) {
      Map<Object, Object> none = Map.of();
      return Attributes.attribute(
          value instanceof Map ? none : value, Sequences.requireText(name, "name"), budget);
    }
    return Attributes.attribute(value, Sequences.requireText(name, "name"), budget);
  }
}
