package io.github.peft4j.tuner;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Which adapters are at work and how they are combined. The same composition holds for every site;
 * an adapter without a layer at a site leaves the site as it is.
 */
public sealed interface Composition {

  /** The frozen model alone. */
  Composition NONE = new Stack(List.of());

  /** One adapter. */
  static Composition of(String adapter) {
    return new Single(adapter);
  }

  /**
   * Several adapters on top of each other, as Hugging Face PEFT does with several active adapters:
   * additive methods add up, scaling methods multiply.
   */
  static Composition stack(List<String> adapters) {
    return adapters.size() == 1
        ? of(adapters.get(0))
        : new Stack(adapters.stream().map(Composition::of).toList());
  }

  /** Names of the adapters that take part, the innermost first. */
  Set<String> adapters();

  /** One adapter. */
  record Single(String adapter) implements Composition {
    @Override
    public Set<String> adapters() {
      return Set.of(adapter);
    }
  }

  /** Each part wraps those before it. */
  record Stack(List<Composition> parts) implements Composition {
    @Override
    public Set<String> adapters() {
      Set<String> names = new LinkedHashSet<>();
      parts.forEach(part -> names.addAll(part.adapters()));
      return names;
    }
  }
}
