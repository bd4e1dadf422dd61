package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

/**
 * A token that is found in a text before the model of the tokenizer sees the text.
 *
 * @param content its text
 * @param singleWord whether it is found as a word of its own only
 * @param lstrip whether it takes whitespace before it
 * @param rstrip whether it takes whitespace after it
 * @param normalized whether it is looked for in the normalised text
 * @param special whether decoding can leave it out
 */
record AddedToken(
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {

  /** A special token as transformers makes it of a text. */
  static AddedToken special(String content) {
    return new AddedToken(content, false, false, false, false, true);
  }

  /** A token for a new word, as transformers makes it of a text. */
  static AddedToken word(String content) {
    return new AddedToken(content, false, false, false, true, false);
  }

  /** Reads a token's fields; those that are missing have the defaults of tokenizers. */
  static AddedToken read(JsonObject json) {
    boolean special = flag(json, "special", false);
    return new AddedToken(
        json.get("content").getAsString(),
        flag(json, "single_word", false),
        flag(json, "lstrip", false),
        flag(json, "rstrip", false),
        flag(json, "normalized", !special),
        special);
  }

  private static boolean flag(JsonObject json, String name, boolean otherwise) {
    JsonElement value = json.get(name);
    return (value == null || value.isJsonNull()) ? otherwise : value.getAsBoolean();
  }

  AddedToken asSpecial() {
    return new AddedToken(content, singleWord, lstrip, rstrip, normalized, true);
  }

  /** Takes whitespace before it, too. */
  AddedToken strippingLeft() {
    return new AddedToken(content, singleWord, true, rstrip, normalized, special);
  }

  /** The fields as {@code added_tokens_decoder} has them. */
  JsonObject json() {
    JsonObject json = new JsonObject();
    json.addProperty("content", content);
    json.addProperty("lstrip", lstrip);
    json.addProperty("normalized", normalized);
    json.addProperty("rstrip", rstrip);
    json.addProperty("single_word", singleWord);
    json.addProperty("special", special);
    return json;
  }

  /** The fields as the {@code added_tokens} of a tokenizer.json have them. */
  JsonObject json(long id) {
    JsonObject json = new JsonObject();
    json.addProperty("id", id);
    json().asMap().forEach(json::add);
    return json;
  }
}
