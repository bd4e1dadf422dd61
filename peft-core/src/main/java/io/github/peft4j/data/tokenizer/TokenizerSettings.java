package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.data.DataException;
import io.github.peft4j.io.JsonFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What the files beside a vocabulary say: {@code tokenizer_config.json}, and in old folders {@code
 * special_tokens_map.json} and {@code added_tokens.json}, read in the order in which transformers
 * reads them.
 */
final class TokenizerSettings {

  static final String CONFIG = "tokenizer_config.json";
  static final String DECODER = "added_tokens_decoder";
  private static final String EXTRA = "extra_special_tokens";

  private final @Nullable Path folder;
  private final JsonObject given;
  private final JsonObject file;
  private final JsonObject fields;
  private final JsonObject model;
  private final Map<Long, AddedToken> decoder = new TreeMap<>();
  private final boolean hasDecoder;

  private TokenizerSettings(@Nullable Path folder, JsonObject given) {
    this.folder = folder;
    this.given = given;
    this.file = beside(CONFIG);
    this.fields = file.deepCopy();
    this.model = beside("config.json");
    this.hasDecoder = fields.has(DECODER);
    if (hasDecoder) {
      fields
          .getAsJsonObject(DECODER)
          .asMap()
          .forEach((id, token) -> decoder.put(Long.valueOf(id), readToken(DECODER, token)));
    } else {
      beside("special_tokens_map.json").asMap().forEach(fields::add);
      beside("added_tokens.json")
          .asMap()
          .forEach((token, id) -> decoder.put(id.getAsLong(), AddedToken.word(token)));
    }
    if (fields.has("additional_special_tokens") && !has(EXTRA)) {
      fields.add(EXTRA, fields.get("additional_special_tokens"));
    }
  }

  private TokenizerSettings(TokenizerSettings other, String field) {
    this.folder = other.folder;
    this.given = other.given;
    this.file = other.file;
    this.fields = other.fields.deepCopy();
    this.fields.addProperty(field, true);
    this.model = other.model;
    this.hasDecoder = other.hasDecoder;
    this.decoder.putAll(other.decoder);
  }

  /** These settings with a flag that is set. */
  TokenizerSettings setting(String flag) {
    return new TokenizerSettings(this, flag);
  }

  /** Reads the files in a folder; without a folder, nothing is set. */
  static TokenizerSettings read(@Nullable Path folder) {
    return of(folder, new JsonObject());
  }

  /** Settings without a folder: the content of a tokenizer_config.json. */
  static TokenizerSettings of(JsonObject config) {
    return of(null, config);
  }

  private static TokenizerSettings of(@Nullable Path folder, JsonObject given) {
    try {
      return new TokenizerSettings(folder, given);
    } catch (IllegalStateException | ClassCastException | NumberFormatException e) {
      throw new DataException(
          folder + ": " + CONFIG + " holds a value of another kind than transformers writes: " + e,
          e);
    }
  }

  /** The object in a file of the folder; empty if there is none. */
  JsonObject beside(String name) {
    if (folder == null) {
      return name.equals(CONFIG) ? given.deepCopy() : new JsonObject();
    }
    Path path = folder.resolve(name);
    if (!Files.isRegularFile(path)) {
      return new JsonObject();
    }
    try {
      return JsonFile.read(path);
    } catch (IllegalArgumentException | UncheckedIOException e) {
      throw new DataException(path + ": expected a JSON object. Download the file again", e);
    }
  }

  private AddedToken readToken(String field, JsonElement token) {
    if (token instanceof JsonObject object && object.has("content")) {
      return AddedToken.read(object);
    }
    throw error(field, token, "a token with its content");
  }

  /** Adds tokens to {@code added_tokens_decoder}, if that field says which tokens are added. */
  void add(Map<Long, AddedToken> tokens) {
    if (hasDecoder) {
      decoder.putAll(tokens);
      JsonObject declared = file.getAsJsonObject(DECODER);
      tokens.forEach((id, token) -> declared.add(id.toString(), token.json()));
    }
  }

  /** The content of tokenizer_config.json; empty if there is none. */
  JsonObject file() {
    return file.deepCopy();
  }

  /** The name of the class in {@code tokenizer_class}, without "Fast". */
  @Nullable String declaredClass() {
    String name = text("tokenizer_class", null);
    if (name == null && model.get("tokenizer_class") instanceof JsonPrimitive in) {
      name = in.getAsString();
    }
    return name == null || !name.endsWith("Fast") ? name : name.substring(0, name.length() - 4);
  }

  String modelType() {
    return model.get("model_type") instanceof JsonPrimitive type ? type.getAsString() : "";
  }

  /** Whether no file beside the vocabulary says what the vocabulary is for. */
  boolean isEmpty() {
    return fields.isEmpty() && modelType().isEmpty();
  }

