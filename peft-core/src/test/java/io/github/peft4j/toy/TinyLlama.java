package io.github.peft4j.toy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** A random Llama of a few thousand weights, with a tokenizer of bytes and a few words. */
public final class TinyLlama {

  /** The beginning-of-text token. */
  public static final long BOS = 1;

  /** The end-of-text token. */
  public static final long EOS = 2;

  /** The id of byte 0; the others follow. */
  public static final long BYTE_0 = 3;

  /** The most tokens that the model takes. */
  public static final int POSITIONS = 24;

  /** Prompts and answers of the tokenizer's words. */
  public static final List<PromptExample> EXAMPLES =
      List.of(
          new PromptExample("a b", " c"),
          new PromptExample("b a", " d"),
          new PromptExample("a a", " c"),
          new PromptExample("b b", " d"));

  private static final List<String> WORDS =
      List.of("▁", "a", "b", "c", "d", "▁a", "▁b", "▁c", "▁d", "END");
  private static final int VOCABULARY = 3 + 256 + WORDS.size();
  private static final Sizes TINY = new Sizes(16, 24, 4, 2, 2, POSITIONS);

  /**
   * The sizes of a model.
   *
   * @param inner of the feed-forward network
   * @param keyValueHeads the number of heads of keys and values
   * @param positions the most tokens that it takes
   */
  public record Sizes(
      int hidden, int inner, int heads, int keyValueHeads, int layers, int positions) {}

  private TinyLlama() {}

  /** The id of one of the tokenizer's words. */
  public static long id(String word) {
    return BYTE_0 + 256 + WORDS.indexOf(word);
  }

  /** Writes config.json, model.safetensors and tokenizer.json. */
  public static Path write(Path folder) throws IOException {
    return write(folder, TINY);
  }

  /** The same with other sizes. */
  public static Path write(Path folder, Sizes sizes) throws IOException {
    return write(folder, sizes, true);
  }

  /** The same with an output map of its own. */
  public static Path writeUntied(Path folder) throws IOException {
    return write(folder, TINY, false);
  }

  private static Path write(Path folder, Sizes sizes, boolean tied) throws IOException {
    int hidden = sizes.hidden();
    int keys = hidden / sizes.heads() * sizes.keyValueHeads();
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": %d,
         "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d,
         "num_key_value_heads": %d, "vocab_size": %d, "max_position_embeddings": %d,
         "rms_norm_eps": 1e-5, "tie_word_embeddings": %s, "bos_token_id": 1, "eos_token_id": [2]}
        """
            .formatted(
                hidden,
                sizes.inner(),
                sizes.layers(),
                sizes.heads(),
                sizes.keyValueHeads(),
                VOCABULARY,
                sizes.positions(),
                tied));
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer().toString());
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    Random random = new Random(5);
    add(writer, random, "model.embed_tokens.weight", VOCABULARY, hidden);
    add(writer, random, "model.norm.weight", hidden);
    for (int i = 0; i < sizes.layers(); i++) {
      String layer = "model.layers." + i + ".";
      add(writer, random, layer + "input_layernorm.weight", hidden);
      add(writer, random, layer + "post_attention_layernorm.weight", hidden);
      add(writer, random, layer + "self_attn.q_proj.weight", hidden, hidden);
      add(writer, random, layer + "self_attn.k_proj.weight", keys, hidden);
      add(writer, random, layer + "self_attn.v_proj.weight", keys, hidden);
      add(writer, random, layer + "self_attn.o_proj.weight", hidden, hidden);
      add(writer, random, layer + "mlp.gate_proj.weight", sizes.inner(), hidden);
      add(writer, random, layer + "mlp.up_proj.weight", sizes.inner(), hidden);
      add(writer, random, layer + "mlp.down_proj.weight", hidden, sizes.inner());
    }
    if (!tied) {
      add(writer, random, "lm_head.weight", VOCABULARY, hidden);
    }
    writer.write(folder.resolve("model.safetensors"));
    return folder;
  }

  private static void add(SafetensorsWriter writer, Random random, String name, long... shape) {
    float[] values = new float[(int) (shape.length == 1 ? shape[0] : shape[0] * shape[1])];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (shape.length == 1 ? 1 : 0.3 * random.nextGaussian());
    }
    writer.add(name, shape, values);
  }

  /** As Llama's: a space before words, bytes for what has no token. */
  private static JsonObject tokenizer() {
    JsonObject vocabulary = new JsonObject();
    List.of("<unk>", "<s>", "</s>").forEach(t -> vocabulary.addProperty(t, vocabulary.size()));
    for (int i = 0; i < 256; i++) {
      vocabulary.addProperty("<0x%02X>".formatted(i), vocabulary.size());
    }
    WORDS.forEach(word -> vocabulary.addProperty(word, vocabulary.size()));
    JsonArray merges = new JsonArray();
    List.of("▁ a", "▁ b", "▁ c", "▁ d").forEach(merges::add);
    JsonObject model = new JsonObject();
    model.addProperty("type", "BPE");
    model.addProperty("unk_token", "<unk>");
    model.addProperty("fuse_unk", true);
    model.addProperty("byte_fallback", true);
    model.add("vocab", vocabulary);
    model.add("merges", merges);
    JsonObject json =
        com.google.gson.JsonParser.parseString(
                """
                {"version": "1.0",
                 "added_tokens": [
                   {"id": 1, "content": "<s>", "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true},
                   {"id": 2, "content": "</s>", "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true}],
                 "normalizer": {"type": "Sequence", "normalizers": [
                   {"type": "Prepend", "prepend": "▁"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                 "post_processor": {"type": "TemplateProcessing",
                   "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                              {"Sequence": {"id": "A", "type_id": 0}}],
                   "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                            {"Sequence": {"id": "B", "type_id": 1}}],
                   "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
                 "decoder": {"type": "Sequence", "decoders": [
                   {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                   {"type": "ByteFallback"}, {"type": "Fuse"},
                   {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}
                """)
            .getAsJsonObject();
    json.add("model", model);
    return json;
  }
}
