package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Arithmetic;
import io.github.peft4j.chat.python.Attributes;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Comparison;
import io.github.peft4j.chat.python.Keys;
import io.github.peft4j.chat.python.Lazy;
import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Repr;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Tuple;
import io.github.peft4j.chat.python.Undefined;
import io.github.peft4j.chat.python.View;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.Spliterators;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** Filters of lists, dicts and other values with items. */
final class SequenceFilters {

  static final Map<String, Filters.Filter> ALL = new HashMap<>();

  static {
    ALL.put("length", (value, a, b) -> Sequences.length(value));
    ALL.put("count", (value, a, b) -> Sequences.length(value));
    ALL.put("list", (value, a, b) -> Sequences.list(value));
    ALL.put("items", SequenceFilters::items);
    ALL.put("first", SequenceFilters::first);
    ALL.put("last", SequenceFilters::last);
    ALL.put("join", SequenceFilters::join);
    ALL.put("reverse", SequenceFilters::reverse);
    ALL.put("sort", SequenceFilters::sort);
    ALL.put("dictsort", SequenceFilters::sortDict);
    ALL.put("sum", SequenceFilters::sum);
    ALL.put("unique", SequenceFilters::unique);
    ALL.put("min", (value, a, b) -> extreme("<", value, a, b));
    ALL.put("max", (value, a, b) -> extreme(">", value, a, b));
    ALL.put("batch", SequenceFilters::batch);
    ALL.put("slice", SequenceFilters::slice);
    ALL.put("map", SequenceFilters::map);
    ALL.put("select", (value, a, b) -> select(value, a, false, true, b));
    ALL.put("reject", (value, a, b) -> select(value, a, false, false, b));
    ALL.put("selectattr", (value, a, b) -> select(value, a, true, true, b));
    ALL.put("rejectattr", (value, a, b) -> select(value, a, true, false, b));
  }

  private SequenceFilters() {}

  private static Stream<Object> stream(Object value) {
    return StreamSupport.stream(
        Spliterators.spliteratorUnknownSize(Sequences.iterate(value), 0), false);
  }

  private static Object items(Object value, Arguments arguments, Budget budget) {
    if (value instanceof Undefined) {
      return new Lazy(Collections.emptyIterator(), value, budget);
    }
    Map<Object, Object> map = Sequences.dict(value);
    if (map == null) {
      throw new PythonException("Can only get item pairs from a mapping");
    }
    return new Lazy(new View(View.Kind.ITEMS, map).items().iterator(), value, budget);
  }

  private static Object first(Object value, Arguments arguments, Budget budget) {
    Iterator<Object> each = Sequences.iterate(value);
    return each.hasNext() ? each.next() : new Undefined("No first item, sequence was empty.");
  }

  private static Object last(Object value, Arguments arguments, Budget budget) {
    List<Object> items = reversed(value);
    return items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.get(0);
  }

  private static List<Object> reversed(Object value) {
    if (Sequences.sized(value) == null || value instanceof Undefined) {
      throw new PythonException("'" + Sequences.type(value) + "' object is not reversible");
    }
    List<Object> items = Sequences.list(value);
    Collections.reverse(items);
    return items;
  }

  private static Object reverse(Object value, Arguments arguments, Budget budget) {
    String text = Sequences.text(value);
    if (text != null) {
      return String.join("", reversed(text).stream().map(String.class::cast).toList());
    }
    if (value instanceof Lazy) {
      List<Object> items = Sequences.list(value);
      Collections.reverse(items);
      return items;
    }
    return new Lazy(reversed(value).iterator(), value, budget);
  }

  private static Object join(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("join", "d", "attribute");
    String separator = Repr.str(bound.get("d", ""), budget);
    UnaryOperator<Object> key = key(bound.get("attribute", None.NONE), budget);
    StringBuilder out = new StringBuilder();
    Iterator<Object> each = Sequences.iterate(value);
    while (each.hasNext()) {
      budget.append(Repr.str(key.apply(each.next()), budget), out);
      budget.append(each.hasNext() ? separator : "", out);
    }
    return out.toString();
  }

