package io.github.peft4j.adapter;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An adapter on a model: one part, or several that compute together. At a site where several parts
 * have a layer, a later one takes those before it for its base.
 */
public final class Adapter {

  private volatile String name;
  private final List<AdapterPart> parts;
  private volatile List<Provenance.Training> trainings = List.of();
  private volatile @Nullable String corrected;
  private final AdapterLayers layers;
  private final Map<String, Trainable> tensors;
  private final List<Rewrite> rewrites;
  private final Calls.Resource resource;
  private final AtomicBoolean training = new AtomicBoolean();
  private volatile boolean isFrozen;

  /**
   * Creates an adapter.
   *
   * @param parts one or more
   * @throws IllegalArgumentException if parts cannot compute together; the message says why
   */
  Adapter(String name, List<AdapterPart> parts, Calls calls) {
    this.name = name;
    this.parts = List.copyOf(parts);
    this.layers = AdapterLayers.of(parts.stream().map(AdapterPart::layers).toList());
    this.rewrites = parts.stream().flatMap(part -> part.rewrites().stream()).toList();
    this.tensors = named();
    this.resource = calls.resource("adapter '" + name + "'", this::free);
  }

  private Map<String, Trainable> named() {
    Map<String, Trainable> all = new LinkedHashMap<>();
    for (int i = 0; i < parts.size(); i++) {
      String prefix = parts.size() == 1 ? "" : i + ".";
      parts.get(i).tensors().forEach((name, tensor) -> all.put(prefix + name, tensor));
    }
    return all;
  }

  void rename(String other) {
    name = other;
  }

  /** The adapter's current name. */
  public String name() {
    return name;
  }

  /** The parts, in the order in which they compute. */
  public List<AdapterPart> parts() {
    return parts;
  }

  /** The config that the adapter was created with or loaded with. */
  public PeftConfig config() {
    return parts.size() == 1
        ? parts.get(0).config()
        : new CompositeConfig(parts.stream().map(AdapterPart::config).toList());
  }

  /** PEFT's names of the methods: {@code peft_type}. */
  public String type() {
    return parts.stream().map(AdapterPart::type).collect(Collectors.joining(" + "));
  }

  /** How the method trains its tensors, with a rule of the training after it. */
  public TrainingRule rule(TrainingRule ofTraining) {
    return parts.stream()
        .map(AdapterPart::rule)
        .reduce(TrainingRule.ALIKE, TrainingRule::and)
        .and(ofTraining);
  }

  /**
   * What the method and a rule of the training do at each step. The caller calls {@link
   * StepListener#afterTraining} at the end.
   */
  public StepListener listener(TrainingRule ofTraining) {
    List<StepListener> all = new ArrayList<>();
    parts.forEach(part -> all.addAll(part.listeners()));
    all.add(rule(ofTraining).listener(rewrites));
    return StepListener.all(all);
  }

