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
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How the weights of a checkpoint are quantised, as {@code quantization_config} in its config.json
 * says.
 *
 * @param format of the tensors
 * @param settings the content of {@code quantization_config}
 */
public record QuantizedWeights(Format format, ModelConfig settings) {

  /** A format that is read. */
  public enum Format {
    /** NF4 or FP4 by bitsandbytes. */
    BITSANDBYTES_4BIT("4-bit by bitsandbytes"),
    /** LLM.int8 by bitsandbytes. */
    BITSANDBYTES_8BIT("8-bit by bitsandbytes"),
    /** GPTQ in groups, with 4 or 8 bits. */
    GPTQ("GPTQ"),
    /** AWQ in groups, with 4 bits. */
    AWQ("AWQ");

    private final String named;

    Format(String named) {
      this.named = named;
    }

    /** What it is called in messages. */
    @Override
    public String toString() {
      return named;
    }
  }

  /** What {@code checkpoint_format} and AWQ's {@code version} say about layouts that are read. */
  private static final Set<String> GPTQ_LAYOUTS = Set.of("gptq", "gptq_v2");

  /** Fields that say which layout codes have. */
  private static final List<String> LAYOUTS =
      List.of("checkpoint_format", "format", "version", "backend");

  /** Fields that say how a checkpoint was made, or how other libraries run it. */
  private static final Set<String> IGNORED =
      Set.of(
          // bitsandbytes
          "_load_in_4bit",
          "_load_in_8bit",
          "bnb_4bit_compute_dtype",
          "bnb_4bit_quant_storage",
          "bnb_4bit_quant_type",
          "bnb_4bit_use_double_quant",
          "llm_int8_enable_fp32_cpu_offload",
          "llm_int8_has_fp16_weight",
          "llm_int8_skip_modules",
          "llm_int8_threshold",
          "load_in_4bit",
          "load_in_8bit",
          // GPTQ; what fields say about single modules is compared with the tensors
          "act_group_aware",
          "batch_size",
          "block_name_to_quantize",
          "cache_block_outputs",
          "damp_auto_increment",
          "damp_percent",
          "dataset",
          "desc_act",
          "disable_exllama",
          "dynamic",
          "exllama_config",
          "is_marlin_format",
          "lm_head",
          "max_input_length",
          "meta",
          "model_file_base_name",
          "model_name_or_path",
          "model_seqlen",
          "module_name_preceding_first_block",
          "modules_in_block_to_quantize",
          "pack_dtype",
          "pad_token_id",
          "quant_method",
          "static_groups",
          "sym",
          "tokenizer",
          "true_sequential",
          "use_cuda_fp16",
          "use_exllama",
          // AWQ
          "backend",
          "do_fuse",
          "fuse_max_seq_len",
          "modules_to_fuse",
          "modules_to_not_convert",
          "q_group_size",
          "w_bit",
          "zero_point");

  private static final Set<Integer> GPTQ_BITS = Set.of(4, 8);

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

  /**
   * What a config says about its weights; empty if they are plain numbers.
   *
   * @throws UnsupportedModelException if weights are quantised in a way that is not read; the
   *     message names method and bits
   * @throws IllegalArgumentException if a setting has a wrong value
   */
  public static Optional<QuantizedWeights> of(ModelConfig config) {
    JsonObject whole = config.json();
    for (String field : FIELDS) {
      config.has(field);
      if (whole.get(field) instanceof JsonObject json) {
        ModelConfig settings = ModelConfig.of(json, config.source() + ": " + field);
        Optional<Format> format = field.equals(FIELDS.get(0)) ? format(settings) : Optional.empty();
        if (format.isEmpty()) {
          throw refused(config, "field '" + field + "' means that the weights are " + named(json));
        }
        return Optional.of(new QuantizedWeights(format.get(), settings));
      }
    }
    return Optional.empty();
  }

  private static Optional<Format> format(ModelConfig settings) {
    boolean bitsandbytes =
        settings.flag("load_in_4bit", false) || settings.flag("load_in_8bit", false);
    return switch (settings.text("quant_method", bitsandbytes ? "bitsandbytes" : "")) {
      case "bitsandbytes" -> Optional.of(bitsandbytes(settings));
      case "gptq" -> Optional.of(Format.GPTQ).filter(format -> isGptqRead(settings));
      case "awq" -> Optional.of(Format.AWQ).filter(format -> isAwqRead(settings));
      default -> Optional.empty();
    };
  }

