package io.github.peft4j.gguf;

import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/** What one or several values of config.json are in a GGUF file's metadata, both ways. */
interface Field {

  /** Puts what the file says into a config. */
  void read(FileKeys from, JsonObject config);

  /**
   * Puts what the config says into a file's metadata.
   *
   * @throws IllegalArgumentException if a file cannot say it; the message names the field
   */
  void write(ModelConfig config, NewKeys to);

  /** A field of its own two rules. */
  static Field of(BiConsumer<FileKeys, JsonObject> read, BiConsumer<ModelConfig, NewKeys> write) {
    return new Field() {
      @Override
      public void read(FileKeys from, JsonObject config) {
        read.accept(from, config);
      }

      @Override
      public void write(ModelConfig config, NewKeys to) {
        write.accept(config, to);
      }
    };
  }

  /** A whole number that both sides always have. */
  static Field size(String key, String field) {
    return size(key, field, config -> config.size(field));
  }

  /**
   * A whole number that a config may lack.
   *
   * @param usual what it is then
   */
  static Field size(String key, String field, ToLongFunction<ModelConfig> usual) {
    return of(
        (from, config) -> config.addProperty(field, from.integer(key)),
        (config, to) ->
            to.integer(key, config.has(field) ? config.size(field) : usual.applyAsLong(config)));
  }

  /**
   * A number.
   *
   * @param usual what it is if a config leaves it out
   */
  static Field number(String key, String field, double usual) {
    return of(
        (from, config) -> config.addProperty(field, from.number(key)),
        (config, to) -> to.number(key, config.number(field, usual)));
  }

  /** A bound of scores that may be off: null in a config. */
  static Field cap(String key, String field, double usual) {
    return of(
        (from, config) ->
            config.add(
                field,
                from.findNumber(key).isPresent()
                    ? new JsonPrimitive(from.number(key))
                    : JsonNull.INSTANCE),
        (config, to) -> {
          double cap =
              config.has(field) ? config.positive(field) : config.isNull(field) ? 0 : usual;
          if (cap > 0) {
            to.number(key, cap);
          }
        });
  }

  /** What llama.cpp's architecture always has and no file says. */
  static Field always(String field, String value, String... same) {
    return of(
        (from, config) -> config.addProperty(field, value),
        (config, to) -> {
          String found = config.text(field, value);
          if (!found.equals(value) && !List.of(same).contains(found)) {
            throw config.error(field, found, value + ": llama.cpp computes nothing else");
          }
        });
  }

  /** A flag that llama.cpp's architecture has off, and no file says. */
  static Field never(String field) {
    return of(
        (from, config) -> {},
        (config, to) -> {
          if (config.flag(field, false)) {
            throw config.error(field, true, "false: llama.cpp computes nothing else");
          }
        });
  }

  /**
   * A flag that is on if a layer of the file has such a tensor. The model then needs all of them.
   *
   * @param tensors what follows the number of the layer, such as {@code attn_q.bias}
   */
  static Field ifStored(String field, String... tensors) {
    return of(
        (from, config) ->
            config.addProperty(field, Stream.of(tensors).anyMatch(from::hasTensorOfLayers)),
        (config, to) -> {});
  }

  /** The type of most tensors. */
  static Field fileType() {
    return of((from, config) -> {}, (config, to) -> to.fileType());
  }

  /** A key that is written and says nothing new when it is read. */
  static Field derived(String key, ToLongFunction<ModelConfig> value) {
    return of(
        (from, config) -> from.ignore(key),
        (config, to) -> to.integer(key, value.applyAsLong(config)));
  }
}
