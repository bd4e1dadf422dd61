package io.github.peft4j.hub;

import io.github.peft4j.io.GgufNames;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Which GGUF file of a repository is meant. Such repositories hold one model in many types. */
final class GgufChoice {

  /** The type that most people take: it loses little. */
  private static final String USUAL = "Q4_K_M";

  private final HubModel model;
  private final String what;
  private final Listing listing;
  private final Map<String, List<String>> all;

  /**
   * @param what the repository in errors
   */
  GgufChoice(HubModel model, String what, Listing listing) {
    this.model = model;
    this.what = what;
    this.listing = listing;
    this.all = GgufNames.models(listing.names());
  }

  /** Whether there are such files. */
  boolean isPossible() {
    return !all.isEmpty();
  }

  /**
   * The file that {@link HubModel#file} names, or the only one; with all parts of its model.
   *
   * @throws HubException if there is none, if there are several, or if a part is missing
   */
  Needed needed() {
    String wanted = model.file();
    Map<String, List<String>> meant = new TreeMap<>(all);
    if (wanted != null) {
      meant.keySet().removeIf(first -> !GgufNames.isMeant(first, wanted));
    }
    if (meant.size() != 1) {
      throw new HubException(problem(wanted, meant));
    }
    Map.Entry<String, List<String>> found = meant.entrySet().iterator().next();
    Set<String> missing = new TreeSet<>(found.getValue());
    missing.removeAll(listing.names());
    if (!missing.isEmpty()) {
      throw new HubException(
          "%s lacks parts of %s: %s".formatted(what, found.getKey(), String.join(", ", missing)));
    }
    return new Needed(new TreeSet<>(found.getValue()), found.getKey());
  }

  private String problem(@Nullable String wanted, Map<String, List<String>> meant) {
    if (all.isEmpty()) {
      return "%s has no GGUF file; file(\"%s\") asks for one".formatted(what, wanted);
    }
    String found =
        wanted == null
            ? "%s has %d GGUF files".formatted(what, all.size())
            : meant.isEmpty()
                ? "%s has no GGUF file or type '%s'".formatted(what, wanted)
                : "'%s' means %d GGUF files of %s".formatted(wanted, meant.size(), what);
    Map<String, List<String>> choice = meant.isEmpty() ? all : meant;
    String example =
        choice.keySet().stream()
            .filter(name -> GgufNames.isMeant(name, USUAL))
            .findFirst()
            .orElseGet(() -> choice.keySet().iterator().next());
    return "%s: name one, as HubModel.of(\"%s\").file(\"%s\") or \"%s:%s\". There are %s"
        .formatted(
            found,
            model.id(),
            example,
            model.id(),
            example,
            GgufNames.list(choice, name -> Objects.requireNonNull(listing.files().get(name)).size()));
  }
}