  private static Format bitsandbytes(ModelConfig settings) {
    boolean four = settings.flag("load_in_4bit", false);
    boolean eight = settings.flag("load_in_8bit", false);
    if (four == eight) {
      throw settings.error(
          "load_in_4bit", four, "either it or load_in_8bit, which is " + eight + ", to be true");
    }
    return four ? Format.BITSANDBYTES_4BIT : Format.BITSANDBYTES_8BIT;
  }

  private static boolean isGptqRead(ModelConfig settings) {
    return GPTQ_BITS.contains(settings.integer("bits", 4))
        && GPTQ_LAYOUTS.contains(gptqLayout(settings));
  }

  private static boolean isAwqRead(ModelConfig settings) {
    String version = settings.text("version", settings.text("format", "gemm"));
    return settings.integer("bits", settings.integer("w_bit", 4)) == 4
        && version.equalsIgnoreCase("gemm")
        && !settings.text("backend", "").equals("llm-awq");
  }

  private static String gptqLayout(ModelConfig settings) {
    return settings.text("checkpoint_format", settings.text("format", "gptq"));
  }

  /** The bits of a code of GPTQ or AWQ. */
  public int bits() {
    return settings.integer("bits", settings.integer("w_bit", 4));
  }

  /**
   * The number of inputs in a group of GPTQ or AWQ.
   *
   * @param in the number of inputs, which are one group if the setting is -1
   * @throws IllegalArgumentException if it is neither -1 nor above 0
   */
  public long groupSize(long in) {
    int size = groupSize();
    return size == -1 ? in : size;
  }

  private int groupSize() {
    String field = settings.has("group_size") ? "group_size" : "q_group_size";
    int size = settings.integer(field, 128);
    if (size != -1 && size < 1) {
      throw settings.error(field, size, "-1, or a number above 0 such as 128");
    }
    return size;
  }

  /** The settings that are neither read nor known to change nothing, with their values. */
  public Map<String, String> unread() {
    Map<String, String> unread = new TreeMap<>();
    settings
        .unread()
        .forEach(
            (field, value) -> {
              if (!IGNORED.contains(field)) {
                unread.put(FIELDS.get(0) + "." + field, value);
              }
            });
    return unread;
  }

  /** The format with the sizes that the settings say, for errors. */
  public String named() {
    return format == Format.GPTQ || format == Format.AWQ
        ? "%s ('bits' %d, 'group_size' %d)".formatted(format, bits(), groupSize())
        : format.toString();
  }

  /** Whether the file has zeros less one, as the first version of GPTQ's files. */
  public boolean hasZerosLessOne() {
    return format == Format.GPTQ && gptqLayout(settings).equals("gptq");
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
        throw undeclared(config, "tensor " + name + " means that the weights are " + method.get());
      }
      if (name.endsWith(".weight") && INTEGERS.contains(source.info(name).dtype())) {
        throw undeclared(
            config, "tensor " + source.info(name) + " means that the weights are quantised");
      }
    }
  }

  private static UnsupportedModelException refused(ModelConfig config, String found) {
    return refused(
        config,
        found,
        "which is not supported. Supported are bitsandbytes with 4 and 8 bits, GPTQ with 4 and 8 bits"
            + " (checkpoint_format gptq and gptq_v2) and AWQ with 4 bits (version gemm)");
  }

  private static UnsupportedModelException undeclared(ModelConfig config, String found) {
    return refused(
        config,
        found,
        "but there is no field 'quantization_config' that says how"
            + (found.contains("GPTQ")
                ? ". Older files of AutoGPTQ have its content in quantize_config.json: add it with"
                    + " quant_method gptq"
                : ""));
  }

  private static UnsupportedModelException refused(ModelConfig config, String found, String why) {
    return new UnsupportedModelException(
        new IllegalArgumentException(
            config.source()
                + ": "
                + found
                + ", "
                + why
                + ". Load the plain model without quantisation: an adapter that was trained on the"
                + " quantised weights fits it"));
  }

  private static String named(JsonObject settings) {
    String method =
        settings.get("quant_method") instanceof JsonPrimitive named ? named.getAsString() : "";
    String bits =
        isTrue(settings, "load_in_4bit")
            ? "4"
            : isTrue(settings, "load_in_8bit") || method.equals("fp8") ? "8" : bits(settings);
    return (bits == null ? "quantised" : bits + "-bit")
        + (method.isEmpty() ? "" : " by " + method)
        + LAYOUTS.stream()
            .filter(settings::has)
            .map(field -> ", '%s' %s".formatted(field, settings.get(field)))
            .collect(Collectors.joining());
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
