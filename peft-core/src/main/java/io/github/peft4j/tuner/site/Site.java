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
 * One computation of the frozen model that adapters may rewrite. A site is immutable: each forward
 * pass brings its adapters.
 *
 * @param <I> the input
 * @param <O> the output
 */
public abstract class Site<I, O> implements Computation<I, O> {

  private final String name;
  private final Computation<I, O> base;

  /**
   * Creates a site.
   *
   * @param name the Hugging Face module name, for example {@code model.layers.0.self_attn.q_proj}
   * @param base the frozen model's computation
   */
  protected Site(String name, Computation<I, O> base) {
    this.name = name;
    this.base = base;
  }

  /** The Hugging Face module name. */
  public final String name() {
    return name;
  }

  /** The name of the module that the site belongs to, whose adapters' tensors are called so. */
  public String module() {
    return name;
  }

  /** The frozen model's computation, without adapters. */
  public final Computation<I, O> base() {
    return base;
  }

  /** Computes the output with the adapters of the pass. */
  @Override
  public final O forward(I input, ForwardContext context) {
    return context.adapters().computation(this, base).forward(input, context);
  }

  /** Splits inputs by rows of the batch. */
  public abstract Splitting<I> inputs();

  /** Splits and joins outputs by rows of the batch. */
  public abstract Joining<O> outputs();

  /**
   * Splits inputs by rows of the batch.
   *
   * @param layers describes the adapters' layers here, for messages
   */
  Splitting<I> inputs(Supplier<String> layers) {
    return inputs();
  }

  /** Whether the computation reads one of the accepted tensors. */
  boolean reads(Predicate<ParameterSite> parameters) {
    return false;
  }

  /** The tensor that {@link Mergeable} layers here are merged into, or null if there is none. */
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
