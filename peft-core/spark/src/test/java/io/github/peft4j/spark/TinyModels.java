package io.github.peft4j.spark;

import io.github.peft4j.io.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Folders of random models of two layers, with a tokenizer of the words w0 to w59. */
final class TinyModels {

  static final int WORDS = 60;

  private static final int D = 16;
  private static final int M = 24;
  private static final int VOCABULARY = WORDS + 4;

  private final Random random = new Random(5);
  private final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");

  private TinyModels() {}

  /** An encoder with dropout, which classifies texts as a, b or c. */
  static Path bert(Path folder) throws IOException {
    new TinyModels().writeBert(Files.createDirectories(folder));
    return folder;
  }

  /** A decoder. */
  static Path llama(Path folder) throws IOException {
    new TinyModels().writeLlama(Files.createDirectories(folder));
    return folder;
  }

  private void writeBert(Path folder) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 16,
         "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
         "vocab_size": %d, "max_position_embeddings": 32, "type_vocab_size": 2,
         "layer_norm_eps": 1e-12, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
         "attention_probs_dropout_prob": 0.1,
         "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
        """
            .formatted(VOCABULARY));
    tokenizer(folder);
    weight("bert.embeddings.word_embeddings", VOCABULARY, D);
    weight("bert.embeddings.position_embeddings", 32, D);
    weight("bert.embeddings.token_type_embeddings", 2, D);
    norm("bert.embeddings.LayerNorm");
    for (int i = 0; i < 2; i++) {
      String layer = "bert.encoder.layer." + i + ".";
      for (String part : new String[] {"query", "key", "value"}) {
        linear(layer + "attention.self." + part, D, D);
      }
      linear(layer + "attention.output.dense", D, D);
      norm(layer + "attention.output.LayerNorm");
      linear(layer + "intermediate.dense", M, D);
      linear(layer + "output.dense", D, M);
      norm(layer + "output.LayerNorm");
    }
    linear("bert.pooler.dense", D, D);
    linear("classifier", 3, D);
    writer.write(folder.resolve("model.safetensors"));
  }

  private void writeLlama(Path folder) throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16,
         "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "vocab_size": %d, "max_position_embeddings": 64,
         "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2}
        """
            .formatted(VOCABULARY));
    tokenizer(folder);
    weight("model.embed_tokens", VOCABULARY, D);
    ones("model.norm.weight", D);
    for (int i = 0; i < 2; i++) {
      String layer = "model.layers." + i + ".";
      ones(layer + "input_layernorm.weight", D);
      ones(layer + "post_attention_layernorm.weight", D);
      weight(layer + "self_attn.q_proj", D, D);
      weight(layer + "self_attn.k_proj", D / 2, D);
      weight(layer + "self_attn.v_proj", D / 2, D);
      weight(layer + "self_attn.o_proj", D, D);
      weight(layer + "mlp.gate_proj", M, D);
      weight(layer + "mlp.up_proj", M, D);
      weight(layer + "mlp.down_proj", D, M);
    }
    writer.write(folder.resolve("model.safetensors"));
  }

  private void linear(String name, int out, int in) {
    weight(name, out, in);
    writer.add(name + ".bias", new long[] {out}, new float[out]);
  }

  private void weight(String name, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.3 * random.nextGaussian());
    }
    writer.add(name + ".weight", new long[] {rows, columns}, values);
  }

  private void norm(String name) {
    ones(name + ".weight", D);
    writer.add(name + ".bias", new long[] {D}, new float[D]);
  }

  private void ones(String name, int size) {
    float[] values = new float[size];
    java.util.Arrays.fill(values, 1);
    writer.add(name, new long[] {size}, values);
  }

  private static void tokenizer(Path folder) throws IOException {
    String words =
        IntStream.range(0, WORDS)
            .mapToObj(i -> "\"w%d\": %d".formatted(i, i + 4))
            .collect(Collectors.joining(", "));
    Files.writeString(
        folder.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [
           {"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
           {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true},
           {"id": 2, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
         "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
         "post_processor": null, "decoder": null,
         "model": {"type": "WordLevel", "unk_token": "[UNK]",
           "vocab": {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, %s}}}
        """
            .formatted(words));
  }
}
