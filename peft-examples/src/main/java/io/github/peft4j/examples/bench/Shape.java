package io.github.peft4j.examples.bench;

import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A model of a known size with random weights: a Llama, or the encoder MiniLM as a classifier.
 *
 * @param name one of {@code shapes.json}
 * @param config its config.json
 */
public record Shape(String name, JsonObject config) {

  private static final JsonObject ALL = Resources.json("shapes.json");

  /**
   * The number of different tokens in all texts. They are few, so that even a short training learns
   * which they are.
   */
  public static final int TOKENS = 256;

  /**
   * The shape of a name.
   *
   * @throws IllegalArgumentException naming the known shapes
   */
  public static Shape of(String name) {
    if (!ALL.has(name)) {
      throw new IllegalArgumentException(
          "no shape '" + name + "'; there are " + String.join(", ", ALL.keySet()));
    }
    return new Shape(name, ALL.getAsJsonObject(name));
  }

  /** The same shape, whose training drops nothing at random. */
  public Shape withoutDropout() {
    JsonObject changed = config.deepCopy();
    config.keySet().stream()
        .filter(field -> field.endsWith("dropout") || field.endsWith("dropout_prob"))
        .forEach(field -> changed.addProperty(field, 0));
    return new Shape(name, changed);
  }

  /** Whether it writes texts. If not, it has two classes. */
  public boolean isDecoder() {
    return config.get("model_type").getAsString().equals("llama");
  }

  /** Loads it. */
  public Peft.Loader loader() {
    Peft.Loader loader =
        Peft.from(ModelConfig.of(config, name), this::weights, this::tokenizer, "random-" + name);
    return isDecoder() ? loader : loader.task(Task.classification("no", "yes"));
  }

  /** The id of one of the tokens that texts are made of; they are far from each other. */
  public long token(int number) {
    return (long) number * (size("vocab_size") / TOKENS);
  }

  /** The number of layers. */
  public int layers() {
    return size("num_hidden_layers");
  }

  /** The text of a token. */
  static String word(long id) {
    return "t" + id;
  }

  private Tokenizer tokenizer() {
    String vocabulary =
        IntStream.range(0, TOKENS)
            .mapToLong(this::token)
            .mapToObj(id -> "\"" + word(id) + "\": " + id)
            .collect(Collectors.joining(", ", "{", "}"));
    String json =
        """
        {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"},
         "model": {"type": "WordLevel", "unk_token": "t0", "vocab": %s}}
        """
            .formatted(vocabulary);
    return Tokenizer.load(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)));
  }

  private int size(String field) {
    return config.get(field).getAsInt();
  }

  RandomTensors weights() {
    RandomTensors tensors = new RandomTensors();
    if (isDecoder()) {
      addLlama(tensors);
    } else {
      addBert(tensors);
    }
    return tensors;
  }

  private void addLlama(RandomTensors tensors) {
    int hidden = size("hidden_size");
    int inner = size("intermediate_size");
    int query = size("num_attention_heads") * size("head_dim");
    int keyValue = size("num_key_value_heads") * size("head_dim");
    tensors.add("model.embed_tokens.weight", size("vocab_size"), hidden);
    for (int i = 0; i < size("num_hidden_layers"); i++) {
      String layer = "model.layers." + i + ".";
      tensors.add(layer + "input_layernorm.weight", hidden);
      tensors.add(layer + "self_attn.q_proj.weight", query, hidden);
      tensors.add(layer + "self_attn.k_proj.weight", keyValue, hidden);
      tensors.add(layer + "self_attn.v_proj.weight", keyValue, hidden);
      tensors.add(layer + "self_attn.o_proj.weight", hidden, query);
      tensors.add(layer + "post_attention_layernorm.weight", hidden);
      tensors.add(layer + "mlp.gate_proj.weight", inner, hidden);
      tensors.add(layer + "mlp.up_proj.weight", inner, hidden);
      tensors.add(layer + "mlp.down_proj.weight", hidden, inner);
    }
    tensors.add("model.norm.weight", hidden);
    if (!config.get("tie_word_embeddings").getAsBoolean()) {
      tensors.add("lm_head.weight", size("vocab_size"), hidden);
    }
  }

  private void addBert(RandomTensors tensors) {
    int hidden = size("hidden_size");
    int inner = size("intermediate_size");
    Map<String, Integer> tables =
        Map.of(
            "word", size("vocab_size"),
            "position", size("max_position_embeddings"),
            "token_type", size("type_vocab_size"));
    tables.forEach(
        (table, rows) ->
            tensors.add("bert.embeddings." + table + "_embeddings.weight", rows, hidden));
    addNorm(tensors, "bert.embeddings.LayerNorm", hidden);
    for (int i = 0; i < size("num_hidden_layers"); i++) {
      String layer = "bert.encoder.layer." + i + ".";
      for (String part : new String[] {"self.query", "self.key", "self.value", "output.dense"}) {
        addLinear(tensors, layer + "attention." + part, hidden, hidden);
      }
      addNorm(tensors, layer + "attention.output.LayerNorm", hidden);
      addLinear(tensors, layer + "intermediate.dense", inner, hidden);
      addLinear(tensors, layer + "output.dense", hidden, inner);
      addNorm(tensors, layer + "output.LayerNorm", hidden);
    }
    addLinear(tensors, "bert.pooler.dense", hidden, hidden);
  }

  private static void addLinear(RandomTensors tensors, String name, int out, int in) {
    tensors.add(name + ".weight", out, in);
    tensors.add(name + ".bias", out);
  }

  private static void addNorm(RandomTensors tensors, String name, int size) {
    tensors.add(name + ".weight", size);
    tensors.add(name + ".bias", size);
  }
}
