package io.github.peft4j.embed;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Reads the files that sentence-transformers adds to a model's folder. */
final class SentenceTransformers {

  static final String MODULES = "modules.json";

  /** The fields that choose a pooling, and the names of newer files; those without a value fail. */
  private static final Map<String, Optional<Pooling>> MODES =
      Map.of(
          "cls_token", Optional.of(Pooling.CLS),
          "mean_tokens", Optional.of(Pooling.MEAN),
          "lasttoken", Optional.of(Pooling.LAST_TOKEN),
          "max_tokens", Optional.empty(),
          "mean_sqrt_len_tokens", Optional.empty(),
          "weightedmean_tokens", Optional.empty());

  private static final Map<String, Pooling> NAMES =
      Map.of("cls", Pooling.CLS, "mean", Pooling.MEAN, "lasttoken", Pooling.LAST_TOKEN);

  /** PyTorch's classes of activation functions. */
  private static final Map<String, Activation> ACTIVATIONS =
      Map.of(
          "Identity", Activation.LINEAR,
          "Tanh", Activation.TANH,
          "ReLU", Activation.RELU,
          "GELU", Activation.GELU,
          "SiLU", Activation.SILU,
          "Sigmoid", Activation.SIGMOID);

  private SentenceTransformers() {}

  /** The pooling that a field {@code pooling_mode_…} chooses, if it is supported. */
  static Optional<Pooling> poolingOf(String mode) {
    return MODES.getOrDefault(mode, Optional.empty());
  }