  /** What an attribute such as {@code a.b.0} finds in an item; none: the item. */
  private static UnaryOperator<Object> key(Object attribute, Budget budget) {
    return key(attribute, None.NONE, budget);
  }

  private static UnaryOperator<Object> key(Object attribute, Object otherwise, Budget budget) {
    if (attribute == None.NONE) {
      return item -> item;
    }
    String path = Sequences.text(attribute);
    List<Object> parts = new ArrayList<>();
    if (path == null) {
      parts.add(attribute);
    } else {
      for (String part : path.split("\\.", -1)) {
        parts.add(part.matches("\\d{1,9}") ? (Object) Long.valueOf(part) : part);
      }
    }
    return item -> {
      Object found = item;
      for (Object part : parts) {
        budget.spend(1);
        found = Attributes.item(found, part, budget);
        found = found instanceof Undefined && otherwise != None.NONE ? otherwise : found;
      }
      return found;
    };
  }

  private static UnaryOperator<Object> key(Arguments.Bound bound, Budget budget) {
    UnaryOperator<Object> key = key(bound.get("attribute", None.NONE), budget);
    boolean exact = Sequences.truth(bound.get("case_sensitive", false));
    return exact ? key : item -> folded(key.apply(item));
  }

  private static Object folded(Object value) {
    String text = Sequences.text(value);
    return text == null ? value : text.toLowerCase(Locale.ROOT);
  }

  private static Object sort(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("sort", "reverse", "case_sensitive", "attribute");
    boolean exact = Sequences.truth(bound.get("case_sensitive", false));
    Object attribute = bound.get("attribute", None.NONE);
    String paths = Sequences.text(attribute);
    List<UnaryOperator<Object>> keys = new ArrayList<>();
    for (Object each : paths == null ? List.of(attribute) : List.of((Object[]) paths.split(","))) {
      keys.add(key(each, budget));
    }
    return Comparison.sorted(
        Sequences.list(value),
        item ->
            new ArrayList<>(
                keys.stream()
                    .map(key -> exact ? key.apply(item) : folded(key.apply(item)))
                    .toList()),
        Sequences.truth(bound.get("reverse", false)),
        budget);
  }

  private static Object sortDict(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("dictsort", "case_sensitive", "by", "reverse");
    Map<Object, Object> map = Sequences.dict(value);
    Object by = bound.get("by", "key");
    if (map == null || (!by.equals("key") && !by.equals("value"))) {
      throw new PythonException("dictsort sorts a mapping by \"key\" or \"value\"");
    }
    boolean exact = Sequences.truth(bound.get("case_sensitive", false));
    int position = by.equals("key") ? 0 : 1;
    return Comparison.sorted(
        new View(View.Kind.ITEMS, map).items(),
        pair -> {
          Object part = ((Tuple) pair).items().get(position);
          return exact ? part : folded(part);
        },
        Sequences.truth(bound.get("reverse", false)),
        budget);
  }

  private static Object sum(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("sum", "attribute", "start");
    UnaryOperator<Object> key = key(bound.get("attribute", None.NONE), budget);
    Object sum = bound.get("start", 0L);
    if (Sequences.text(sum) != null) {
      throw new PythonException("sum() can't sum strings");
    }
    for (Object item : Sequences.list(value)) {
      sum = Arithmetic.apply("+", sum, key.apply(item), budget);
    }
    return sum;
  }

  private static Object unique(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("unique", "case_sensitive", "attribute");
    UnaryOperator<Object> key = key(bound, budget);
    Set<Object> seen = new HashSet<>();
    return new Lazy(
        stream(value).filter(item -> seen.add(Keys.key(key.apply(item)))).iterator(),
        value,
        budget);
  }

  private static Object extreme(String operator, Object value, Arguments arguments, Budget budget) {
    UnaryOperator<Object> key = key(arguments.bind("min", "case_sensitive", "attribute"), budget);
    Iterator<Object> each = Sequences.iterate(value);
    if (!each.hasNext()) {
      return new Undefined("No aggregated item, sequence was empty.");
    }
    Object best = each.next();
    while (each.hasNext()) {
      Object item = each.next();
      if (Comparison.holds(operator, key.apply(item), key.apply(best), budget)) {
        best = item;
      }
    }
    return best;
  }

