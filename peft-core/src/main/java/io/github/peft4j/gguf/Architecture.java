package io.github.peft4j.gguf;

import io.github.peft4j.transformer.config.Task;
import java.util.List;

/**
 * How an architecture of llama.cpp's is a family of Hugging Face's. It serves reading and writing.
 *
 * @param name {@code general.architecture}
 * @param modelTypes the values of {@code model_type} in config.json that it is; the first one is
 *     that of a model that is read
 * @param className the class in {@code architectures}
 * @param fields what config.json is in the metadata, in the order in which llama.cpp's converter
 *     writes it
 * @param tensors the names of tensors
 */
record Architecture(
    String name,
    List<String> modelTypes,
    String className,
    List<Field> fields,
    TensorNames tensors) {

  /** The task of its models, apart from what heads may be put on them. */
  Task.Type task() {
    return className.endsWith("Model") && !className.contains("LMHead")
        ? Task.Type.FEATURE_EXTRACTION
        : Task.Type.CAUSAL_LM;
  }

  /** The type of a model that is read. */
  String modelType() {
    return modelTypes.get(0);
  }
}
