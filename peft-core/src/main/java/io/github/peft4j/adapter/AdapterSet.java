package io.github.peft4j.adapter;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The adapters on a model and the active composition. Both are one immutable state, which each
 * change replaces. A call resolves its adapters in the current state and holds them until it ends.
 * The monitor is held only while a state is replaced, so a thread that waits for calls does not
 * block changes by others.
 */
public final class AdapterSet {

  private final TransformerModel base;
  private volatile State state;

  public AdapterSet(TransformerModel base) {
    this.base = base;
    this.state = new State(Map.of(), Composition.NONE, true, null);
  }

  /** Merged weights, which replace frozen ones. */
  private record Merged(ActiveAdapters weights, Calls.Resource resource) {}

  /** A resolved composition: its layers, and the resources that hold them. */
  public record Resolved(ActiveAdapters active, List<Calls.Resource> resources) {}

  /** The adapters and the active composition at one time. */
  public final class State {
    private final Map<String, Adapter> adapters;
    private final Composition chosen;
    private final boolean enabled;
    private final @Nullable Merged merged;
    private final Resolved usual;

    private State(
        Map<String, Adapter> adapters,
        Composition chosen,
        boolean enabled,
        @Nullable Merged merged) {
      this.adapters = Collections.unmodifiableMap(new LinkedHashMap<>(adapters));
      this.chosen = chosen;
      this.enabled = enabled;
      this.merged = merged;
      this.usual =
          merged == null
              ? resolve(enabled ? chosen : Composition.NONE)
              : new Resolved(merged.weights(), List.of(merged.resource()));
    }

    private Adapter get(String name) {
      Adapter adapter = adapters.get(name);
      if (adapter == null) {
        base.requireOpen(); // a closed model has no adapters, which is not the mistake then
        if (name.equals(Composition.BASE)) {
          throw new IllegalArgumentException(
              "'%s' is the frozen model for some rows of a batch, in Composition.perRow; for all rows, take Composition.NONE"
                  .formatted(name));
        }
        throw new IllegalArgumentException(
            "there is no adapter '"
                + name
                + "'; "
                + (adapters.isEmpty()
                    ? "the model has none. adapt(…) and loadAdapter(…) add one"
                    : "there are " + adapters.keySet()));
      }
      return adapter;
    }

    private Resolved resolve(Composition composition) {
      List<Adapter> named = composition.adapters().stream().map(this::get).toList();
      return new Resolved(
          base.resolve(composition, layers()), named.stream().map(Adapter::resource).toList());
    }

    /** These adapters stacked, each with the adapters that it builds on. */
    public Composition stack(List<String> names) {
      return Composition.stack(
          names.stream().map(name -> get(name).composition(name)).toArray(Composition[]::new));
    }

    private Map<String, AdapterLayers> layers() {
      Map<String, AdapterLayers> layers = new LinkedHashMap<>();
      adapters.forEach((name, adapter) -> layers.put(name, adapter.layers()));
      return layers;
    }

    private State with(Map<String, Adapter> adapters) {
      return new State(adapters, chosen, enabled, merged);
    }

    private State active(Composition composition) {
      return new State(adapters, composition, true, merged);
    }
  }

  public Map<String, Adapter> byName() {
    return state.adapters;
  }

  /** The layers of all adapters, by name. */
  public Map<String, AdapterLayers> layers() {
    return state.layers();
  }

  public Adapter get(String name) {
    base.requireOpen();
    return state.get(name);
  }

  /** The current state. */
  public State state() {
    return state;
  }

  /** Resolves a composition in a state. */
  public Resolved resolve(State in, Composition composition) {
    base.requireOpen();
    return in.resolve(composition);
  }

  /** Starts a call with the active adapters. */
  public ModelCall newCall() {
    while (true) {
      Resolved usual = state.usual;
      Optional<ModelCall> call = base.newCall(usual.active(), usual.resources());
      if (call.isPresent()) {
        return call.get();
      } // what was active has been removed since
    }
  }

