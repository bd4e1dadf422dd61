package io.github.peft4j.composition;

import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Helpers for compositions of several parts. */
final class Parts {

  private Parts() {}

  /** One part for each adapter. */
  static Composition[] of(Stream<String> adapters) {
    return adapters.map(Composition::of).toArray(Composition[]::new);
  }

  /** Copies of the parts in which an adapter has another name. */
  static List<Composition> renamed(List<Composition> parts, UnaryOperator<String> names) {
    return parts.stream().map(part -> part.renamed(names)).toList();
  }

  /** The sequences of all parts, see {@link Composition#lineups}. */
  static List<List<String>> lineups(List<Composition> parts) {
    return parts.stream().flatMap(part -> part.lineups().stream()).distinct().toList();
  }

  /** Refuses parts that would replicate the batch within another composition. */
  static List<Composition> unreplicated(String owner, List<Composition> parts) {
    if (parts.isEmpty()) {
      throw new IllegalArgumentException(owner + " of no adapter; name at least one");
    }
    for (Composition part : parts) {
      if (part.replicas() > 1) {
        throw new IllegalArgumentException(
            owner
                + " of "
                + part
                + ": the batch cannot be replicated within it; put parallel outside");
      }
    }
    return List.copyOf(parts);
  }

  /** {@code name(part, part)}. */
  static String text(String name, List<?> parts) {
    return parts.stream().map(Object::toString).collect(Collectors.joining(", ", name + "(", ")"));
  }
}