  /** PyTorch's class of an activation. */
  static String torchName(Activation activation) {
    String name =
        ACTIVATIONS.entrySet().stream()
            .filter(entry -> entry.getValue() == activation)
            .map(Map.Entry::getKey)
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "a dense layer has the activation %s; sentence-transformers' files know %s"
                            .formatted(activation, ACTIVATIONS.values())));
    return "torch.nn.modules." + (name.equals("Identity") ? "linear." : "activation.") + name;
  }

  static Optional<EmbeddingSettings> read(Path folder) {
    if (!EmbeddingSettings.isIn(folder)) {
      return Optional.empty();
    }
    Path modules = folder.resolve(MODULES);
    EmbeddingSettings settings = EmbeddingSettings.of(Pooling.MEAN).prompt(prompt(folder));
    boolean pools = false;
    for (JsonObject json : JsonFile.readList(modules)) {
      ModelConfig module = ModelConfig.of(json, modules.toString());
      Path path = path(folder, module);
      String type = module.text("type", "");
      requireOrder(settings, module, type);
      switch (lastPart(type)) {
        case "Transformer" -> settings = transformer(settings, folder, path, module);
        case "Pooling" -> {
          settings = settings.pooling(pooling(config(path)));
          pools = true;
        }
        case "Dense" -> settings = settings.dense(and(settings.dense(), dense(path)));
        case "Normalize" -> settings = settings.normalized(true);
        default ->
            throw unsupported(
                module, "type", type, "a module Transformer, Pooling, Dense or Normalize");
      }
    }
    if (!pools) {
      throw new IllegalArgumentException(
          modules + " has no module of type Pooling; expected one after the Transformer");
    }
    return Optional.of(settings);
  }

  /** A module's folder, which is within the model's. */
  private static Path path(Path folder, ModelConfig module) {
    String name = module.text("path", "");
    Path path = folder.resolve(name).normalize();
    if (!path.startsWith(folder.normalize())) {
      throw module.error("path", name, "a folder within the model's folder");
    }
    return path;
  }

  private static void requireOrder(EmbeddingSettings settings, ModelConfig module, String type) {
    if (settings.normalized()) {
      throw unsupported(module, "type", type, "no module after Normalize");
    }
  }

  private static EmbeddingSettings transformer(
      EmbeddingSettings settings, Path folder, Path path, ModelConfig module) {
    if (!path.equals(folder.normalize())) {
      throw unsupported(
          module,
          "path",
          module.text("path", ""),
          "\"\", the model's own folder, for a Transformer");
    }
    ModelConfig config = optional(path.resolve("sentence_bert_config.json"));
    ModelConfig tokenizer = optional(path.resolve("tokenizer_config.json"));
    String limit = "max_seq_length";
    double length =
        config.has(limit)
            ? config.size(limit)
            : tokenizer.positive("model_max_length", Integer.MAX_VALUE);
    return settings
        .maxLength((int) Math.min(length, Integer.MAX_VALUE))
        .lowerCased(config.flag("do_lower_case", false));
  }

  /** The config in a file; an empty one if there is no such file. */
  private static ModelConfig optional(Path file) {
    return ModelConfig.of(
        Files.isRegularFile(file) ? JsonFile.read(file) : new JsonObject(), file.toString());
  }

  private static Pooling pooling(ModelConfig config) {
    config.require("include_prompt", config.flag("include_prompt", true), true);
    if (config.has("pooling_mode")) {
      String name = config.text("pooling_mode", "");
      Pooling pooling = NAMES.get(name);
      if (pooling == null) {
        throw unsupported(config, "pooling_mode", "'" + name + "'", "one of " + NAMES.keySet());
      }
      return pooling;
    }
    List<String> chosen =
        MODES.keySet().stream()
            .map(mode -> "pooling_mode_" + mode)
            .filter(field -> config.flag(field, false))
            .sorted()
            .toList();
    if (chosen.size() != 1) {
      throw unsupported(config, "pooling_mode_…", "true for " + chosen, "true for exactly one");
    }
    String field = chosen.get(0);
    return Optional.ofNullable(MODES.get(field.substring("pooling_mode_".length())))
        .flatMap(mode -> mode)
        .orElseThrow(
            () ->
                unsupported(
                    config,
                    field,
                    true,
                    "pooling by cls_token, mean_tokens or lasttoken, which are supported"));
  }

  private static DenseLayer dense(Path path) {
    ModelConfig config = config(path);
    int in = config.size("in_features");
    int out = config.size("out_features");
    String function = config.text("activation_function", "torch.nn.modules.activation.Tanh");
    Activation activation = ACTIVATIONS.get(lastPart(function));
    if (activation == null) {
      throw unsupported(config, "activation_function", function, "one of " + ACTIVATIONS.keySet());
    }
    try (TensorSource weights = weights(path)) {
      return new DenseLayer(
          tensor(weights, path, "linear.weight", out, in),
          config.flag("bias", true) ? tensor(weights, path, "linear.bias", out) : null,
          in,
          out,
          activation);
    }
  }

  private static TensorSource weights(Path path) {
    Path pickled = path.resolve("pytorch_model.bin");
    Path file = path.resolve("model.safetensors");
    return Files.isRegularFile(file) || !Files.isRegularFile(pickled)
        ? Safetensors.open(file)
        : TorchFile.open(pickled);
  }

  private static float[] tensor(TensorSource weights, Path path, String name, long... shape) {
    long[] found = weights.info(name).shape();
    if (!Arrays.equals(found, shape)) {
      throw new IllegalArgumentException(
          "%s: %s has the shape %s; expected %s, as its config.json says"
              .formatted(path, name, Arrays.toString(found), Arrays.toString(shape)));
    }
    return weights.floats(name);
  }

  /** The prompt that sentence-transformers puts in front of texts by default. */
  private static String prompt(Path folder) {
    ModelConfig config = optional(folder.resolve("config_sentence_transformers.json"));
    String name = config.text("default_prompt_name", "");
    if (name.isEmpty()) {
      return "";
    }
    JsonElement prompts = config.json().get("prompts");
    JsonElement prompt =
        prompts != null && prompts.isJsonObject() ? prompts.getAsJsonObject().get(name) : null;
    if (prompt == null || !prompt.isJsonPrimitive()) {
      throw config.error("default_prompt_name", name, "the name of one of the prompts");
    }
    return prompt.getAsString();
  }

  private static ModelConfig config(Path path) {
    Path file = path.resolve("config.json");
    return ModelConfig.of(JsonFile.read(file), file.toString());
  }

  private static String lastPart(String name) {
    return name.substring(name.lastIndexOf('.') + 1);
  }

  private static List<DenseLayer> and(List<DenseLayer> layers, DenseLayer layer) {
    return Stream.concat(layers.stream(), Stream.of(layer)).toList();
  }

  private static UnsupportedModelException unsupported(
      ModelConfig config, String field, Object value, String expected) {
    return new UnsupportedModelException(config.error(field, value, expected));
  }
}
