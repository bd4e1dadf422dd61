package io.github.peft4j.adapter.files;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonParser;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterFactory;
import io.github.peft4j.adapter.AdapterFormat;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.adapter.layout.BareNames;
import io.github.peft4j.adapter.layout.BroughtTables;
import io.github.peft4j.adapter.layout.PeftLayouts;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.gguf.GgufLora;
import io.github.peft4j.gguf.GgufModel;
import io.github.peft4j.gguf.StoredLora;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.transformer.TransformerModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** A LoRA adapter in a GGUF file, as llama.cpp's convert_lora_to_gguf.py writes it. */
public final class GgufAdapter implements AdapterFormat {

  private static final String LORA = "LORA";

  @Override
  public boolean isFormatOf(Path folder) {
    return !Files.isRegularFile(folder.resolve(PeftFolder.CONFIG))
        && GgufModel.find(folder).isPresent();
  }

  @Override
  public Adapter read(String name, Path folder, AdapterFactory factory) {
    Path file = GgufModel.find(folder).orElseThrow();
    TransformerModel model = factory.base();
    StoredLora stored = StoredLora.read(file, model.config());
    PeftMethod<?> method = PeftMethods.ofType(LORA);
    TensorSource tensors =
        PeftLayouts.of(method)
            .read(new LoraTensors(file, stored.tensors()), model.parameters().toList());
    Map<String, long[]> shapes = new LinkedHashMap<>();
    tensors.names().forEach(each -> shapes.put(each, tensors.info(each).shape()));
    BroughtTables.requireSizes(file.toString(), shapes, PeftLayouts.of(method), model);
    return factory.adapter(
        name,
        1,
        i ->
            factory.load(
                PeftFolder.injection(
                    method, stored.config(), file.toString(), shapes, factory, true),
                name,
                file.toString(),
                part -> {
                  part.names(BareNames.ofNew(model));
                  PeftFolder.read(
                      file,
                      tensors,
                      PeftFolder.tensors(part, false),
                      part.frozen(),
                      model.manager());
                  PeftFolder.finish(file, part, true);
                }));
  }

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
    if (model.isResized()) { // else the tables that PEFT's files have are those of the base's file
      part.frozen()
          .forEach(
              (name, parameter) ->
                  tensors.put(
                      part.names().inFile(name),
                      new GgufLora.Tensor(parameter.shape().getShape(), new float[0])));
    }
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
