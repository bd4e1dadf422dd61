package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The parts of a tokenizer.json, by the names of the tokenizers library. */
final class Components {

  private static final String SPACE = "▁";

  private Components() {}

  /** An object of a type with some fields, given as names and values. */
  static JsonObject component(String type, @Nullable Object... fields) {
    JsonObject json = new JsonObject();
    json.addProperty("type", type);
    for (int i = 0; i < fields.length; i += 2) {
      json.add(String.valueOf(fields[i]), value(fields[i + 1]));
    }
    return json;
  }

  private static JsonElement value(@Nullable Object value) {
    if (value == null) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof JsonElement json) {
      return json;
    }
    if (value instanceof Boolean flag) {
      return new JsonPrimitive(flag);
    }
    return value instanceof Number number
        ? new JsonPrimitive(number)
        : new JsonPrimitive(value.toString());
  }

  private static JsonArray array(List<? extends @Nullable JsonElement> elements) {
    JsonArray array = new JsonArray();
    for (JsonElement element : elements) {
      if (element != null) {
        array.add(element);
      }
    }
    return array;
  }

  private static JsonObject keyed(String key, JsonElement value) {
    JsonObject json = new JsonObject();
    json.add(key, value);
    return json;
  }

  // Models

  static JsonObject bpe(@Nullable String unknown, boolean fuse, boolean byteFallback) {
    return component(
        "BPE",
        "dropout",
        null,
        "unk_token",
        unknown,
        "continuing_subword_prefix",
        null,
        "end_of_word_suffix",
        null,
        "fuse_unk",
        fuse,
        "byte_fallback",
        byteFallback,
        "ignore_merges",
        false);
  }

  static JsonObject unigram(long unknown) {
    return component("Unigram", "unk_id", unknown, "byte_fallback", false);
  }

  static JsonObject wordPiece(String unknown) {
    return component(
        "WordPiece",
        "unk_token",
        unknown,
        "continuing_subword_prefix",
        "##",
        "max_input_chars_per_word",
        100);
  }

  // Normalizers

  static JsonObject normalizers(List<JsonElement> steps) {
    return component("Sequence", "normalizers", array(steps));
  }

  static JsonObject replace(String text, String by) {
    return component("Replace", "pattern", keyed("String", new JsonPrimitive(text)), "content", by);
  }

  static JsonObject replaceAll(String regex, String by) {
    return component("Replace", "pattern", keyed("Regex", new JsonPrimitive(regex)), "content", by);
  }

  static JsonObject bertNormalizer(
      boolean chinese, @Nullable Boolean stripAccents, boolean lowercase) {
    return component(
        "BertNormalizer",
        "clean_text",
        true,
        "handle_chinese_chars",
        chinese,
        "strip_accents",
        stripAccents,
        "lowercase",
        lowercase);
  }

  // Pre-tokenizers, and decoders that undo them

  static JsonObject preTokenizers(List<JsonElement> steps) {
    return component("Sequence", "pretokenizers", array(steps));
  }

  static JsonObject split(String regex) {
    return component(
        "Split",
        "pattern",
        keyed("Regex", new JsonPrimitive(regex)),
        "behavior",
        "Isolated",
        "invert",
        false);
  }

  static JsonObject byteLevel(boolean prefixSpace, boolean useRegex) {
    return component(
        "ByteLevel", "add_prefix_space", prefixSpace, "trim_offsets", true, "use_regex", useRegex);
  }

  static JsonObject metaspace(String scheme, boolean split) {
    return component("Metaspace", "replacement", SPACE, "prepend_scheme", scheme, "split", split);
  }

  static JsonObject decoders(List<JsonElement> steps) {
    return component("Sequence", "decoders", array(steps));
  }

  static JsonObject wordPieceDecoder() {
    return component("WordPiece", "prefix", "##", "cleanup", true);
  }

  // Post-processors

  static JsonObject robertaProcessing(
      String sep, long sepId, String cls, long clsId, boolean trimOffsets, boolean prefixSpace) {
    return component(
        "RobertaProcessing",
        "sep",
        array(List.of(new JsonPrimitive(sep), new JsonPrimitive(sepId))),
        "cls",
        array(List.of(new JsonPrimitive(cls), new JsonPrimitive(clsId))),
        "trim_offsets",
        trimOffsets,
        "add_prefix_space",
        prefixSpace);
  }

  /** A place in a template: a special token, or the text {@code $A} or {@code $B}. */
  record Place(String token, int type) {

    static Place of(String token) {
      return new Place(token, 0);
    }

    boolean isText() {
      return token.equals("$A") || token.equals("$B");
    }

    private JsonObject json() {
      JsonObject fields = new JsonObject();
      fields.addProperty("id", isText() ? token.substring(1) : token);
      fields.addProperty("type_id", type);
      return keyed(isText() ? "Sequence" : "SpecialToken", fields);
    }
  }

  /** A template for one text and one for a pair. */
  static JsonObject template(List<Place> single, List<Place> pair, Function<String, Long> ids) {
    JsonObject special = new JsonObject();
    for (Place place : pair) {
      if (!place.isText()) {
        JsonObject token = new JsonObject();
        token.addProperty("id", place.token());
        token.add("ids", array(List.of(new JsonPrimitive(ids.apply(place.token())))));
        token.add("tokens", array(List.of(new JsonPrimitive(place.token()))));
        special.add(place.token(), token);
      }
    }
    return component(
        "TemplateProcessing",
        "single",
        array(single.stream().map(Place::json).toList()),
        "pair",
        array(pair.stream().map(Place::json).toList()),
        "special_tokens",
        special);
  }
}
