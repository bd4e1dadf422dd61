package io.github.peft4j.adapter.files;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonParser;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.gguf.GgufLora;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.TransformerModel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** A GGUF file of an adapter. */
public final class GgufAdapter {

  private GgufAdapter() {}

  /**
   * Writes an adapter.
   *
   * @throws UnsupportedMethodException if it is no LoRA, or a setting of it has no place in a GGUF
   *     file
   */
  public static void write(Adapter adapter, TransformerModel model, Path file) {
    if (adapter.parts().size() > 1) {
      throw new UnsupportedMethodException(
          "adapter '%s' has %d parts; a GGUF file takes one LoRA"
              .formatted(adapter.name(), adapter.parts().size()));
    }
    AdapterPart part = adapter.parts().get(0);
    Map<String, GgufLora.Tensor> tensors = new LinkedHashMap<>();
    PeftFolder.tensors(part, false)
        .forEach(
            (name, tensor) -> {
              try (Scope scope = new Scope()) {
                NDArray value = part.stored(tensor);
                tensors.put(
                    part.names().inFile(name),
                    new GgufLora.Tensor(value.getShape().getShape(), Tensors.floats(value)));
              }
            });
    part.frozen()
        .forEach(
            (name, parameter) ->
                tensors.put(
                    part.names().inFile(name),
                    new GgufLora.Tensor(parameter.shape().getShape(), new float[0])));
    GgufLora lora =
        new GgufLora(
            model.config(),
            JsonParser.parseString(part.configText()).getAsJsonObject(),
            "adapter '" + adapter.name() + "'");
    Path whole = file.toAbsolutePath();
    String name = FileGroup.name(whole);
    try (FileGroup files = FileGroup.beside(whole)) {
      files.write(name, lora.content(name, tensors));
      files.commit();
    }
  }
}