  /** Starts a call that reads adapters, between two steps if they are being trained. */
  public ModelCall reading(List<Adapter> adapters) {
    return tryReading(adapters)
        .orElseThrow(
            () -> new IllegalStateException("one of the adapters has been removed: " + adapters));
  }

  private Optional<ModelCall> tryReading(List<Adapter> adapters) {
    return base.newCall(
        ActiveAdapters.NONE, adapters.stream().map(Adapter::resource).distinct().toList());
  }

  /** The adapter to save if none is named: the active one, or the only one. */
  public Adapter only() {
    base.requireOpen();
    State now = state;
    Set<String> names =
        now.chosen.adapters().isEmpty() ? now.adapters.keySet() : now.chosen.adapters();
    if (names.size() != 1) {
      throw new IllegalStateException(
          "which adapter is to be saved? There are "
              + now.adapters.keySet()
              + ", active are "
              + now.chosen.adapters()
              + "; call save(name, folder)");
    }
    return get(names.iterator().next());
  }

  /** Refuses names that are blank, reserved or taken. */
  public void requireFree(String name) {
    base.requireOpen();
    if (name.isBlank() || name.equals(Composition.BASE)) {
      throw new IllegalArgumentException(
          "an adapter cannot be called '"
              + name
              + "': "
              + (name.isBlank() ? "a name is needed" : "this means the frozen model alone")
              + "; take another name");
    }
    Adapter present = state.adapters.get(name);
    if (present != null) {
      throw new IllegalArgumentException(
          "there is an adapter '"
              + name
              + "' already: "
              + present
              + "; take another name or remove it first");
    }
  }

  public void requireUnmerged() {
    base.requireOpen();
    if (isMerged()) {
      throw new IllegalStateException("adapters are merged into the weights: unmerge() first");
    }
  }

  /**
   * Adds an adapter, or frees it if that fails.
   *
   * @param active whether it becomes the active one; adapters that it builds on are frozen then
   */
  public synchronized void add(Adapter adapter, boolean active) {
    try {
      requireFree(adapter.name());
      Map<String, Adapter> more = new LinkedHashMap<>(state.adapters);
      more.put(adapter.name(), adapter);
      State added = state.with(more);
      if (active) {
        requireUnmerged();
        added = added.active(adapter.composition());
        madeOn(adapter, added).forEach(below -> below.requireNotTraining("frozen"));
      }
      state = added;
    } catch (RuntimeException e) {
      adapter.free();
      throw e;
    }
    if (active) {
      madeOn(adapter, state).forEach(below -> below.freeze(true));
    }
  }

  private static List<Adapter> madeOn(Adapter adapter, State in) {
    return in.chosen.adapters().stream().map(in::get).filter(a -> a != adapter).toList();
  }

  /** Renames an adapter without changing the order of adapters. */
  public synchronized void rename(String name, String other) {
    Adapter adapter = get(name);
    if (name.equals(other)) {
      return;
    }
    requireFree(other);
    requireNothingMadeOf(adapter, " by this name; remove it first, or rename before you add it");
    Map<String, Adapter> renamed = new LinkedHashMap<>();
    state.adapters.forEach((each, a) -> renamed.put(a == adapter ? other : each, a));
    adapter.rename(other);
    state =
        new State(
            renamed,
            state.chosen.renamed(each -> each.equals(name) ? other : each),
            state.enabled,
            state.merged);
  }

  private void requireNothingMadeOf(Adapter adapter, String advice) {
    for (Adapter made : state.adapters.values()) {
      if (made != adapter && made.composition().adapters().contains(adapter.name())) {
        throw new IllegalArgumentException(
            "'%s' (%s) refers to '%s'%s"
                .formatted(made.name(), made.type(), adapter.name(), advice));
      }
    }
  }

