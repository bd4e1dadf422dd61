package io.github.peft4j;

import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Composition;
import io.github.peft4j.tuner.Trainable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The adapters on a model: which there are, which are at work, and whether they compute beside the
 * frozen weights or are merged into them. While they are merged, nothing else about them changes.
 */
final class AdapterSet {

  private final TransformerModel base;
  private final Merger merger;
  private final Map<String, Adapter> adapters = new LinkedHashMap<>();
  private Composition chosen = Composition.NONE;
  private boolean enabled = true;
  private boolean merged;

  AdapterSet(TransformerModel base) {
    this.base = base;
    this.merger = new Merger(base);
  }

  Map<String, Adapter> byName() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(adapters));
  }

  Adapter get(String name) {
    base.requireOpen();
    Adapter adapter = adapters.get(name);
    if (adapter == null) {
      throw new IllegalArgumentException(
          "there is no adapter '" + name + "'; there are " + adapters.keySet());
    }
    return adapter;
  }

  /** The one that a call without a name means. */
  Adapter only() {
    Set<String> names = chosen.adapters().isEmpty() ? adapters.keySet() : chosen.adapters();
    if (names.size() != 1) {
      throw new IllegalStateException(
          "which adapter is to be saved? There are "
              + adapters.keySet()
              + ", active are "
              + chosen.adapters()
              + "; call save(name, folder)");
    }
    return get(names.iterator().next());
  }

  /** Refuses a name that a new adapter cannot have. */
  void requireFree(String name) {
    requireUnmerged();
    if (name.isBlank() || name.equals(Composition.BASE)) {
      throw new IllegalArgumentException(
          "an adapter cannot be called '"
              + name
              + "': "
              + (name.isBlank() ? "a name is needed" : "this means the frozen model alone")
              + "; take another name");
    }
    if (adapters.containsKey(name)) {
      throw new IllegalArgumentException(
          "there is an adapter '"
              + name
              + "' already: "
              + adapters.get(name)
              + "; take another name or remove it first");
    }
  }

  private void requireUnmerged() {
    base.requireOpen();
    if (merged) {
      throw new IllegalStateException("adapters are merged into the weights: unmerge() first");
    }
  }

  /** Adds an adapter, makes it the active one and freezes those that it is made on. */
  void add(Adapter adapter) {
    adapters.put(adapter.name(), adapter);
    try {
      activate(adapter.composition());
    } catch (RuntimeException e) {
      adapters.remove(adapter.name());
      adapter.detach();
      throw e;
    }
    for (String below : chosen.adapters()) {
      if (!below.equals(adapter.name())) {
        get(below).freeze(true);
      }
    }
  }

  /** Calls an adapter otherwise, in its place among the others. */
  void rename(String name, String other) {
    Adapter adapter = get(name);
    if (name.equals(other)) {
      return;
    }
    requireFree(other);
    for (Adapter made : adapters.values()) {
      if (made != adapter && made.composition().adapters().contains(name)) {
        throw new IllegalArgumentException(
            "'"
                + made.name()
                + "' ("
                + made.type()
                + ") is made of '"
                + name
                + "' by this name; remove it first, or rename before it is made");
      }
    }
    List<Adapter> present = List.copyOf(adapters.values());
    adapters.clear();
    adapter.rename(other);
    present.forEach(each -> adapters.put(each.name(), each));
    base.rename(name, other);
    chosen = chosen.renamed(each -> each.equals(name) ? other : each);
  }

  void remove(String name) {
    requireUnmerged();
    Adapter adapter = get(name);
    adapters.remove(name);
    if (chosen.adapters().contains(name)) {
      activate(Composition.NONE);
    }
    adapter.detach();
  }

  void activate(Composition composition) {
    requireUnmerged();
    composition.adapters().forEach(this::get);
    base.activate(composition);
    chosen = composition;
    enabled = true;
  }

  /** Runs code with a composition in place of the present one. */
  <T> T with(Composition composition, Supplier<T> code) {
    Composition before = chosen;
    boolean on = enabled;
    activate(composition);
    try {
      return code.get();
    } finally {
      activate(before);
      if (!on) {
        disable();
      }
    }
  }

  Composition active() {
    return enabled ? chosen : Composition.NONE;
  }

  /** Those that were active last, be they switched off or not. */
  Composition chosen() {
    return chosen;
  }

  void disable() {
    requireUnmerged();
    enabled = false;
    base.activate(Composition.NONE);
  }

  boolean isMerged() {
    return merged;
  }

  void merge() {
    requireUnmerged();
    merger.merge(chosen);
    base.activate(Composition.NONE);
    merged = true;
  }

  void unmerge() {
    base.requireOpen();
    merger.unmerge();
    merged = false;
    base.activate(active());
  }

  /** Runs code on the merged model, and leaves it as it was. */
  void whileMerged(Runnable code) {
    boolean before = merged;
    if (!before) {
      merge();
    }
    try {
      code.run();
    } finally {
      if (!before) {
        unmerge();
      }
    }
  }

  /** Merges for good and takes all adapters away. */
  void settle() {
    if (!merged) {
      merge();
    }
    merger.settle();
    merged = false;
    chosen = Composition.NONE;
    List.copyOf(adapters.keySet()).forEach(this::remove);
  }

  /** The tensors that training changes. */
  List<Trainable> trainables() {
    return chosen.adapters().stream()
        .map(this::get)
        .filter(adapter -> !adapter.isFrozen())
        .flatMap(adapter -> adapter.trainables().stream())
        .distinct()
        .toList();
  }

  /** Frees what the adapters put into the model, which is about to be closed. */
  void close() {
    adapters.values().forEach(adapter -> Adapter.detach(adapter.name(), adapter.rewrites()));
    adapters.clear();
  }

  /** A line for each adapter. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Adapter adapter : adapters.values()) {
      boolean active = active().adapters().contains(adapter.name());
      text.append("\n  ").append(adapter).append(active ? " (active)" : "");
    }
    return text.toString();
  }
}
