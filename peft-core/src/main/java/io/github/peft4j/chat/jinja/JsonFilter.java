package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Arguments;
import io.github.peft4j.chat.python.Budget;
import io.github.peft4j.chat.python.Json;
import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.Numbers;
import io.github.peft4j.chat.python.PythonException;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Texts;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code tojson} as transformers defines it: Python's {@code json.dumps} without HTML. */
final class JsonFilter {

  private JsonFilter() {}

  static Object apply(Object value, Arguments arguments, Budget budget) {
    Arguments.Bound bound =
        arguments.bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys");
    String indent = indent(bound.get("indent", None.NONE), budget);
    Object separators = bound.get("separators", None.NONE);
    String items = indent == null ? ", " : ",";
    String keys = ": ";
    if (separators != None.NONE) {
      List<Object> both = Sequences.list(separators);
      if (both.size() != 2) {
        throw new PythonException("tojson's separators must be two texts");
      }
      items = Sequences.requireText(both.get(0), "a separator");
      keys = Sequences.requireText(both.get(1), "a separator");
    }
    boolean ascii = Sequences.truth(bound.get("ensure_ascii", false));
    boolean sorted = Sequences.truth(bound.get("sort_keys", false));
    return new Json(ascii, indent, items, keys, sorted).dumps(value, budget);
  }

  private static @Nullable String indent(Object indent, Budget budget) {
    if (indent == None.NONE) {
      return null;
    }
    String text = Sequences.text(indent);
    return text == null ? Texts.repeat(" ", Numbers.index(indent, "indent"), budget) : text;
  }
}
