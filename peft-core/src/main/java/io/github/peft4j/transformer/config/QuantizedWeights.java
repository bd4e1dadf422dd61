package io.github.peft4j.transformer.config;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Detects models with quantised weights, which are not supported. */
public final class QuantizedWeights {

  private static final List<String> FIELDS =
      List.of("quantization_config", "compression_config", "quantization");

  /** Names of fields with the number of bits, at any depth. */
  private static final Set<String> BITS = Set.of("bits", "w_bit", "wbits", "num_bits", "nbits");

  /** Quantisation methods by the name suffix of their tensors. */
  private static final Map<String, String> TENSORS =
      new TreeMap<>(
          Map.of(
              ".qweight", "GPTQ or AWQ",
              ".qzeros", "GPTQ or AWQ",
              ".weight.absmax", "4-bit by bitsandbytes",
              ".weight.quant_map", "4-bit by bitsandbytes",
              ".SCB", "8-bit by bitsandbytes",
              ".weight_scale_inv", "8-bit floats (fp8)",
              ".weight_scale", "fp8 or compressed-tensors",
              ".weight_packed", "compressed-tensors"));

  private static final Set<DType> INTEGERS = Set.of(DType.U8, DType.I8, DType.I32);

  private QuantizedWeights() {}

  /**
   * Refuses a config of quantised weights.
   *
   * @throws UnsupportedModelException if weights are quantised; the message names method and bits
   */
  public static void refuse(ModelConfig config) {
    for (String field : FIELDS) {
      if (config.has(field) && config.json().get(field) instanceof JsonObject settings) {
        throw refused(config, "field '" + field + "' means that the weights are " + of(settings));
      }
    }
  }

  /**
   * Refuses quantised weights that the config does not mention.
   *
   * @throws UnsupportedModelException if weights are quantised; the message names a tensor
   */
  public static void refuse(ModelConfig config, TensorSource source) {
    for (String name : source.names()) {
      Optional<String> method =
          TENSORS.entrySet().stream()
              .filter(sign -> name.endsWith(sign.getKey()))
              .map(Map.Entry::getValue)
              .findFirst();
      if (method.isPresent()) {
        throw refused(config, "tensor " + name + " means that the weights are " + method.get());
      }
      if (name.endsWith(".weight") && INTEGERS.contains(source.info(name).dtype())) {
        throw refused(
            config, "tensor " + source.info(name) + " means that the weights are quantised");
      }
    }
  }

  private static UnsupportedModelException refused(ModelConfig config, String found) {
    return new UnsupportedModelException(
        new IllegalArgumentException(
            config.source()
                + ": "
                + found
                + ", which is not supported. Load the plain model without quantisation: an"
                + " adapter that was trained on the quantised weights fits it"));
  }

  private static String of(JsonObject settings) {
    String method =
        settings.get("quant_method") instanceof JsonPrimitive named ? named.getAsString() : "";
    String bits =
        isTrue(settings, "load_in_4bit")
            ? "4"
            : isTrue(settings, "load_in_8bit") || method.equals("fp8") ? "8" : bits(settings);
    return (bits == null ? "quantised" : bits + "-bit") + (method.isEmpty() ? "" : " by " + method);
  }

  private static boolean isTrue(JsonObject settings, String field) {
    JsonElement value = settings.get(field);
    return value != null && value.isJsonPrimitive() && value.getAsBoolean();
  }

  private static @Nullable String bits(JsonObject settings) {
    for (Map.Entry<String, JsonElement> field : settings.entrySet()) {
      JsonElement value = field.getValue();
      if (BITS.contains(field.getKey()) && value.isJsonPrimitive()) {
        return value.getAsString();
      }
      String within = value instanceof JsonObject object ? bits(object) : null;
      if (within != null) {
        return within;
      }
    }
    return null;
  }
}