  private static Object batch(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("batch", "linecount", "fill_with");
    int size = Numbers.index(bound.required("linecount"), "linecount");
    Object fill = bound.get("fill_with", None.NONE);
    List<Object> rows = new ArrayList<>();
    List<Object> row = new ArrayList<>();
    for (Object item : Sequences.list(value)) {
      if (row.size() == size) {
        rows.add(row);
        row = new ArrayList<>();
      }
      row.add(item);
    }
    if (!row.isEmpty()) {
      if (fill != None.NONE && row.size() < size) {
        Arithmetic.requireItems(size, budget);
        row.addAll(Collections.nCopies(size - row.size(), fill));
      }
      rows.add(row);
    }
    return new Lazy(rows.iterator(), value, budget);
  }

  private static Object slice(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound = arguments.bind("slice", "slices", "fill_with");
    int slices = Numbers.index(bound.required("slices"), "slices");
    Object fill = bound.get("fill_with", None.NONE);
    List<Object> items = Sequences.list(value);
    if (slices == 0) {
      throw new PythonException("integer division or modulo by zero");
    }
    Arithmetic.requireItems(Math.max(0, slices), budget);
    List<Object> parts = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < slices; i++) {
      boolean longer = i < items.size() % slices;
      int to = from + items.size() / slices + (longer ? 1 : 0);
      List<Object> part = new ArrayList<>(items.subList(from, to));
      if (fill != None.NONE && !longer) {
        part.add(fill);
      }
      parts.add(part);
      from = to;
    }
    return new Lazy(parts.iterator(), value, budget);
  }

  private static Object map(Object value, Arguments arguments, Budget budget) {
    UnaryOperator<Object> change;
    if (arguments.size() == 0 && arguments.named().containsKey("attribute")) {
      Arguments.Bound bound = arguments.bind("map", "attribute", "default");
      change = key(bound.required("attribute"), bound.get("default", None.NONE), budget);
    } else if (arguments.size() == 0) {
      throw new PythonException("map requires a filter argument");
    } else {
      String name = Sequences.requireText(arguments.get(0), "the name of a filter");
      change = item -> Filters.apply(name, item, arguments.from(1), budget);
    }
    return Sequences.truth(value)
        ? new Lazy(stream(value).map(change).iterator(), value, budget)
        : new Lazy(Collections.emptyIterator(), value, budget);
  }

  private static Object select(
      Object value, Arguments arguments, boolean byAttribute, boolean wanted, Budget budget) {
    if (!Sequences.truth(value)) {
      return new Lazy(Collections.emptyIterator(), value, budget);
    }
    if (byAttribute && arguments.size() == 0) {
      throw new PythonException("Missing parameter for attribute name");
    }
    UnaryOperator<Object> key = byAttribute ? key(arguments.get(0), budget) : item -> item;
    Arguments test = byAttribute ? arguments.from(1) : arguments;
    return new Lazy(
        stream(value)
            .filter(
                item -> {
                  Object found = key.apply(item);
                  boolean holds =
                      test.size() == 0
                          ? Sequences.truth(found)
                          : Tests.apply(
                              Sequences.requireText(test.get(0), "the name of a test"),
                              found,
                              test.from(1),
                              budget);
                  return holds == wanted;
                })
            .iterator(),
        value,
        budget);
  }

  /** {@code dict(...)}: a dict of named values, or of pairs. */
  static Map<Object, Object> dict(Arguments arguments) {
    Map<Object, Object> result = new LinkedHashMap<>();
    if (arguments.size() > 1) {
      throw new PythonException("dict expected at most 1 argument, got " + arguments.size());
    }
    for (Object source : arguments.positional()) {
      Map<Object, Object> map = Sequences.dict(source);
      if (map != null) {
        result.putAll(map);
        continue;
      }
      for (Object pair : Sequences.list(source)) {
        List<Object> both = Sequences.list(pair);
        if (both.size() != 2) {
          throw new PythonException("dict needs pairs, found one of length " + both.size());
        }
        result.put(Keys.newKey(both.get(0)), both.get(1));
      }
    }
    result.putAll(arguments.named());
    return result;
  }
}
