package io.github.peft4j.gguf;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.gguf.GgufLora.Tensor;
import io.github.peft4j.gguf.TensorNames.Named;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.transformer.config.ModelConfig;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The LoRA adapter of a GGUF file in PEFT's words: what {@link GgufLora} and llama.cpp's
 * convert_lora_to_gguf.py write. llama.cpp adds α/r · B A x to the output of a linear map.
 *
 * @param config what its adapter_config.json would say
 * @param tensors what its adapter_model.safetensors would hold
 */
public record StoredLora(JsonObject config, Map<String, Tensor> tensors) {

  private static final String A = ".lora_a";
  private static final String B = ".lora_b";
  private static final String WEIGHT = ".weight";

  /**
   * Reads a file.
   *
   * @param base the config of the model that the adapter is for
   * @throws UnsupportedMethodException if it is another kind of adapter
   * @throws IllegalArgumentException if the file is damaged or holds a whole model, if the adapter
   *     is for another architecture, or if it has matrices for something that the architecture has
   *     not
   */
  public static StoredLora read(Path file, ModelConfig base) {
    try (GgufFile gguf = GgufFile.open(file)) {
      return new Reader(gguf, file, base).read();
    }
  }

  /** The matrices of an adapter, by the names that PEFT gives them. */
  private static final class Reader {

    private final GgufFile gguf;
    private final Path file;
    private final ModelConfig base;
    private final Architecture architecture;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final Map<String, Long> ranks = new TreeMap<>();

    /** GPT-2's maps have their weights turned, which PEFT says in the config. */
    private boolean turned;

    Reader(GgufFile gguf, Path file, ModelConfig base) {
      this.gguf = gguf;
      this.file = file;
      this.base = base;
      this.architecture = GgufWeights.architecture(base);
    }

    StoredLora read() {
      requireLora();
      for (String name : gguf.names()) {
        if (name.endsWith(A)) {
          add(name.substring(0, name.length() - A.length()));
        } else if (!name.endsWith(B) || !gguf.names().contains(other(name, B, A))) {
          throw error("tensor " + name + " is alone; expected pairs of lora_a and lora_b");
        }
      }
      if (ranks.isEmpty()) {
        throw error("there are no matrices of an adapter; fetch the file again");
      }
      return new StoredLora(config(), tensors);
    }

    private IllegalArgumentException error(String what) {
      return new IllegalArgumentException(file + ": " + what);
    }

    private void requireLora() {
      GgufMetadata metadata = gguf.metadata();
      String type = metadata.findString("general.type").orElse("model");
      if (!type.equals("adapter")) {
        throw error(
            "general.type is "
                + type
                + "; expected adapter: it is a whole model and no adapter: load it as a model");
      }
      String kind = metadata.string("adapter.type");
      if (!kind.equals("lora") || metadata.contains("adapter.alora.invocation_tokens")) {
        throw new UnsupportedMethodException(
            "%s: it is %s; expected a LoRA that works on all tokens"
                .formatted(
                    file, kind.equals("lora") ? "an activated LoRA (aLoRA)" : "of type " + kind));
      }
      String name = metadata.string("general.architecture");
      if (!name.equals(architecture.name())) {
        throw new IllegalArgumentException(
            "%s: general.architecture is %s, and the model is of %s: load the adapter on the model that it was trained on"
                .formatted(file, name, architecture.name()));
      }
    }

    private static String other(String name, String end, String otherEnd) {
      return name.substring(0, name.length() - end.length()) + otherEnd;
    }

    /**
     * Adds the two matrices of a module.
     *
     * @param stored the name of its weight in files
     */
    private void add(String stored) {
      if (!gguf.names().contains(stored + B)) {
        throw error("tensor " + stored + A + " is alone; expected " + stored + B + " beside it");
      }
      Named named =
          architecture
              .tensors()
              .ofStored(stored)
              .filter(each -> each.name().endsWith(WEIGHT))
              .orElseThrow(
                  () ->
                      error(
                          "peft4j does not know %s in a model of architecture %s"
                              .formatted(stored, architecture.name())));
      Tensor a = matrix(stored + A);
      Tensor b = matrix(stored + B);
      boolean table = stored.equals("token_embd.weight");
      long rank = b.shape()[1];
      if (rank < 1 || a.shape()[table ? 1 : 0] != rank) {
        throw error(
            "%s%s has the shape %s and %s %s; expected the same rank in both"
                .formatted(stored, A, Arrays.toString(a.shape()), B, Arrays.toString(b.shape())));
      }
      String module = named.name().substring(0, named.name().length() - WEIGHT.length());
      String part = GgufLora.PREFIX + module + (table ? ".lora_embedding_" : ".lora_");
      String end = table ? "" : WEIGHT;
      tensors.put(part + "A" + end, table ? GgufLora.transposed(a) : a);
      tensors.put(part + "B" + end, named.transform() == Transform.HEAD_ROWS ? ordered(b) : b);
      turned |= named.transform() == Transform.TRANSPOSED;
      ranks.put(module, rank);
    }

    private Tensor matrix(String name) {
      long[] shape = gguf.tensor(name).shape();
      if (shape.length != 2 || gguf.tensor(name).elementCount() > Integer.MAX_VALUE) {
        throw error(
            "%s has the shape %s; expected a matrix".formatted(name, Arrays.toString(shape)));
      }
      return new Tensor(shape, gguf.floats(name));
    }

    /** Puts the rows of heads into Hugging Face's order. */
    private Tensor ordered(Tensor b) {
      int head = (int) HeadFields.sizeOf(base);
      if (b.shape()[0] % head != 0) {
        throw error(
            "a matrix has %d rows; expected whole heads of %d".formatted(b.shape()[0], head));
      }
      return new Tensor(b.shape(), Transform.HEAD_ROWS.read(b.numbers(), b.shape(), head));
    }

    private JsonObject config() {
      long rank =
          ranks.values().stream()
              .max(
                  (x, y) ->
                      Integer.compare(
                          Collections.frequency(ranks.values(), x),
                          Collections.frequency(ranks.values(), y)))
              .orElseThrow();
      double alpha = gguf.metadata().findNumber("adapter.lora.alpha").orElse(0);
      JsonObject rankPattern = new JsonObject();
      JsonObject alphaPattern = new JsonObject();
      JsonArray modules = new JsonArray();
      ranks.forEach(
          (module, own) -> {
            modules.add(module);
            if (own != rank) {
              rankPattern.addProperty(module, own);
              alphaPattern.addProperty(module, own);
            }
          });
      JsonObject config = new JsonObject();
      config.addProperty("peft_type", "LORA");
      config.addProperty("task_type", "CAUSAL_LM");
      config.addProperty("r", rank);
      config.add("target_modules", modules);
      config.add("rank_pattern", rankPattern);
      if (alpha == 0) { // llama.cpp's scale is 1 then
        config.addProperty("lora_alpha", rank);
        config.add("alpha_pattern", alphaPattern);
      } else {
        config.addProperty("lora_alpha", alpha);
      }
      config.addProperty("fan_in_fan_out", turned);
      config.addProperty("bias", "none");
      config.addProperty("inference_mode", true);
      return config;
    }
  }
}
