package io.github.peft4j;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.Iterator;

/**
 * Makes a frozen model that was loaded again the same as the one that was loaded first. What is
 * plain numbers is copied, so that it does not matter what has changed since: merged weights,
 * resized tables, a new head. A matrix in fewer bits is what the files and its quantisation say.
 */
final class FrozenCopy {

  private FrozenCopy() {}

  /**
   * Copies the values of a model.
   *
   * @param copy the same model, as its files say
   * @throws IllegalStateException if a matrix in fewer bits is no longer what the files say
   */
  static void of(TransformerModel model, TransformerModel copy) {
    if (model.isResized()) {
      copy.resizeTokens(model.config().size("vocab_size"), 0); // the values are copied below
    }
    Iterator<ParameterSite> targets = copy.parameters().iterator();
    model.parameters().forEach(source -> of(source, targets.next()));
  }

  private static void of(ParameterSite source, ParameterSite target) {
    if (!source.name().equals(target.name())) {
      throw new IllegalStateException(
          "a copy of the model has %s in the place of %s".formatted(target.name(), source.name()));
    }
    if (source.isQuantized()) {
      if (source.hasChanged()) {
        throw new IllegalStateException(
            "%s was merged and quantised again, and is not in the model's files: saveMerged(folder), and load that folder with the same quantisation to train on several devices"
                .formatted(source.name()));
      }
    } else if (target.isQuantized()) {
      target.replace(there(source.frozen(), target), source.hasChanged());
    } else {
      Tensors.copy(target.frozen(), source.frozen());
    }
  }

  /** The numbers of a merged weight on the copy's device. */
  private static NDArray there(NDArray numbers, ParameterSite target) {
    try (Scope scope = new Scope()) {
      NDArray like = target.frozen();
      NDArray there = Tensors.zerosLike(like);
      Tensors.copy(there, numbers);
      return Scope.release(there);
    }
  }
}
