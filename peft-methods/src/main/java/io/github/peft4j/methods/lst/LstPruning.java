package io.github.peft4j.methods.lst;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.fisher.FisherScores;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.StackSite;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Makes an LST adapter whose side network starts as the model, pruned by Fisher information on
 * examples of the task:
 *
 * <pre>{@code
 * LstPruning.of(LstConfig.defaults()).adapt(model, examples);
 * FineTuner.of(model).on(examples).run();
 * }</pre>
 *
 * <p>Meanwhile a copy of the model, its gradient and the information are in memory.
 */
public final class LstPruning {

  private static final Set<Role> OUTSIDE_OF_LAYERS =
      EnumSet.of(Role.EMBEDDING, Role.POOLER, Role.HEAD_TRANSFORM, Role.HEAD);

  private final LstConfig config;
  private int examples = 100;
  private int maxLength = 512;
  private long seed = 42;

  private LstPruning(LstConfig config) {
    this.config = config;
  }

  /** Creates the preparation of an adapter with this config. */
  public static LstPruning of(LstConfig config) {
    return new LstPruning(config);
  }

  /** Sets the most examples that are read, above 0; the default is 100. */
  public LstPruning examples(int most) {
    if (most < 1) {
      throw new IllegalArgumentException("examples is " + most + "; expected 1 or more");
    }
    this.examples = most;
    return this;
  }

  /**
   * Sets the most tokens of an example; the default is the number of the model's positions, and at
   * most 512.
   */
  public LstPruning maxLength(int tokens) {
    this.maxLength = tokens;
    return this;
  }

  /** Sets the seed of the choice of examples and of dropout; the default is 42. */
  public LstPruning seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Adds the adapter as {@value PeftModel#DEFAULT} and makes it the active one. */
  public PeftModel adapt(PeftModel model, Examples<?> data) {
    return adapt(PeftModel.DEFAULT, model, data);
  }

  /**
   * Adds the adapter and makes it the active one.
   *
   * @param data examples of the task, ideally the training examples; a random part of them is read
   *     if there are many
   * @return the model
   * @throws IllegalArgumentException if the name is taken, the config does not fit the model, or no
   *     example has a label that counts
   */
  public PeftModel adapt(String name, PeftModel model, Examples<?> data) {
    if (model.adapters().containsKey(name)) {
      throw new IllegalArgumentException(
          "there is an adapter '" + name + "' already; take another name or remove it first");
    }
    Set<String> weights =
        model
            .base()
            .sites()
            .filter(LinearSite.class::isInstance)
            .map(LinearSite.class::cast)
            .filter(map -> !OUTSIDE_OF_LAYERS.contains(map.role()))
            .map(map -> map.weight().name())
            .collect(Collectors.toSet());
    Map<String, float[]> information =
        FisherScores.of(model, data, examples, maxLength, seed, weights::contains);
    return start(
        name,
        model.adapt(name, config),
        site -> {
          float[] values = requireNonNull(information.get(site.name()));
          return site.frozen().getManager().create(values, site.shape());
        });
  }

  private PeftModel start(
      String name, PeftModel model, Function<ParameterSite, NDArray> importance) {
    Initializer initial = new Initializer(model.base().manager(), Precision.FLOAT32, 0);
    Sites sites = new Sites(model.base().sites(), Map.of(), initial, null, null);
    Pruning encoder = null;
    for (Rewrite rewrite : model.adapter(name).rewrites()) {
      if (rewrite.layer() instanceof Ladder ladder) {
        StackSite stack = (StackSite) rewrite.site();
        encoder = new Pruning(stack, sites, config.reductionFactor(), importance, encoder);
        ladder.start(encoder);
      }
    }
    return model;
  }
}