  public synchronized void remove(String name) {
    Adapter adapter = get(name);
    adapter.requireNotTraining("removed");
    requireNothingMadeOf(adapter, " and cannot compute without it; remove that first");
    boolean isChosen = state.chosen.adapters().contains(name);
    if (isChosen) {
      requireUnmerged();
    }
    Map<String, Adapter> others = new LinkedHashMap<>(state.adapters);
    others.remove(name);
    state =
        new State(
            others,
            isChosen ? Composition.NONE : state.chosen,
            isChosen || state.enabled,
            state.merged);
    base.calls().retire(adapter.resource());
  }

  public synchronized void activate(Composition composition) {
    requireUnmerged();
    state = state.active(composition);
  }

  /** Makes adapters the active ones, stacked. */
  public synchronized void activate(List<String> names) {
    requireUnmerged();
    state = state.active(state.stack(names));
  }

  public Composition active() {
    State now = state;
    return now.enabled ? now.chosen : Composition.NONE;
  }

  public synchronized void disable() {
    requireUnmerged();
    state = new State(state.adapters, state.chosen, false, null);
  }

  public synchronized void enable() {
    requireUnmerged();
    state = state.active(state.chosen);
  }

  public boolean isMerged() {
    return state.merged != null;
  }

  /** Computes all merged weights, then uses them instead of the frozen ones. */
  public void merge() {
    while (true) {
      requireUnmerged();
      State now = state;
      requireNotTraining(now);
      Map<ParameterSite, NDArray> weights;
      Optional<ModelCall> reading = tryReading(adaptersOf(now));
      if (reading.isEmpty()) {
        continue; // one of them has been removed since
      }
      try (ModelCall call = reading.get()) {
        weights = merger(now).all();
      }
      Merger.sayWhatIsDense(base, weights.keySet());
      Calls.Resource resource =
          base.calls()
              .resource("the merged weights", () -> weights.values().forEach(NDArray::close));
      synchronized (this) {
        if (state == now && !isTraining(now.chosen.adapters())) {
          state =
              new State(
                  now.adapters,
                  now.chosen,
                  now.enabled,
                  new Merged(ActiveAdapters.merged(weights), resource));
          return;
        }
      }
      base.calls().retire(resource); // another is active, or being trained, since
    }
  }

  private List<Adapter> adaptersOf(State in) {
    return in.chosen.adapters().stream().map(in::get).toList();
  }

  private void requireNotTraining(State in) {
    adaptersOf(in).forEach(adapter -> adapter.requireNotTraining("merged"));
  }

  private boolean isTraining(Set<String> names) {
    return names.stream().map(state::get).anyMatch(Adapter::isTraining);
  }

  private Merger merger(State in) {
    return new Merger(base, in.chosen, in.layers());
  }

  public synchronized void unmerge() {
    base.requireOpen();
    Merged merged = state.merged;
    if (merged != null) {
      state = new State(state.adapters, state.chosen, state.enabled, null);
      base.calls().retire(merged.resource());
    }
  }

  /** Runs code that reads the weights with the active adapters merged; nothing changes. */
  public void whileReading(Consumer<Merger> code) {
    base.requireOpen();
    State now = state;
    try (ModelCall reading = reading(adaptersOf(now))) {
      code.accept(merger(now));
    }
  }

  /** Runs code that reads the frozen weights, without any adapter. */
  public void whileReadingBase(Consumer<Merger> code) {
    base.requireOpen();
    try (ModelCall reading = reading(List.of())) {
      code.accept(new Merger(base, Composition.NONE, Map.of()));
    }
  }

