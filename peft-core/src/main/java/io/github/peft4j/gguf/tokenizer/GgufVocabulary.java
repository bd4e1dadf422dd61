package io.github.peft4j.gguf.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.transformer.config.ModelConfig;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Writes a tokenizer into a GGUF file's metadata, as llama.cpp's converter does. */
public final class GgufVocabulary {

  private static final String KEY = "tokenizer.ggml.";
  private static final float ADDED = -1000;
  private static final float UNUSED = -10_000;

  /** Models of which the converter writes whether a text begins with a space. */
  private static final Set<String> LLAMAS = Set.of("llama", "mistral");

  private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

  /** Tokens that some models do not mark as special, and that are. */
  private static final Set<String> SPECIAL = Set.of("<pad>", "<mask>", "<2mass>", "[@BOS@]");

  private static final Pattern SPECIAL_LOOK =
      Pattern.compile("<\\|.*\\|>|<｜.*｜>|<unused.*>", Pattern.DOTALL);

  private final String source;
  private final JsonObject json;
  private final JsonObject config;
  private final ModelConfig model;
  private final Map<String, String> templates;
  private final String[] tokens;
  private final int[] types;
  private final float[] scores;

  private GgufVocabulary(Tokenizer tokenizer, ModelConfig model, Map<String, String> templates) {
    this.source = tokenizer.source();
    this.json =
        JsonParser.parseString(new String(tokenizer.json(), StandardCharsets.UTF_8))
            .getAsJsonObject();
    this.config = tokenizer.config();
    this.model = model;
    this.templates = templates;
    this.tokens = new String[model.size("vocab_size")];
    this.types = new int[tokens.length];
    this.scores = new float[tokens.length];
  }

  /**
   * Adds a tokenizer's keys.
   *
   * @param model the model's config, which has the number of tokens
   * @param templates the chat templates by name
   * @throws DataException if GGUF has no such tokenizer
   */
  public static void write(
      Tokenizer tokenizer,
      ModelConfig model,
      Map<String, String> templates,
      GgufMetadata.Builder metadata) {
    new GgufVocabulary(tokenizer, model, templates).write(metadata);
  }

  private DataException error(String part, @Nullable Object found, String expected) {
    return new DataException(
        ("%s: %s is %s; expected %s. Save the model as a folder, and use llama.cpp's"
                + " convert_hf_to_gguf.py")
            .formatted(source, part, found, expected));
  }

  private void write(GgufMetadata.Builder metadata) {
    if (LLAMAS.contains(model.text("model_type", ""))
        && config.get("add_prefix_space") instanceof JsonPrimitive flag
        && flag.isBoolean()) {
      metadata.bool(KEY + "add_space_prefix", flag.getAsBoolean());
    }
    JsonObject part = object(json.get("model"));
    String kind = text(part.get("type"));
    if ("WordPiece".equals(kind)) {
      writeWordPiece(part, metadata);
      return;
    }
    if (!"BPE".equals(kind)) {
      throw error(
          "the tokenizer's model",
          part.get("type"),
          "WordPiece, or BPE: byte-level or SentencePiece's");
    }
    if (flag(part, "byte_fallback")) {
      writeSentencePiece(part, metadata);
    } else {
      writeByteLevel(part, metadata);
    }
  }

  private void writeByteLevel(JsonObject part, GgufMetadata.Builder metadata) {
    JsonElement cut = json.has("pre_tokenizer") ? json.get("pre_tokenizer") : JsonNull.INSTANCE;
    PreTokenizer pre =
        PreTokenizer.of(cut, flag(part, "ignore_merges"))
            .orElseThrow(
                () -> error("pre_tokenizer", cut, "that of one of " + PreTokenizer.known()));
    fill(part, false);
    metadata.string(KEY + "model", "gpt2");
    metadata.string(KEY + "pre", pre.names().get(0));
    metadata.strings(KEY + "tokens", Arrays.asList(tokens));
    metadata.int32s(KEY + "token_type", types);
    List<String> merges = new ArrayList<>();
    for (JsonElement merge : part.getAsJsonArray("merges")) {
      merges.add(merge(merge));
    }
    metadata.strings(KEY + "merges", merges);
    writeSpecial(metadata, pre.begins());
  }

