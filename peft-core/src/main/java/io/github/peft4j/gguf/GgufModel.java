package io.github.peft4j.gguf;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.gguf.TensorNames.Named;
import io.github.peft4j.gguf.tokenizer.GgufTokenizer;
import io.github.peft4j.io.GgufChoice;
import io.github.peft4j.io.GgufNames;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.quantization.QuantizedTensors;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model in a GGUF file, with the config, names and numbers of Hugging Face's format.
 *
 * @param file the file
 * @param config what its config.json would say
 * @param pooling how states become vectors of texts
 */
public record GgufModel(Path file, ModelConfig config, GgufPooling pooling) {

  private static final Logger LOG = LoggerFactory.getLogger(GgufModel.class);

  /** Tensors that are read with the fields of the config. */
  private static final Set<String> OF_CONFIG =
      Set.of("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight");

  /**
   * The GGUF file that a path means: the path itself, or the one model in a folder without weights
   * in other formats. Of a model in several parts it is the first.
   *
   * @return the file, or nothing if the path means something else
   * @throws IllegalArgumentException if the folder has several; the message lists them
   */
  public static Optional<Path> find(Path path) {
    if (Files.isRegularFile(path)) {
      return Optional.of(path)
          .filter(file -> file.toString().endsWith(GgufNames.ENDING) || isGguf(file));
    }
    if (!Files.isDirectory(path)) {
      return Optional.empty();
    }
    List<String> names;
    try (Stream<Path> files = Files.list(path)) {
      names = files.map(file -> file.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path, e);
    }
    GgufChoice choice =
        new GgufChoice(
            path.toString(),
            names,
            name -> path.resolve(name).toFile().length(),
            name -> "pass the path of one, as " + path.resolve(name));
    return choice.isPossible() && names.stream().noneMatch(GgufModel::isOtherWeights)
        ? Optional.of(path.resolve(choice.parts(null).get(0)))
        : Optional.empty();
  }

  private static boolean isOtherWeights(String name) {
    return name.endsWith(".safetensors") || name.endsWith(".bin");
  }

  private static boolean isGguf(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return new String(in.readNBytes(4), StandardCharsets.US_ASCII).equals("GGUF");
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /**
   * Reads what the file says about the model.
   *
   * @throws io.github.peft4j.io.gguf.GgufException if the file is damaged, or a value is missing
   * @throws UnsupportedModelException if peft4j does not know the architecture, or the file holds
   *     something else than a model
   */
  public static GgufModel read(Path file) {
    try (GgufFile gguf = GgufFile.open(file)) {
      Architecture architecture = architecture(gguf, file);
      FileKeys keys = new FileKeys(gguf, file.toString(), architecture.name());
      JsonObject config = config(architecture, keys);
      GgufPooling pooling =
          architecture.task() == Task.Type.FEATURE_EXTRACTION
              ? EncoderFields.pooling(keys)
              : GgufPooling.UNSAID;
      Map<String, String> unread = keys.unread();
      if (!unread.isEmpty()) {
        LOG.warn(
            "{}: these values are not read: {}. If one of them changes what the model computes,"
                + " results are wrong",
            file,
            unread);
      }
      return new GgufModel(file, ModelConfig.of(config, file.toString()), pooling);
    }
  }

  private static JsonObject config(Architecture architecture, FileKeys keys) {
    JsonObject config = new JsonObject();
    JsonArray classes = new JsonArray();
    classes.add(architecture.className());
    config.add("architectures", classes);
    config.addProperty("model_type", architecture.modelType());
    for (Field field : architecture.fields()) {
      field.read(keys, config);
    }
    GgufTokenizer.ids(keys.file().metadata()).asMap().forEach(config::add);
    return config;
  }

  private static Architecture architecture(GgufFile gguf, Path file) {
    GgufMetadata metadata = gguf.metadata();
    String type = metadata.findString("general.type").orElse("model");
    String name = metadata.string("general.architecture");
    String instead = otherThanModel(type, gguf);
    if (instead != null) {
      throw new UnsupportedModelException(new IllegalArgumentException(file + ": " + instead));
    }
    return Architectures.named(name)
        .orElseThrow(
            () ->
                new UnsupportedModelException(
                    new IllegalArgumentException(
                        ("%s: general.architecture is %s; expected one of %s. If it is a language"
                                + " model, take it in Hugging Face's format, of which peft4j reads"
                                + " more families")
                            .formatted(file, name, Architectures.names()))));
  }

  /** What a file is that holds no whole model; null for a model. */
  private static @Nullable String otherThanModel(String type, GgufFile gguf) {
    if (type.equals("adapter")) {
      return "it is an adapter for llama.cpp, and no model: load the model that it was trained on, and"
          + " then this file as its adapter";
    }
    if (!type.equals("model")) {
      return "general.type is "
          + type
          + "; expected model. It is a part for images or sounds:"
          + " pass the file of the language model";
    }
    return gguf.tensors().isEmpty()
        ? "it has a vocabulary and no weights: pass the file of the whole model"
        : null;
  }

  /**
   * Opens the tensors under Hugging Face's names, as numbers.
   *
   * @throws UnsupportedModelException if the file has tensors that the family does not have
   */
  public TensorSource tensors() {
    return open(false);
  }

  /** The same, with the matrices of blocks as they are: {@link QuantizedTensors}. */
  public TensorSource blocks() {
    return open(true);
  }

  private TensorSource open(boolean inBlocks) {
    GgufFile gguf = GgufFile.open(file);
    try {
      Map<String, Named> tensors = new LinkedHashMap<>();
      List<String> unknown = new ArrayList<>();
      Architecture architecture = architecture(gguf, file);
      for (String stored : gguf.names()) {
        Optional<Named> named = architecture.tensors().ofStored(stored);
        if (named.isPresent()) {
          tensors.put(named.get().name(), named.get());
        } else if (!OF_CONFIG.contains(stored)) {
          unknown.add(stored);
        }
      }
      if (!unknown.isEmpty()) {
        throw new UnsupportedModelException(
            new IllegalArgumentException(
                ("%s: peft4j does not know %d tensors in a model of architecture %s: %s. Take the"
                        + " model in Hugging Face's format")
                    .formatted(
                        file,
                        unknown.size(),
                        architecture.name(),
                        unknown.subList(0, Math.min(20, unknown.size())))));
      }
      return new GgufTensors(gguf, tensors, head(), inBlocks);
    } catch (RuntimeException | Error e) {
      gguf.close();
      throw e;
    }
  }

  /** The size of a head; 1 where no rows are in the order of heads. */
  private int head() {
    return config.has("head_dim") ? config.size("head_dim") : 1;
  }

  /** Opens the tokenizer; null if the file has none. */
  public @Nullable Tokenizer tokenizer() {
    try (GgufFile gguf = GgufFile.open(file)) {
      return GgufTokenizer.read(gguf.metadata(), file.toString());
    }
  }
}
