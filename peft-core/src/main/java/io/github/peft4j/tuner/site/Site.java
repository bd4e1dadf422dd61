package io.github.peft4j.tuner.site;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Splitting;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One computation of the frozen model that adapters may rewrite. A site never changes: the adapters
 * come with each forward pass.
 *
 * @param <I> what goes in
 * @param <O> what comes out
 */
public abstract class Site<I, O> implements Computation<I, O> {

  private final String name;
  private final Computation<I, O> base;

  /**
   * Creates a site.
   *
   * @param name the Hugging Face module name, for example {@code model.layers.0.self_attn.q_proj}
   * @param base what the frozen model computes here
   */
  protected Site(String name, Computation<I, O> base) {
    this.name = name;
    this.base = base;
  }

  /** The Hugging Face module name. */
  public final String name() {
    return name;
  }

  /** What the frozen model computes here, without any adapter. */
  public final Computation<I, O> base() {
    return base;
  }

  /** Computes the site with the adapters of the pass. */
  @Override
  public final O forward(I input, ForwardContext context) {
    return context.adapters().computation(this, base).forward(input, context);
  }

  /** How inputs are split by rows of the batch. */
  public abstract Splitting<I> inputs();

  /** How outputs are split and joined by rows of the batch. */
  public abstract Joining<O> outputs();

  /**
   * How inputs are split.
   *
   * @param layers says for messages what adapters do here
   */
  Splitting<I> inputs(Supplier<String> layers) {
    return inputs();
  }

  /** Whether the computation reads a tensor that is accepted. */
  boolean reads(Predicate<ParameterSite> parameters) {
    return false;
  }

  /** The tensor that a {@link Mergeable} layer here is merged into, or null if there is none. */
  public @Nullable ParameterSite weightSite() {
    return null;
  }

  /**
   * The tensor that layers here are merged into.
   *
   * @throws IllegalStateException if there is none
   */
  public final ParameterSite weightSiteRequired() {
    ParameterSite weight = weightSite();
    if (weight == null) {
      throw new IllegalStateException(this + " has no weight to merge into");
    }
    return weight;
  }

  @Override
  public String toString() {
    return getClass().getSimpleName() + " " + name;
  }
}