  /** A merge as a text; spaces within its tokens are written as GPT-2 does. */
  private static String merge(JsonElement merge) {
    return merge instanceof JsonArray pair
        ? pair.get(0).getAsString().replace(' ', 'Ġ')
            + " "
            + pair.get(1).getAsString().replace(' ', 'Ġ')
        : merge.getAsString();
  }

  private void writeSentencePiece(JsonObject part, GgufMetadata.Builder metadata) {
    fill(part, true);
    score();
    metadata.string(KEY + "model", "llama");
    metadata.string(KEY + "pre", "default");
    metadata.strings(KEY + "tokens", Arrays.asList(tokens));
    metadata.float32s(KEY + "scores", scores);
    metadata.int32s(KEY + "token_type", types);
    writeSpecial(metadata, true);
    if (!String.valueOf(json.get("normalizer")).contains("\"Prepend\"") && !prepends(json)) {
      metadata.bool(KEY + "add_space_prefix", false);
    }
  }

  /** BERT's. llama.cpp cuts texts as BERT does, whatever {@code tokenizer.ggml.pre} says. */
  private void writeWordPiece(JsonObject part, GgufMetadata.Builder metadata) {
    JsonObject normalizer = object(json.get("normalizer"));
    require("normalizer.type", text(normalizer.get("type")), "BertNormalizer");
    require("normalizer.clean_text", normalizer.get("clean_text"), new JsonPrimitive(true));
    require(
        "normalizer.handle_chinese_chars",
        normalizer.get("handle_chinese_chars"),
        new JsonPrimitive(true));
    require(
        "pre_tokenizer.type",
        text(object(json.get("pre_tokenizer")).get("type")),
        "BertPreTokenizer");
    require(
        "model.continuing_subword_prefix",
        text(part.get("continuing_subword_prefix")),
        WordPieces.CONTINUED);
    fill(part, false);
    for (int id = 0; id < tokens.length; id++) {
      if (types[id] != TokenType.CONTROL) {
        tokens[id] = WordPieces.stored(tokens[id]);
      }
    }
    metadata.uint32(KEY + "token_type_count", model.size("type_vocab_size", 1));
    metadata.string(KEY + "model", "bert");
    metadata.string(KEY + "pre", WordPieces.PRE);
    metadata.strings(KEY + "tokens", Arrays.asList(tokens));
    metadata.int32s(KEY + "token_type", types);
    writeSpecial(metadata, false);
    writeFlag(normalizer, "lowercase", metadata);
    writeFlag(normalizer, "strip_accents", metadata);
  }

  private static void writeFlag(
      JsonObject normalizer, String field, GgufMetadata.Builder metadata) {
    if (normalizer.get(field) instanceof JsonPrimitive flag && flag.isBoolean()) {
      metadata.bool(WordPieces.NORMALIZER + field, flag.getAsBoolean());
    }
  }

  private void require(String part, @Nullable Object found, Object expected) {
    if (!expected.equals(found)) {
      throw error(part, found, expected + ", as BERT has it: llama.cpp computes nothing else");
    }
  }

  /** Whether the pre-tokenizer puts a space in front of a text. */
  private static boolean prepends(JsonObject json) {
    JsonObject cut = object(json.get("pre_tokenizer"));
    return "Metaspace".equals(text(cut.get("type")))
        && !"never".equals(text(cut.get("prepend_scheme")));
  }

  /**
   * Fills in the tokens by id.
   *
   * @param bytes whether a byte may be a token
   */
  private void fill(JsonObject part, boolean bytes) {
    for (int id = 0; id < tokens.length; id++) {
      set(id, TokenType.placeholder(id), TokenType.UNUSED, UNUSED);
    }
    String unknown = text(part.get("unk_token"));
    for (Map.Entry<String, JsonElement> entry : part.getAsJsonObject("vocab").entrySet()) {
      String token = entry.getKey();
      boolean isByte = bytes && BYTE.matcher(token).matches();
      boolean isUnknown = bytes && token.equals(unknown);
      int type = isByte ? TokenType.BYTE : isUnknown ? TokenType.UNKNOWN : TokenType.NORMAL;
      set(entry.getValue().getAsInt(), token, type, 0);
    }
    for (JsonElement each : added()) {
      JsonObject added = each.getAsJsonObject();
      String token = added.get("content").getAsString();
      boolean special = flag(added, "special") || looksSpecial(token);
      set(
          added.get("id").getAsInt(),
          special ? token : token.replace('▁', ' '),
          special ? TokenType.CONTROL : TokenType.USER_DEFINED,
          ADDED);
    }
  }

