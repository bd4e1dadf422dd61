package io.github.peft4j.export.onnx;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;

/** What is not written as ONNX, by name. */
final class Refusal {

  private Refusal() {}

  /**
   * The error for a part of a model.
   *
   * @param what the part, such as {@code "attention with ALiBi"}
   */
  static UnsupportedModelException of(ModelConfig config, String what) {
    return new UnsupportedModelException(
        new IllegalArgumentException(
            "%s: model_type '%s' has %s, which peft4j does not write as ONNX"
                .formatted(config.source(), config.text("model_type", "?"), what)),
        Remedy.SAVE_AS_FOLDER.with(
            "Save it with saveMerged(folder), for a runtime that reads such folders"));
  }
}