  /**
   * The added tokens by id, as the settings declare them. Without {@code added_tokens_decoder}
   * these are the tokens of tokenizer.json.
   */
  Map<Long, AddedToken> added(TokenizerJson json) {
    if (hasDecoder) {
      return decoder;
    }
    Map<Long, AddedToken> added = new TreeMap<>(decoder);
    added.putAll(tokens(json.part("added_tokens")));
    return added;
  }

  /** The tokens of a tokenizer.json by id. */
  static Map<Long, AddedToken> tokens(JsonElement addedTokens) {
    Map<Long, AddedToken> tokens = new TreeMap<>();
    if (addedTokens.isJsonArray()) {
      for (JsonElement each : addedTokens.getAsJsonArray()) {
        JsonObject token = each.getAsJsonObject();
        tokens.put(token.get("id").getAsLong(), AddedToken.read(token));
      }
    }
    return tokens;
  }

  /** The special tokens of the settings by field, without roles that are set to null. */
  Map<String, AddedToken> named(TokenizerClass type, Map<Long, AddedToken> added) {
    Map<String, AddedToken> named = new LinkedHashMap<>();
    for (SpecialTokens.Role role : SpecialTokens.Role.values()) {
      AddedToken token = token(role, type);
      if (token != null) {
        named.put(role.key(), declared(token, added));
      }
    }
    fields
        .asMap()
        .forEach(
            (key, value) -> {
              if (key.endsWith("_token") && !isRole(key) && isText(value)) {
                named.put(key, AddedToken.special(value.getAsString()));
              }
            });
    if (fields.get(EXTRA) instanceof JsonObject several) {
      several.asMap().forEach((key, value) -> named.put(key, extra(value)));
    }
    return named;
  }

  private @Nullable AddedToken token(SpecialTokens.Role role, TokenizerClass type) {
    JsonElement value = fields.get(role.key());
    if (value == null) {
      return type.tokens().get(role);
    }
    if (value.isJsonNull()) {
      return null;
    }
    AddedToken usual = type.tokens().get(role);
    AddedToken token = extra(value);
    return isText(value) && usual != null && usual.lstrip() ? token.strippingLeft() : token;
  }

  private static AddedToken declared(AddedToken token, Map<Long, AddedToken> added) {
    return added.values().stream()
        .filter(known -> known.content().equals(token.content()))
        .findFirst()
        .orElse(token);
  }

  private static boolean isRole(String key) {
    for (SpecialTokens.Role role : SpecialTokens.Role.values()) {
      if (role.key().equals(key)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isText(JsonElement value) {
    return value instanceof JsonPrimitive text && text.isString();
  }

  /** A special token, given as its text or as an object. */
  private AddedToken extra(JsonElement token) {
    if (isText(token)) {
      return AddedToken.special(token.getAsString());
    }
    JsonElement special = token.deepCopy();
    if (special instanceof JsonObject object) {
      object.addProperty("special", true);
    }
    return readToken(EXTRA, special);
  }

  /** {@code extra_special_tokens} that have no name of their own; null if the field is missing. */
  @Nullable List<AddedToken> extras() {
    if (!has(EXTRA) || fields.get(EXTRA).isJsonObject()) {
      return null;
    }
    if (!fields.get(EXTRA).isJsonArray()) {
      throw error(EXTRA, fields.get(EXTRA), "a list of tokens");
    }
    List<AddedToken> extras = new ArrayList<>();
    fields.getAsJsonArray(EXTRA).forEach(token -> extras.add(extra(token)));
    return extras;
  }

  private boolean has(String field) {
    return fields.has(field) && !fields.get(field).isJsonNull();
  }

  boolean flag(String field, boolean otherwise) {
    Boolean value = flag(field);
    return value == null ? otherwise : value;
  }

  /** A flag, or null if it is missing or null. */
  @Nullable Boolean flag(String field) {
    if (!has(field)) {
      return null;
    }
    if (fields.get(field) instanceof JsonPrimitive value && value.isBoolean()) {
      return value.getAsBoolean();
    }
    throw error(field, fields.get(field), "true or false");
  }

  int number(String field, int otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    if (fields.get(field) instanceof JsonPrimitive value && value.isNumber()) {
      return value.getAsInt();
    }
    throw error(field, fields.get(field), "a number");
  }

  @Nullable String text(String field, @Nullable String otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    if (isText(fields.get(field))) {
      return fields.get(field).getAsString();
    }
    throw error(field, fields.get(field), "a text");
  }

  /** Whether the tokenizer gives segment ids to the model. */
  boolean givesTypes(boolean byDefault) {
    return fields.get("model_input_names") instanceof JsonArray names
        ? names.contains(new JsonPrimitive("token_type_ids"))
        : byDefault;
  }

  DataException error(String field, @Nullable Object value, String expected) {
    return new DataException(
        "%s: field '%s' is %s; expected %s"
            .formatted(folder == null ? CONFIG : folder.resolve(CONFIG), field, value, expected));
  }
}