  /** The scores of SentencePiece's merging: 0, -1, -2, … in the order in which tokens were made. */
  private void score() {
    int made = 0;
    for (int id = 0; id < tokens.length; id++) {
      if (types[id] == TokenType.NORMAL) {
        scores[id] = -1f * made++;
      }
    }
  }

  private void set(int id, String token, int type, float score) {
    if (id < 0 || id >= tokens.length) {
      throw error("the id of '" + token + "'", id, "an id below vocab_size, " + tokens.length);
    }
    tokens[id] = token;
    types[id] = type;
    scores[id] = score;
  }

  private JsonArray added() {
    return json.get("added_tokens") instanceof JsonArray tokens ? tokens : new JsonArray();
  }

  private static boolean looksSpecial(String token) {
    return SPECIAL.contains(token) || SPECIAL_LOOK.matcher(token).matches();
  }

  // Special tokens

  private void writeSpecial(GgufMetadata.Builder metadata, boolean begins) {
    Map<String, Boolean> adds = new LinkedHashMap<>();
    JsonObject config = withEnds();
    SpecialPlaces.of(json.get("post_processor"), config).forEach(adds::put);
    Map<String, Long> ids = new LinkedHashMap<>();
    for (String role : GgufTokenizer.ROLES.keySet()) {
      String content = content(config.get(role + "_token"));
      for (JsonElement each : added()) {
        if (each.getAsJsonObject().get("content").getAsString().equals(content)) {
          ids.putIfAbsent(role, each.getAsJsonObject().get("id").getAsLong());
        }
      }
      if (config.get("add_" + role + "_token") instanceof JsonPrimitive flag && flag.isBoolean()) {
        adds.putIfAbsent(role, flag.getAsBoolean());
      }
    }
    for (String role : GgufTokenizer.ROLES.keySet()) {
      List<Long> given =
          model.has(role + "_token_id") ? model.integers(role + "_token_id") : List.of();
      if (!given.isEmpty() && given.get(0) >= 0 && given.get(0) < tokens.length) {
        ids.putIfAbsent(role, given.get(0));
      }
    }
    ids.remove("cls"); // the converter leaves it out: llama.cpp takes the first token of texts
    ids.forEach((role, id) -> metadata.uint32(GgufTokenizer.idKey(role), id));
    if (begins) {
      adds.putIfAbsent("bos", false);
    }
    adds.forEach((role, flag) -> metadata.bool(KEY + "add_" + role + "_token", flag));
    writeTemplates(metadata);
  }

  /**
   * A text begins with the token for classes, and ends with the separator, if nothing else is said.
   */
  private JsonObject withEnds() {
    JsonObject ends = config.deepCopy();
    for (Map.Entry<String, String> end : Map.of("bos", "cls", "eos", "sep").entrySet()) {
      JsonElement other = config.get(end.getValue() + "_token");
      if (content(config.get(end.getKey() + "_token")) == null && content(other) != null) {
        ends.add(end.getKey() + "_token", other);
      }
    }
    return ends;
  }

  private void writeTemplates(GgufMetadata.Builder metadata) {
    String key = "tokenizer.chat_template";
    List<String> named = new ArrayList<>();
    templates.forEach(
        (name, text) -> {
          if (!name.equals("default")) {
            named.add(name);
            metadata.string(key + "." + name, text);
          }
        });
    if (!named.isEmpty()) {
      metadata.strings("tokenizer.chat_templates", named);
    }
    String usual = templates.get("default");
    if (usual != null) {
      metadata.string(key, usual);
    }
  }

  // JSON

  private static JsonObject object(@Nullable JsonElement element) {
    return element instanceof JsonObject object ? object : new JsonObject();
  }

  private static @Nullable String text(@Nullable JsonElement element) {
    return element instanceof JsonPrimitive text && text.isString() ? text.getAsString() : null;
  }

  private static boolean flag(JsonObject object, String field) {
    return object.get(field) instanceof JsonPrimitive flag
        && flag.isBoolean()
        && flag.getAsBoolean();
  }

  private static @Nullable String content(@Nullable JsonElement token) {
    return token instanceof JsonObject object ? text(object.get("content")) : text(token);
  }
}