  /**
   * Merges the active adapters permanently and removes all adapters. First every merged weight is
   * computed and dropped, to find errors. Then, while no call runs, the weights are replaced one by
   * one.
   *
   * @param quantizeAgain whether weights that are kept in fewer bits are kept so after merging
   * @return what the latter have lost
   */
  public QuantizationError settle(boolean quantizeAgain) {
    while (true) {
      base.requireOpen();
      State now = state;
      now.adapters.values().forEach(adapter -> adapter.requireNotTraining("merged"));
      Optional<ModelCall> reading = tryReading(adaptersOf(now));
      if (reading.isEmpty()) {
        continue; // one of them has been removed since
      }
      try (ModelCall call = reading.get()) {
        merger(now).check();
      }
      Optional<Calls.Call> alone =
          base.calls().own(base.resource(), List.of(), "merge adapters for good");
      if (alone.isEmpty()) {
        continue; // closed
      }
      try (Calls.Call owned = alone.get()) {
        synchronized (this) {
          if (state == now && !isTraining(now.adapters.keySet())) {
            Merger merger = merger(now);
            Requantization again = new Requantization(base);
            if (!quantizeAgain) {
              Merger.sayWhatIsDense(base, merger.parameters());
            }
            merger.replace(quantizeAgain ? again : null);
            state = new State(Map.of(), Composition.NONE, true, null);
            now.adapters.values().forEach(adapter -> base.calls().retire(adapter.resource()));
            if (now.merged != null) {
              base.calls().retire(now.merged.resource());
            }
            return again.error();
          }
        }
      }
    }
  }

  /**
   * Changes the frozen model while no call runs.
   *
   * @param what the purpose, as errors name it: "resize …"
   * @throws IllegalStateException if there are adapters, which were made for the model as it is
   */
  public void alone(String what, Runnable change) {
    base.requireOpen();
    Optional<Calls.Call> alone = base.calls().own(base.resource(), List.of(), what);
    try (Calls.Call owned =
        alone.orElseThrow(() -> new IllegalStateException("the model is closed"))) {
      synchronized (this) {
        if (!state.adapters.isEmpty()) {
          throw new IllegalStateException(
              "the adapters "
                  + state.adapters.keySet()
                  + " were made for the model as it is; "
                  + what
                  + " before adapt(…) and loadAdapter(…), or remove them first");
        }
        change.run();
      }
    }
  }

  /**
   * A running training.
   *
   * @param resolved the active composition at its start
   * @param hold keeps those adapters and the model from being freed
   */
  public record Training(Adapter adapter, Resolved resolved, Calls.Hold hold) {}

  /** Starts the training of an adapter with the active composition. */
  public synchronized Training train(Adapter adapter) {
    requireUnmerged();
    if (get(adapter.name()) != adapter || !active().adapters().contains(adapter.name())) {
      throw new IllegalStateException(
          "adapter '" + adapter.name() + "' is not active: activate(name) first");
    }
    Resolved usual = state.usual;
    List<Calls.Resource> held = new ArrayList<>(usual.resources());
    held.add(base.resource()); // between steps no call runs, and the tensors are still needed
    adapter.beginTraining();
    Calls.Hold hold =
        base.calls()
            .hold(held)
            .orElseThrow(() -> new IllegalStateException("an adapter is being removed"));
    return new Training(adapter, usual, hold);
  }

  /** The trainable tensors of the active adapters that are not frozen. */
  public List<Trainable> trainables() {
    return adaptersOf(state).stream()
        .filter(adapter -> !adapter.isFrozen())
        .flatMap(adapter -> adapter.trainables().stream())
        .distinct()
        .toList();
  }

  /** Closes the model after the last call has ended, and frees the adapters. */
  public void close() {
    base.close();
    State last;
    synchronized (this) {
      last = state;
      state = new State(Map.of(), Composition.NONE, true, null);
    }
    Merged weights = last.merged;
    Stream<Calls.Resource> merged = weights == null ? Stream.of() : Stream.of(weights.resource());
    Stream.concat(last.adapters.values().stream().map(Adapter::resource), merged)
        .filter(Predicate.not(Calls.Resource::isRetired))
        .forEach(base.calls()::retire);
  }

  /** A line for each adapter. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Adapter adapter : state.adapters.values()) {
      boolean active = active().adapters().contains(adapter.name());
      text.append("\n  ").append(adapter).append(active ? " (active)" : "");
    }
    return text.toString();
  }
}
