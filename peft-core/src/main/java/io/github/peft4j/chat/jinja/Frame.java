package io.github.peft4j.chat.jinja;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The variables of a block that has its own, and what each of them is when the block begins. Jinja
 * decides this when it compiles a template: by the order of names in the source, and not by what
 * runs. A variable that a template sets is therefore not the given one of the same name, even in a
 * loop before the place where it is set.
 *
 * <p>The parser tells a frame its names in the order in which Jinja visits them, and closes it.
 */
final class Frame {

  /** What a variable is when its block begins. */
  enum Begin {
    /** What the loop, call or {@code with} makes it. */
    PARAMETER,
    /** The value around the block. */
    OUTER,
    /** The value that the template is given. */
    GIVEN,
    /** Undefined. */
    NOTHING
  }

  private final @Nullable Frame outer;
  private final Map<String, Begin> begins = new LinkedHashMap<>();
  private final Set<String> written = new HashSet<>();

  Frame(@Nullable Frame outer) {
    this.outer = outer;
  }

  /** A variable is read. */
  void read(String name) {
    begins.putIfAbsent(name, Begin.GIVEN);
  }

  /** A variable is set; {@code guarded}: within an {@code if} of this block. */
  void set(String name, boolean guarded) {
    written.add(name);
    begins.putIfAbsent(name, guarded ? Begin.GIVEN : Begin.NOTHING);
  }

  /** A variable that is there from the beginning. */
  void parameter(String name) {
    written.add(name);
    begins.put(name, Begin.PARAMETER);
  }

  /** All names are known, and the frame around this one is closed. */
  void close() {
    Frame around = outer;
    if (around == null) {
      return;
    }
    begins
        .entrySet()
        .removeIf(
            each ->
                each.getValue() != Begin.PARAMETER
                    && !written.contains(each.getKey())
                    && around.sees(each.getKey()));
    begins.replaceAll(
        (name, begin) -> begin != Begin.PARAMETER && around.sees(name) ? Begin.OUTER : begin);
  }

  private boolean sees(String name) {
    for (Frame frame = this; frame != null; frame = frame.outer) {
      if (frame.has(name)) {
        return true;
      }
    }
    return false;
  }

  /** Whether the variable is this block's own. */
  boolean has(String name) {
    return begins.containsKey(name);
  }

  /** Visits the variables and what they begin with. */
  void forEach(BiConsumer<String, Begin> visitor) {
    begins.forEach(visitor);
  }
}
