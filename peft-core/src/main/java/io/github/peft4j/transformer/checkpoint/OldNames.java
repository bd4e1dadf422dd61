package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.io.RenamedTensors;
import io.github.peft4j.io.TensorSource;

/**
 * Names of tensors that checkpoints have from the time before transformers, which transformers
 * renames in every model: BERT's first ones, converted from TensorFlow, call weight and bias of a
 * layer norm gamma and beta.
 */
final class OldNames {

  private OldNames() {}

  /** The tensors under today's names. */
  static TensorSource today(TensorSource source) {
    return RenamedTensors.by(
        source,
        name ->
            name.replace("LayerNorm.gamma", "LayerNorm.weight")
                .replace("LayerNorm.beta", "LayerNorm.bias"));
  }
}
