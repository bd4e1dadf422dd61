package io.github.peft4j.methods;

import io.github.peft4j.config.PeftConfig;
import java.util.Arrays;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/**
 * A method, small, and what it promises: a row of the table in {@link MethodsTest}.
 *
 * @param name what tests call it
 * @param startsWithoutEffect whether a fresh adapter changes nothing
 * @param merges whether it is a change of weights
 * @param fits the models that it is tried on; tied tables concern those that train tables
 * @param cached whether a token is computed alike with those before it in a cache, and beside them
 * @param hasWholeGradient the tensors whose gradient is that of the loss, and not a part of it by
 *     intention
 * @param stacks whether two of it, one on top of the other, both count
 */
record MethodCase(
    String name,
    PeftConfig config,
    boolean startsWithoutEffect,
    boolean merges,
    Predicate<TinyModel> fits,
    boolean cached,
    Predicate<String> hasWholeGradient,
    boolean stacks) {

  /** A method that promises all there is, on models whose tables are not tied. */
  static MethodCase of(String name, PeftConfig config) {
    return new MethodCase(
        name,
        config,
        true,
        true,
        model -> model != TinyModel.TIED_LLAMA,
        true,
        tensor -> true,
        true);
  }

  MethodCase hasEffectAtOnce() {
    return new MethodCase(name, config, false, merges, fits, cached, hasWholeGradient, stacks);
  }

  MethodCase cannotMerge() {
    return new MethodCase(
        name, config, startsWithoutEffect, false, fits, cached, hasWholeGradient, stacks);
  }

  MethodCase fitting(Predicate<TinyModel> models) {
    return new MethodCase(
        name, config, startsWithoutEffect, merges, models, cached, hasWholeGradient, stacks);
  }

  /** A mean over the tokens of a run, padding among them, decides what is added to each. */
  MethodCase gatingRuns() {
    return new MethodCase(
        name, config, startsWithoutEffect, merges, fits, false, hasWholeGradient, stacks);
  }

  MethodCase withWholeGradientOf(Predicate<String> tensors) {
    return new MethodCase(name, config, startsWithoutEffect, merges, fits, cached, tensors, stacks);
  }

  /** The output is replaced, so that one on top of another is refused. */
  MethodCase replacingOutput() {
    return new MethodCase(
        name, config, startsWithoutEffect, merges, fits, cached, hasWholeGradient, false);
  }

  /** Each check's arguments: this and a model, for all models that it fits. */
  Stream<Arguments> onItsModels() {
    return Arrays.stream(TinyModel.values()).filter(fits).map(model -> Arguments.of(this, model));
  }

  @Override
  public String toString() {
    return name;
  }
}
