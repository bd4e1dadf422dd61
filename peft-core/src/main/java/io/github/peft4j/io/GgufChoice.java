package io.github.peft4j.io;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToLongFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Which of several GGUF files is meant. Often they hold one model in many types. */
public final class GgufChoice {

  /** The type that most people take: it loses little. */
  private static final String USUAL = "Q4_K_M";

  private final String what;
  private final Collection<String> names;
  private final Map<String, List<String>> all;
  private final ToLongFunction<String> size;
  private final UnaryOperator<String> naming;

  /**
   * @param what has the files, in errors
   * @param names of all files, GGUF or not
   * @param size of a file in bytes; below 0 if it is not known
   * @param naming how a file is named, in errors
   */
  public GgufChoice(
      String what,
      Collection<String> names,
      ToLongFunction<String> size,
      UnaryOperator<String> naming) {
    this.what = what;
    this.names = names;
    this.all = GgufNames.models(names);
    this.size = size;
    this.naming = naming;
  }

  /** Whether there are GGUF files. */
  public boolean isPossible() {
    return !all.isEmpty();
  }

  /**
   * The files of the model that is meant, in their order.
   *
   * @param wanted the name of one of them, or a type with which one name ends; null for the only
   *     model
   * @throws IllegalArgumentException if there is none, if there are several, or if a part is
   *     missing; the message lists what there is
   */
  public List<String> parts(@Nullable String wanted) {
    Map<String, List<String>> meant = new TreeMap<>(all);
    if (wanted != null) {
      meant.keySet().removeIf(first -> !GgufNames.isMeant(first, wanted));
    }
    if (meant.size() != 1) {
      throw new IllegalArgumentException(problem(wanted, meant));
    }
    List<String> parts = meant.values().iterator().next();
    TreeSet<String> missing = new TreeSet<>(parts);
    missing.removeAll(names);
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          "%s lacks parts of %s: %s".formatted(what, parts.get(0), String.join(", ", missing)));
    }
    return parts;
  }

  private String problem(@Nullable String wanted, Map<String, List<String>> meant) {
    if (all.isEmpty()) {
      return "%s has no GGUF file, and '%s' is asked for".formatted(what, wanted);
    }
    String found =
        wanted == null
            ? "%s has %d GGUF files".formatted(what, all.size())
            : meant.isEmpty()
                ? "%s has no GGUF file or type '%s'".formatted(what, wanted)
                : "'%s' means %d GGUF files of %s".formatted(wanted, meant.size(), what);
    Map<String, List<String>> choice = meant.isEmpty() ? all : meant;
    Optional<String> usual =
        choice.keySet().stream().filter(name -> GgufNames.isMeant(name, USUAL)).findFirst();
    return "%s: %s. There are %s"
        .formatted(
            found,
            naming.apply(usual.orElseGet(() -> choice.keySet().iterator().next())),
            GgufNames.list(choice, size));
  }
}
