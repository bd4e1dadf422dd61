package io.github.peft4j.examples;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The dimensions of a Llama model with random weights.
 *
 * @param hidden width of the hidden state
 * @param layers number of layers
 * @param heads number of attention heads
 * @param keyValueHeads number of key and value heads
 * @param intermediate width inside the feed-forward blocks
 * @param vocabulary number of tokens
 */
public record Shape(
    int hidden, int layers, int heads, int keyValueHeads, int intermediate, int vocabulary) {

  private static final Map<String, Shape> LLAMAS =
      Map.of(
          "tiny", new Shape(64, 2, 4, 2, 128, 512),
          "thin", new Shape(64, 16, 4, 2, 128, 512),
          "160m", new Shape(768, 12, 12, 12, 3072, 32000),
          "1b", new Shape(2048, 16, 32, 8, 8192, 128256));

  private static final int POSITIONS = 8192;

  /**
   * A loader of MiniLM, or of a Llama with random weights.
   *
   * @throws IllegalArgumentException naming the known shapes
   */
  static Peft.Loader loader(String name) {
    if (name.equals("minilm")) {
      return MiniLm.loader().task(Task.classification("no", "yes"));
    }
    Shape shape = LLAMAS.get(name);
    if (shape == null) {
      throw new IllegalArgumentException(
          "no shape '" + name + "'; there are minilm, " + String.join(", ", LLAMAS.keySet()));
    }
    return Peft.from(
        ModelConfig.of(shape.config(), name), shape::weights, () -> null, "random-" + name);
  }

  private JsonObject config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("model_type", "llama");
    config.put("hidden_size", hidden);
    config.put("num_hidden_layers", layers);
    config.put("num_attention_heads", heads);
    config.put("num_key_value_heads", keyValueHeads);
    config.put("head_dim", hidden / heads);
    config.put("intermediate_size", intermediate);
    config.put("vocab_size", vocabulary);
    config.put("max_position_embeddings", POSITIONS);
    config.put("rms_norm_eps", 1e-6);
    config.put("rope_theta", 500000.0);
    config.put("tie_word_embeddings", true);
    config.put("hidden_act", "silu");
    return new Gson().toJsonTree(config).getAsJsonObject();
  }

  private RandomTensors weights() {
    RandomTensors tensors = new RandomTensors();
    long keyValue = (long) hidden / heads * keyValueHeads;
    tensors.add("model.embed_tokens.weight", vocabulary, hidden);
    for (int i = 0; i < layers; i++) {
      String layer = "model.layers." + i + ".";
      tensors.add(layer + "input_layernorm.weight", hidden);
      tensors.add(layer + "self_attn.q_proj.weight", hidden, hidden);
      tensors.add(layer + "self_attn.k_proj.weight", keyValue, hidden);
      tensors.add(layer + "self_attn.v_proj.weight", keyValue, hidden);
      tensors.add(layer + "self_attn.o_proj.weight", hidden, hidden);
      tensors.add(layer + "post_attention_layernorm.weight", hidden);
      tensors.add(layer + "mlp.gate_proj.weight", intermediate, hidden);
      tensors.add(layer + "mlp.up_proj.weight", intermediate, hidden);
      tensors.add(layer + "mlp.down_proj.weight", hidden, intermediate);
    }
    tensors.add("model.norm.weight", hidden);
    return tensors;
  }
}
