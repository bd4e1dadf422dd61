package io.github.peft4j.methods.fisher;

import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.methods.common.sparse.Largest;
import io.github.peft4j.methods.common.sparse.SparseEntries;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Makes an adapter that trains the parameters with the largest Fisher information:
 *
 * <pre>{@code
 * Fisher.of(FishConfig.ofRatio(0.005)).adapt(model, examples);
 * FineTuner.of(model).on(examples).run();
 * }</pre>
 *
 * <p>The information of a parameter is the mean of its squared gradients over examples, one example
 * at a time. Meanwhile a copy of the model, its gradient and the information are in memory.
 *
 * @param <C> the method's config
 */
public final class Fisher<C extends FisherConfig<C>> {

  private static final String PROBE = "fisher: entries";

  private final C config;
  private int maxLength = 512;
  private long seed = 42;

  private Fisher(C config) {
    this.config = config;
  }

  /**
   * Creates the preparation of an adapter.
   *
   * @throws IllegalArgumentException if the config needs no examples
   */
  public static <C extends FisherConfig<C>> Fisher<C> of(C config) {
    if (!config.needsExamples()) {
      throw new IllegalArgumentException(
          config.getClass().getSimpleName()
              + ": with these settings no examples are needed: make the adapter with"
              + " model.adapt(config)");
    }
    return new Fisher<>(config);
  }

  /**
   * Sets the most tokens of an example; the default is the number of the model's positions, and at
   * most 512.
   */
  public Fisher<C> maxLength(int tokens) {
    this.maxLength = tokens;
    return this;
  }

  /** Sets the seed of the choice of examples, of drawn labels and of dropout; the default is 42. */
  public Fisher<C> seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Adds the adapter as {@value PeftModel#DEFAULT} and makes it the active one. */
  public PeftModel adapt(PeftModel model, Examples<?> examples) {
    return adapt(PeftModel.DEFAULT, model, examples);
  }

  /**
   * Adds the adapter and makes it the active one.
   *
   * @param examples examples of the task, ideally the training examples; a random part of them is
   *     read if there are more than the config asks for
   * @return the model
   * @throws IllegalArgumentException if the name is taken, or the config does not fit the model
   */
  public PeftModel adapt(String name, PeftModel model, Examples<?> examples) {
    Integer most = config.mostExamples();
    return adapt(name, model, FisherScores.batches(model, examples, most, maxLength, seed));
  }

  /**
   * Adds the adapter.
   *
   * @param batches of one example each
   */
  PeftModel adapt(String name, PeftModel model, List<Batch> batches) {
    if (model.adapters().containsKey(name)) {
      throw new IllegalArgumentException(
          "there is an adapter '" + name + "' already; take another name or remove it first");
    }
    Map<String, int[]> chosen = chosen(model, batches);
    Map<String, Integer> counts = new LinkedHashMap<>();
    chosen.forEach((tensor, places) -> counts.put(tensor, places.length));
    model.adapt(name, config.entries(counts));
    for (Rewrite rewrite : model.adapter(name).rewrites()) {
      if (rewrite.layer() instanceof SparseEntries layer) {
        layer.choose(Objects.requireNonNull(chosen.get(layer.site().name())));
      }
    }
    return model;
  }

  private Map<String, int[]> chosen(PeftModel model, List<Batch> batches) {
    Set<String> whole = new HashSet<>();
    long k = budget(model, whole);
    return FisherInformation.in(
        model,
        FullConfig.defaults()
            .targetModules(config.targetModules())
            .excludeModules(config.excludeModules())
            .modulesToSave(config.modulesToSave()),
        name -> !whole.contains(name),
        config.gradType(),
        information -> {
          batches.forEach(
              config.sampleType() == SampleType.EXPECT
                  ? new ExpectedLabels(model, information, seed)::add
                  : batch -> information.add(batch, BatchFeed.targets(model.base(), batch), 1));
          return Largest.of(information.scores(), k);
        });
  }

  /**
   * The number of entries that the config trains in this model. It is asked of an adapter with as
   * many, chosen at random.
   *
   * @param whole gets the names of the tensors that are trained whole
   */
  private long budget(PeftModel model, Set<String> whole) {
    Composition before = model.active();
    try {
      long k = 0;
      for (Rewrite rewrite : model.adapt(PROBE, config.random()).adapter(PROBE).rewrites()) {
        if (rewrite.layer() instanceof SparseEntries layer) {
          k += layer.values().size();
        } else if (rewrite.site() instanceof ParameterSite site) {
          whole.add(site.name());
        }
      }
      return k;
    } finally {
      if (model.adapters().containsKey(PROBE)) {
        model.remove(PROBE);
      }
      model.activate(before);
    }
  }
}
