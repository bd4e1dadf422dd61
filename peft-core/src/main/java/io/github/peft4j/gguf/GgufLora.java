package io.github.peft4j.gguf;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.gguf.TensorNames.Named;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.gguf.GgufWriter;
import io.github.peft4j.transformer.config.ModelConfig;
import java.nio.channels.WritableByteChannel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A LoRA adapter as a GGUF file, as llama.cpp's convert_lora_to_gguf.py writes it. llama.cpp adds
 * α/r · B A x to the output of a linear map, with one α for all of them.
 */
public final class GgufLora {

  static final String PREFIX = "base_model.model.";
  private static final Pattern PART =
      Pattern.compile(Pattern.quote(PREFIX) + "(.*)\\.lora_(embedding_)?([AB])(\\.weight)?");

  /** The fields of adapter_config.json that a file cannot say, unless they are off. */
  private static final List<String> OFF =
      List.of(
          "use_dora",
          "lora_bias",
          "modules_to_save",
          "trainable_token_indices",
          "target_parameters",
          "alpha_pattern",
          "layer_replication");

  private final ModelConfig base;
  private final JsonObject config;
  private final String source;

  /**
   * @param base the config of the base model
   * @param config the adapter_config.json
   * @param source the adapter's name in errors
   */
  public GgufLora(ModelConfig base, JsonObject config, String source) {
    this.base = base;
    this.config = config;
    this.source = source;
  }

  /** A tensor of an adapter: its shape and its numbers. */
  @SuppressWarnings("ArrayRecordComponent") // The arrays are read once; nobody compares them.
  public record Tensor(long[] shape, float[] numbers) {}

  /** The two matrices of a module. */
  private static final class Pair {
    private @Nullable Tensor a;
    private @Nullable Tensor b;
    private boolean embedding;
  }

  /**
   * The content of the file.
   *
   * @param name of the adapter, for people
   * @param tensors the tensors of an adapter_model.safetensors
   * @throws UnsupportedMethodException if a GGUF file cannot express the adapter; the message names
   *     the field or the tensor
   */
  public AtomicFiles.Content<WritableByteChannel> content(
      String name, Map<String, Tensor> tensors) {
    Architecture architecture = GgufWeights.architecture(base);
    requireLora();
    GgufMetadata.Builder metadata = new GgufMetadata.Builder();
    metadata.string("general.architecture", architecture.name());
    metadata.string("general.type", "adapter");
    metadata.string("adapter.type", "lora");
    metadata.string("general.name", Titles.of(name));
    metadata.float32("adapter.lora.alpha", (float) alpha());
    metadata.uint32("general.quantization_version", 2);
    GgufWriter writer = new GgufWriter(metadata.build());
    pairs(tensors).forEach((module, pair) -> add(writer, architecture, module, pair));
    return writer.content();
  }

  private UnsupportedMethodException refused(String what) {
    return new UnsupportedMethodException(
        ("%s: %s. A GGUF adapter has the matrices of LoRA alone: merge the adapter into its model,"
                + " and save that by saveGguf")
            .formatted(source, what));
  }

  private void requireLora() {
    String type = text("peft_type");
    if (!"LORA".equals(type)) {
      throw refused("its method is " + type);
    }
    for (String field : OFF) {
      JsonElement value = config.get(field);
      if (value != null && !isOff(value)) {
        throw refused("field '" + field + "' is " + value);
      }
    }
    String bias = text("bias");
    if (bias != null && !bias.equals("none")) {
      throw refused("field 'bias' is " + bias);
    }
  }

  private @Nullable String text(String field) {
    return config.get(field) instanceof JsonPrimitive text ? text.getAsString() : null;
  }

  private static boolean isOff(JsonElement value) {
    return value.isJsonNull()
        || (value instanceof JsonPrimitive flag && flag.isBoolean() && !flag.getAsBoolean())
        || (value instanceof JsonObject object && object.isEmpty())
        || (value.isJsonArray() && value.getAsJsonArray().isEmpty());
  }

  /** α, with which α/r is the scale also if it is α/√r in PEFT. */
  private double alpha() {
    double alpha = config.get("lora_alpha").getAsDouble();
    JsonElement stable = config.get("use_rslora");
    if (stable == null || isOff(stable)) {
      return alpha;
    }
    if (config.get("rank_pattern") instanceof JsonObject ranks && !ranks.isEmpty()) {
      throw refused("field 'use_rslora' is true with several ranks");
    }
    return alpha * Math.sqrt(config.get("r").getAsDouble());
  }

  /** The matrices by the name of their module, in the order of the file's names. */
  private Map<String, Pair> pairs(Map<String, Tensor> tensors) {
    Map<String, Pair> pairs = new LinkedHashMap<>();
    new TreeMap<>(tensors)
        .forEach(
            (name, tensor) -> {
              Matcher part = PART.matcher(name);
              if (!part.matches()) {
                throw refused("it has the tensor " + name);
              }
              Pair pair = pairs.computeIfAbsent(part.group(1), module -> new Pair());
              pair.embedding = part.group(2) != null;
              if (part.group(3).equals("A")) {
                pair.a = tensor;
              } else {
                pair.b = tensor;
              }
            });
    return pairs;
  }

  private void add(GgufWriter writer, Architecture architecture, String module, Pair pair) {
    Tensor a = pair.a;
    Tensor b = pair.b;
    Named named = architecture.tensors().ofName(module + ".weight").orElse(null);
    if (a == null || b == null || named == null) {
      throw refused("llama.cpp has no place for the matrices of " + module);
    }
    if (named.stored().equals("output.weight") && base.flag("tie_word_embeddings", false)) {
      throw refused(
          "it adapts " + module + ", whose weight is the table of tokens (tie_word_embeddings)");
    }
    // an embedding's A is (r, tokens), and llama.cpp takes a token's row of (tokens, r)
    put(writer, named.stored() + ".lora_a", pair.embedding ? transposed(a) : a);
    boolean ordered = named.transform() == Transform.HEAD_ROWS;
    put(
        writer,
        named.stored() + ".lora_b",
        ordered
            ? new Tensor(
                b.shape(),
                named.transform().write(b.numbers(), b.shape(), (int) HeadFields.sizeOf(base)))
            : b);
  }

  static Tensor transposed(Tensor tensor) {
    return new Tensor(
        Transform.TRANSPOSED.shape(tensor.shape()),
        Transform.TRANSPOSED.write(tensor.numbers(), tensor.shape(), 1));
  }

  private static void put(GgufWriter writer, String name, Tensor tensor) {
    writer.add(
        new TensorInfo(name, DType.F32, tensor.shape()),
        name,
        GgufType.F32,
        sink -> sink.accept(GgufWeights.bytes(tensor.numbers())));
  }
}
