package io.github.peft4j.embed;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import java.util.List;

/**
 * Writes the files that sentence-transformers reads beside a model, under the names that all its
 * releases know.
 */
final class ModuleFiles {

  private static final String TYPES = "sentence_transformers.models.";

  private final FileGroup files;
  private final JsonArray modules = new JsonArray();

  private ModuleFiles(FileGroup files) {
    this.files = files;
  }

  /**
   * Writes the files.
   *
   * @param dimension D of the model's states
   * @param positions the most tokens that the model reads
   */
  static void write(EmbeddingSettings settings, long dimension, long positions, FileGroup files) {
    ModuleFiles all = new ModuleFiles(files);
    all.module("", "Transformer");
    all.pooling(settings.pooling(), dimension);
    settings.dense().forEach(all::dense);
    if (settings.normalized()) {
      all.module("Normalize");
    }
    files.writeText(SentenceTransformers.MODULES, JsonFile.text(all.modules));
    files.writeText("sentence_bert_config.json", JsonFile.text(transformer(settings, positions)));
    files.writeText("config_sentence_transformers.json", JsonFile.text(prompts(settings.prompt())));
  }

  private String module(String type) {
    return module(modules.size() + "_" + type, type);
  }

  private String module(String path, String type) {
    JsonObject module = new JsonObject();
    module.addProperty("idx", modules.size());
    module.addProperty("name", "" + modules.size());
    module.addProperty("path", path);
    module.addProperty("type", TYPES + type);
    modules.add(module);
    return path;
  }

  private static JsonObject transformer(EmbeddingSettings settings, long positions) {
    JsonObject config = new JsonObject();
    config.addProperty("max_seq_length", Math.min(settings.maxLength(), positions));
    config.addProperty("do_lower_case", settings.lowerCased());
    return config;
  }

  private static JsonObject prompts(String prompt) {
    JsonObject config = new JsonObject();
    JsonObject prompts = new JsonObject();
    if (!prompt.isEmpty()) {
      prompts.addProperty("text", prompt);
      config.addProperty("default_prompt_name", "text");
    }
    config.add("prompts", prompts);
    return config;
  }

  private void pooling(Pooling pooling, long dimension) {
    JsonObject config = new JsonObject();
    config.addProperty("word_embedding_dimension", dimension);
    for (String mode : List.of("cls_token", "mean_tokens", "max_tokens", "lasttoken")) {
      boolean chosen = SentenceTransformers.poolingOf(mode).filter(pooling::equals).isPresent();
      config.addProperty("pooling_mode_" + mode, chosen);
    }
    config.addProperty("include_prompt", true);
    files.writeText(module("Pooling") + "/config.json", JsonFile.text(config));
  }

  private void dense(DenseLayer layer) {
    String path = module("Dense");
    JsonObject config = new JsonObject();
    config.addProperty("in_features", layer.in());
    config.addProperty("out_features", layer.out());
    config.addProperty("bias", layer.bias() != null);
    config.addProperty("activation_function", SentenceTransformers.torchName(layer.activation()));
    files.writeText(path + "/config.json", JsonFile.text(config));
    SafetensorsWriter weights =
        new SafetensorsWriter()
            .metadata("format", "pt")
            .add("linear.weight", new long[] {layer.out(), layer.in()}, layer.weight());
    float[] bias = layer.bias();
    if (bias != null) {
      weights.add("linear.bias", new long[] {layer.out()}, bias);
    }
    files.write(path + "/model.safetensors", weights.content());
  }
}