  /**
   * How all tensors are trained.
   *
   * @param ofTraining the training's rule
   * @param usual the learning rate and weight decay that the training is set to
   * @return the tensors to train, in the adapter's order
   * @throws IllegalArgumentException if no tensor is left to train
   */
  public Map<Trainable, ParameterGroup> groups(TrainingRule ofTraining, ParameterGroup usual) {
    TrainingRule both = rule(ofTraining);
    Map<Trainable, ParameterGroup> chosen = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          if (!tensor.isBuffer()) {
            both.groupOf(name, tensor, usual).ifPresent(group -> chosen.putIfAbsent(tensor, group));
          }
        });
    if (chosen.isEmpty()) {
      throw new IllegalArgumentException(
          "rule " + both + " leaves nothing of " + this + " to be trained");
    }
    return chosen;
  }

  /**
   * The quantization whose loss the adapter's start makes up for, as LoftQ's does: {@link
   * io.github.peft4j.quantization.Quantization#named}; null for none.
   */
  public @Nullable String corrected() {
    return corrected;
  }

  /** Notes what {@link #corrected} says; it is saved with the adapter. */
  public void corrected(@Nullable String quantization) {
    corrected = quantization;
  }

  /** The adapter's layers by site. */
  AdapterLayers layers() {
    return layers;
  }

  /** The adapter's layer at a site, or null. */
  public <I, O> @Nullable TunerLayer<I, O> layer(Site<I, O> site) {
    return layers.at(site);
  }

  /** The resource that calls with this adapter use; its tensors are freed with it. */
  public Calls.Resource resource() {
    return resource;
  }

  void beginTraining() {
    if (!training.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "adapter '" + name + "' is being trained already; wait for the end of that run");
    }
  }

  public void endTraining() {
    training.set(false);
  }

  boolean isTraining() {
    return training.get();
  }

  /** Refuses an operation that would break a running training. */
  void requireNotTraining(String what) {
    if (training.get()) {
      throw new IllegalStateException(
          "adapter '"
              + name
              + "' is being trained and cannot be "
              + what
              + "; wait for the end of that run");
    }
  }

  /** The known trainings of the adapter, in order. */
  public List<Provenance.Training> trainings() {
    return trainings;
  }

  /** Sets the trainings of the adapter, which are saved with it. */
  public void trainings(List<Provenance.Training> trainings) {
    this.trainings = List.copyOf(trainings);
  }

  /**
   * The composition in which this adapter is active: itself, with the adapters that it builds on.
   */
  public Composition composition() {
    return composition(name);
  }

  /**
   * The composition in which this adapter is active, under a name that it has in one state.
   *
   * @param name its name in a state of the model, which may differ from the current one
   */
  Composition composition(String name) {
    return parts.size() == 1 ? parts.get(0).composition(name) : Composition.of(name);
  }

  /** Whether the adapter is frozen, so that training does not change it. */
  public boolean isFrozen() {
    return isFrozen;
  }

  public void freeze(boolean frozen) {
    requireNotTraining(frozen ? "frozen" : "unfrozen");
    isFrozen = frozen;
    trainables().forEach(tensor -> tensor.freeze(frozen));
  }

  /** Frees the adapter's tensors. */
  public void free() {
    parts.forEach(AdapterPart::free);
  }

  /** The sites that it rewrites, with its layers there. */
  public List<Rewrite> rewrites() {
    return rewrites;
  }

  /**
   * All tensors, buffers included, by their names in the adapter's files. If there are several
   * parts, a part's number and a dot come first.
   */
  public Map<String, Trainable> tensors() {
    return tensors;
  }

  /** The name of a tensor in the adapter's files, see {@link #tensors()}. */
  public String nameOf(Trainable tensor) {
    return AdapterPart.nameOf(tensor, tensors);
  }

  /** The tensors with these names. */
  public Map<String, Trainable> tensors(Set<String> names) {
    Map<String, Trainable> some = new LinkedHashMap<>(tensors);
    some.keySet().retainAll(names);
    return some;
  }

  /** A tensor in the form that files hold. */
  public NDArray stored(Trainable tensor) {
    return parts.stream()
        .filter(part -> part.tensors().containsValue(tensor))
        .findFirst()
        .orElseThrow()
        .stored(tensor);
  }

  /** The trainable tensors, each once, in order. */
  public List<Trainable> trainables() {
    Set<Trainable> once = new LinkedHashSet<>();
    for (Trainable tensor : tensors.values()) {
      if (!tensor.isBuffer()) {
        once.add(tensor);
      }
    }
    return new ArrayList<>(once);
  }

  /** The number of trainable elements. */
  public long size() {
    return trainables().stream().mapToLong(Trainable::size).sum();
  }

  @Override
  public String toString() {
    return String.format(
        "%s '%s', %,d trained parameters in %d layers", type(), name, size(), rewrites.size());
  }
}
