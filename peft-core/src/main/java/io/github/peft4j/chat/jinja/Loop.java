package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Attributes;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Comparison;
import io.github.peft4j.chat.python.Function;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Undefined;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop}. It looks one item ahead if it is asked to. */
final class Loop implements Attributes.HasFields {

  private final Budget budget;
  private Iterator<Object> items;
  private long index = -1;
  private @Nullable Long length;
  private @Nullable Object before;
  private @Nullable Object current;
  private @Nullable Object after;
  private @Nullable List<Object> changed;

  /** A loop over items; their number is null if it is not known. */
  Loop(Iterator<Object> items, @Nullable Integer length, Budget budget) {
    this.items = items;
    this.length = length == null ? null : Long.valueOf(length);
    this.budget = budget;
  }

  boolean hasNext() {
    return after != null || items.hasNext();
  }

  Object next() {
    before = current;
    Object next = after != null ? after : items.next();
    current = next;
    after = null;
    index++;
    return next;
  }

  private @Nullable Object ahead() {
    if (after == null && items.hasNext()) {
      after = items.next();
    }
    return after;
  }

  private long length() {
    if (length == null) {
      List<Object> rest = new ArrayList<>();
      items.forEachRemaining(rest::add);
      items = rest.iterator();
      length = rest.size() + index + 1 + (after == null ? 0 : 1);
    }
    return length;
  }

  @Override
  public String repr() {
    return "<LoopContext " + (index + 1) + "/" + length() + ">";
  }

  @Override
  public @Nullable Object field(String name) {
    return switch (name) {
      case "index" -> index + 1;
      case "index0" -> index;
      case "revindex" -> length() - index;
      case "revindex0" -> length() - index - 1;
      case "first" -> index == 0;
      case "last" -> ahead() == null;
      case "length" -> length();
      case "depth" -> 1L;
      case "depth0" -> 0L;
      case "previtem" -> orUndefined(before, "there is no previous item");
      case "nextitem" -> orUndefined(ahead(), "there is no next item");
      case "cycle" -> Function.of(name, this::cycle);
      case "changed" -> Function.of(name, this::changed);
      default -> null;
    };
  }

  private static Object orUndefined(@Nullable Object item, String message) {
    return item == null ? new Undefined(message) : item;
  }

  private Object cycle(Arguments arguments) {
    if (arguments.size() == 0) {
      throw new PythonException("no items for cycling given");
    }
    return arguments.get((int) (index % arguments.size()));
  }

  private Object changed(Arguments arguments) {
    List<Object> values = Sequences.list(arguments.positional());
    boolean same = changed != null && Comparison.equal(changed, values, budget);
    changed = values;
    return !same;
  }
}
