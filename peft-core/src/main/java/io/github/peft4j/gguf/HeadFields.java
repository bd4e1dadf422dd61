package io.github.peft4j.gguf;

import io.github.peft4j.transformer.config.ModelConfig;
import java.util.Arrays;
import java.util.function.ToLongFunction;

/** The fields of heads, and of the vocabulary, that most architectures share. */
final class HeadFields {

  private static final String HEAD = "head_dim";
  private static final String TIED = "tie_word_embeddings";

  private HeadFields() {}

  /** The number of heads of keys and values, which is that of queries if it is left out. */
  static Field keyValueHeads() {
    String key = "attention.head_count_kv";
    String field = "num_key_value_heads";
    return Field.of(
        (from, config) ->
            config.addProperty(
                field, from.findInteger(key).orElseGet(() -> from.integer("attention.head_count"))),
        (config, to) -> to.integer(key, config.size(field, config.size("num_attention_heads"))));
  }

  /**
   * The size of a head d, which files may leave out if it is D / H.
   *
   * @param usual what it is if a config leaves it out
   */
  static Field size(ToLongFunction<ModelConfig> usual) {
    return Field.of(
        (from, config) -> config.addProperty(HEAD, readSize(from)),
        (config, to) ->
            writeSize(config.has(HEAD) ? config.size(HEAD) : usual.applyAsLong(config), to));
  }

  /** The same where both sides leave it out if it is D / H. */
  static Field sizeIfUnusual() {
    return Field.of(
        (from, config) -> {
          long size = readSize(from);
          if (size != divided(from)) {
            config.addProperty(HEAD, size);
          }
        },
        (config, to) -> {
          if (config.has(HEAD)) {
            writeSize(config.size(HEAD), to);
          }
        });
  }

  private static void writeSize(long size, NewKeys to) {
    to.integer("attention.key_length", size);
    to.integer("attention.value_length", size);
  }

  /** D / H, the size of a head unless a config says otherwise. */
  static long divided(ModelConfig config) {
    return config.size("hidden_size") / config.size("num_attention_heads");
  }

  /** The size of a head of a config. */
  static long sizeOf(ModelConfig config) {
    return config.has(HEAD) ? config.size(HEAD) : divided(config);
  }

  private static long divided(FileKeys from) {
    return from.integer("embedding_length") / Math.max(1, from.integer("attention.head_count"));
  }

  /** The size of a head of a file. */
  static long readSize(FileKeys from) {
    long rotated = from.findInteger("rope.dimension_count").orElse(0);
    long size =
        from.findInteger("attention.key_length").orElse(rotated > 0 ? rotated : divided(from));
    long values = from.findInteger("attention.value_length").orElse(size);
    if (size <= 0 || size % 2 != 0) {
      throw from.unsupported("attention.key_length", size, "an even number above 0");
    }
    if (values != size) {
      throw from.unsupported("attention.value_length", values, "that of keys, " + size);
    }
    if (rotated > 0 && rotated != size) {
      throw from.unsupported(
          "rope.dimension_count", rotated, "the size of a head, " + size + ", all of it rotated");
    }
    return size;
  }

  /** The number of tokens: the rows of their table. */
  static Field vocabulary() {
    return Field.of(
        (from, config) -> {
          from.ignore("vocab_size");
          long[] table = from.shape("token_embd.weight");
          if (table.length != 2) {
            throw from.unsupported(
                "token_embd.weight", Arrays.toString(table), "a table, (tokens, embedding_length)");
          }
          config.addProperty("vocab_size", table[0]);
        },
        (config, to) -> {});
  }

  /** The output map is the table of tokens unless a file has one of its own. */
  static Field tied() {
    return Field.of(
        (from, config) -> config.addProperty(TIED, !from.hasTensor("output.weight")),
        (config, to) -> {});
  }

  /** The output map is always the table of tokens. */
  static Field alwaysTied() {
    return Field.of(
        (from, config) -> config.addProperty(TIED, true),
        (config, to) -> {
          if (!config.flag(TIED, true)) {
            throw config.error(TIED, false, "true: llama.cpp has no output map of its own here");
          }
        });
  }
}
