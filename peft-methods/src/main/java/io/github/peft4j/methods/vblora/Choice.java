package io.github.peft4j.methods.vblora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Trainable;
import org.jspecify.annotations.Nullable;

/**
 * The logits by which one factor chooses vectors. With {@code save_only_topk_weights}, PEFT's file
 * has the places of the k chosen ones and all but the last of their weights; the logits are in a
 * file of peft4j beside it. Logits made of PEFT's file alone are -∞ for all others, which no
 * training changes.
 */
final class Choice {

  private static final Kernel PLACES =
      Kernel.of(
          """
          def places(logits: Tensor) -> Tensor:                        # (…, k), 32-bit integers
              top, places, = torch.topk(logits, {k}, -1, True, True)
              return places.to(3)
          """);
  private static final Kernel WEIGHTS =
      Kernel.of(
          """
          def weights(logits: Tensor) -> Tensor:                       # (…, k - 1)
              top, places, = torch.topk(logits, {k}, -1, True, True)
              return torch.contiguous(torch.narrow(torch.softmax(top, -1), -1, 0, {k} - 1))
          """);
  private static final Kernel LOGITS =
      Kernel.of(
          """
          def logits(like: Tensor, places: Tensor, weights: Tensor) -> Tensor:  # like (…, N)
              rest = torch.rsub(torch.sum(weights, [-1], True), 1)
              all = torch.log(torch.clamp_min(torch.cat([weights, rest], -1), 0))
              none = torch.full_like(like, -inf)
              return torch.scatter(none, -1, places.to(4), all)
          """);

  private final Trainable logits;
  private final @Nullable Trainable places;
  private final @Nullable Trainable weights;
  private final int k;
  private boolean known = true;

  /**
   * Declares the tensors.
   *
   * @param key the logits' key
   * @param start their initial value (…, N)
   */
  Choice(String key, NDArray start, VbLoraConfig config, Declarations layer) {
    this.k = config.topk();
    if (config.saveOnlyTopkWeights()) {
      Shape parts = start.getShape().slice(0, 2);
      this.places =
          layer.buffer(
              key + "_topk_indices",
              start.getManager().create(new int[(int) parts.size() * k], parts.add(k)));
      this.weights =
          layer.buffer(
              key + "_topk_weights",
              start.getManager().zeros(parts.add(k - 1), start.getDataType()));
      this.logits = layer.beside(key, start);
    } else {
      this.places = null;
      this.weights = null;
      this.logits = layer.trainable(key, start);
    }
  }

  /**
   * The logits (…, N).
   *
   * @param training whether they are being trained
   * @throws IllegalStateException if they are being trained and the folder had only the chosen ones
   */
  NDArray logits(boolean training) {
    if (training && !known) {
      throw new IllegalStateException(
          "this adapter cannot be trained on: it was saved with save_only_topk_weights, and its"
              + " folder holds the chosen vectors but not the logits; take a folder that peft4j"
              + " saved (it has peft4j_training.safetensors), or start a new adapter");
    }
    return logits.value();
  }

  /** Whether a tensor belongs to this choice. */
  boolean has(Trainable tensor) {
    return tensor == logits || tensor == places || tensor == weights;
  }

  /** See {@link io.github.peft4j.tuner.TunerLayer#stored}. */
  NDArray stored(Trainable tensor) {
    if (tensor == logits || !known) {
      return tensor.value();
    }
    Kernel kernel = (tensor == places ? PLACES : WEIGHTS).with("k", k);
    return Autograd.without(() -> kernel.call(logits.value()));
  }

  /** See {@link io.github.peft4j.tuner.TunerLayer#loaded}. */
  void loaded(boolean all) {
    known = all;
    if (!known && places != null && weights != null) {
      try (Scope scope = new Scope()) {
        NDArray chosen =
            Autograd.without(() -> LOGITS.call(logits.value(), places.value(), weights.value()));
        Tensors.copy(logits.value(), chosen);
      }
    }
  }
}
