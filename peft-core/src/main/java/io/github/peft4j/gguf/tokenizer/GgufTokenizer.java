package io.github.peft4j.gguf.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.stream.JsonWriter;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.tokenizer.Merges;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.gguf.GgufMetadata;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Reads the tokenizer of a GGUF file: the ids are those of llama.cpp. */
public final class GgufTokenizer {

  private static final String KEY = "tokenizer.ggml.";
  private static final String SPACE = "▁";
  private static final String BERT = "bert";

  /** The score that llama.cpp's converter gives tokens that were added to a vocabulary. */
  private static final double ADDED = -1000;

  /** The tokens at which a text or a turn ends. */
  private static final List<String> ENDS = List.of("eos", "eot", "eom");

  private static final String TEMPLATE = "tokenizer.chat_template";

  /** The roles of special tokens, and what GGUF's keys call them. */
  static final Map<String, String> ROLES = new LinkedHashMap<>();

  static {
    ROLES.put("bos", "bos");
    ROLES.put("eos", "eos");
    ROLES.put("unk", "unknown");
    ROLES.put("sep", "seperator"); // as llama.cpp spells it
    ROLES.put("pad", "padding");
    ROLES.put("cls", "cls");
    ROLES.put("mask", "mask");
  }

  /** The ids of special tokens that llama.cpp takes of files that do not say them. */
  private static final Map<String, Map<String, Integer>> USUAL =
      Map.of(
          "gpt2",
          Map.of(),
          "llama",
          Map.of("unk", 0, "bos", 1, "eos", 2),
          BERT,
          Map.of("pad", 0, "unk", 100, "bos", 101, "sep", 102, "mask", 103));

  private final GgufMetadata metadata;
  private final String source;
  private final Map<String, Integer> usual;
  private final List<String> tokens;
  private final long[] types;

  private GgufTokenizer(GgufMetadata metadata, String source, String model) {
    this.metadata = metadata;
    this.source = source;
    this.usual = USUAL.getOrDefault(model, Map.of());
    this.tokens = new ArrayList<>(metadata.strings(KEY + "tokens"));
    this.types =
        metadata.findIntegers(KEY + "token_type").orElseGet(() -> normal(this.tokens.size()));
    if (tokens.isEmpty()) {
      throw error("tokens", "empty", "the tokens by id");
    }
    if (types.length != tokens.size()) {
      throw error("token_type", types.length + " numbers", "one for each of " + tokens.size());
    }
    for (int id = 0; id < types.length; id++) {
      if (!TokenType.isKnown(types[id])) {
        throw error(at("token_type", id), types[id], "a number from 1 to 6");
      }
    }
  }

  private static String at(String array, int index) {
    return array + "[" + index + "]";
  }

  /**
   * The ids of the tokens. What two ids share would be read as one, and written as nothing. Tokens
   * without a text are no matter: they are never found.
   */
  private Map<String, Integer> distinct() {
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      Integer former = ids.putIfAbsent(tokens.get(id), id);
      if (former != null && !tokens.get(id).isEmpty()) {
        throw error(
            at("tokens", id),
            "'" + tokens.get(id) + "'",
            "another text than tokens[" + former + "]");
      }
    }
    return ids;
  }

  private static long[] normal(int count) {
    long[] types = new long[count];
    Arrays.fill(types, TokenType.NORMAL);
    return types;
  }

  /**
   * Reads the tokenizer of a file.
   *
   * @param source the file's name in errors
   * @return the tokenizer, which the caller closes; null if the file has none
   * @throws DataException if it is of a kind that is not read
   */
  public static @Nullable Tokenizer read(GgufMetadata metadata, String source) {
    String model = metadata.findString(KEY + "model").orElse("none");
    if (model.equals("none") || model.equals("no_vocab")) {
      return null;
    }
    GgufTokenizer reader = new GgufTokenizer(metadata, source, model);
    byte[] json =
        switch (model) {
          case "gpt2" -> reader.byteLevel();
          case "llama" -> reader.sentencePiece();
          case BERT -> reader.wordPiece();
          default -> throw reader.error("model", model, "gpt2, llama or bert");
        };
    return Tokenizer.of(json, reader.config(model), source);
  }

  /**
   * The ids of a file's special tokens under their names in config.json, such as {@code
   * bos_token_id}.
   */
  public static JsonObject ids(GgufMetadata metadata) {
    JsonObject ids = new JsonObject();
    for (String role : List.of("bos", "eos", "pad")) {
      metadata.findInteger(idKey(role)).ifPresent(id -> ids.addProperty(role + "_token_id", id));
    }
    JsonArray ends = new JsonArray();
    for (String end : ENDS) {
      OptionalLong id = metadata.findInteger(KEY + end + "_token_id");
      if (id.isPresent()
          && ends.asList().stream().noneMatch(e -> e.getAsLong() == id.getAsLong())) {
        ends.add(id.getAsLong());
      }
    }
    if (ends.size() > 1) {
      ids.add("eos_token_id", ends);
    }
    return ids;
  }

  static String idKey(String role) {
    return KEY + ROLES.get(role) + "_token_id";
  }

  private DataException error(String key, Object value, String expected) {
    return new DataException(
        "%s: %s%s is %s; expected %s. Take the model in Hugging Face's format"
            .formatted(source, KEY, key, value, expected));
  }

  // The kinds

  private byte[] byteLevel() {
    String name = metadata.findString(KEY + "pre").orElse("missing");
    PreTokenizer pre =
        PreTokenizer.named(name)
            .orElseThrow(() -> error("pre", name, "one of " + PreTokenizer.known()));
    JsonObject parts = new JsonObject();
    parts.add("normalizer", pre.normalizer());
    parts.add("pre_tokenizer", pre.json());
    parts.add("post_processor", ends(pre.begins()));
    parts.add(
        "decoder",
        parse(
            "{'type': 'ByteLevel', 'add_prefix_space': true, 'trim_offsets': true,"
                + " 'use_regex': true}"));
    JsonObject model =
        parse(
            "{'type': 'BPE', 'dropout': null, 'unk_token': null, 'continuing_subword_prefix': '',"
                + " 'end_of_word_suffix': '', 'fuse_unk': false, 'byte_fallback': false}");
    model.addProperty("ignore_merges", pre.wholeFirst());
    List<Merges.Merge> merges = merges(distinct());
    return json(
        parts,
        model,
        writer -> {
          for (Merges.Merge merge : merges) {
            write(writer, merge.left(), merge.right());
          }
        });
  }

  /** The merges of a byte-level vocabulary, which make tokens of tokens. */
  private List<Merges.Merge> merges(Map<String, Integer> ids) {
    List<String> stored = metadata.strings(KEY + "merges");
    Map<Merges.Merge, Integer> merges = new LinkedHashMap<>();
    for (int i = 0; i < stored.size(); i++) {
      String merge = stored.get(i);
      int space = merge.indexOf(' ', 1);
      String left = space < 0 ? "" : merge.substring(0, space);
      String right = space < 0 ? "" : merge.substring(space + 1);
      if (!ids.containsKey(left) || !ids.containsKey(right) || !ids.containsKey(left + right)) {
        throw error(
            at("merges", i),
            "'" + merge + "'",
            "two tokens with a space between that are a token together");
      }
      Integer former = merges.putIfAbsent(new Merges.Merge(left, right), i);
      if (former != null) {
        throw error(at("merges", i), "'" + merge + "'", "another one than merges[" + former + "]");
      }
    }
    return List.copyOf(merges.keySet());
  }

  private byte[] sentencePiece() {
    boolean prefix = metadata.findFlag(KEY + "add_space_prefix").orElse(true);
    JsonObject parts = new JsonObject();
    String escape = "{'type': 'Replace', 'pattern': {'String': ' '}, 'content': '▁'}";
    parts.add(
        "normalizer",
        prefix
            ? parse(
                "{'type': 'Sequence', 'normalizers': [{'type': 'Prepend', 'prepend': '▁'}, "
                    + escape
                    + "]}")
            : parse(escape));
    parts.add("pre_tokenizer", JsonNull.INSTANCE);
    parts.add("post_processor", ends(true));
    parts.add(
        "decoder",
        parse(
            "{'type': 'Sequence', 'decoders': [{'type': 'Replace', 'pattern': {'String': '▁'},"
                + " 'content': ' '}, {'type': 'ByteFallback'}, {'type': 'Fuse'}"
                + (prefix ? ", {'type': 'Strip', 'content': ' ', 'start': 1, 'stop': 0}" : "")
                + "]}"));
    JsonObject model =
        parse(
            "{'type': 'BPE', 'dropout': null, 'continuing_subword_prefix': null,"
                + " 'end_of_word_suffix': null, 'fuse_unk': true, 'byte_fallback': true,"
                + " 'ignore_merges': false}");
    model.addProperty("unk_token", token("unk"));
    spellSpaces();
    distinct();
    List<Merges.Merge> merges = Merges.of(bestFirst(), source);
    return json(
        parts,
        model,
        writer -> {
          for (Merges.Merge merge : merges) {
            write(writer, merge.left(), merge.right());
          }
        });
  }

  private byte[] wordPiece() {
    for (int id = 0; id < types.length; id++) {
      if (types[id] != TokenType.CONTROL) {
        tokens.set(id, WordPieces.original(tokens.get(id)));
      }
    }
    distinct();
    JsonObject normalizer =
        parse(
            "{'type': 'BertNormalizer', 'clean_text': true, 'handle_chinese_chars': true,"
                + " 'strip_accents': null, 'lowercase': true}");
    for (String flag : List.of("strip_accents", "lowercase")) {
      metadata
          .findFlag(WordPieces.NORMALIZER + flag)
          .ifPresent(value -> normalizer.addProperty(flag, value));
    }
    JsonObject parts = new JsonObject();
    parts.add("normalizer", normalizer);
    parts.add("pre_tokenizer", parse("{'type': 'BertPreTokenizer'}"));
    parts.add("post_processor", ends("cls", "sep", false));
    parts.add("decoder", parse("{'type': 'WordPiece', 'prefix': '##', 'cleanup': true}"));
    JsonObject model = parse("{'type': 'WordPiece', 'max_input_chars_per_word': 100}");
    model.addProperty("unk_token", token("unk"));
    model.addProperty("continuing_subword_prefix", WordPieces.CONTINUED);
    return json(parts, model, null);
  }

  /**
   * Tokens of several spaces are found in a text whose spaces are escaped. llama.cpp's converter
   * writes them as plain spaces.
   */
  private void spellSpaces() {
    for (int id = 0; id < types.length; id++) {
      String token = tokens.get(id);
      if (isOfSpaces(token)) {
        tokens.set(id, SPACE.repeat(token.length()));
      }
    }
  }

  private static boolean isOfSpaces(String token) {
    return !token.isEmpty() && token.replace(" ", "").isEmpty();
  }

  /**
   * The tokens that merging makes, the best one first. That is their order, if no score says
   * otherwise: the converter gives added tokens, which may be merged as well, a low one.
   */
  private List<String> bestFirst() {
    double[] scores = metadata.numbers(KEY + "scores");
    if (scores.length != tokens.size()) {
      throw error("scores", scores.length + " numbers", "one for each of " + tokens.size());
    }
    for (int id = 0; id < scores.length; id++) {
      if (!Double.isFinite(scores[id])) {
        throw error(at("scores", id), scores[id], "a finite number");
      }
    }
    List<Integer> merged =
        IntStream.range(0, tokens.size())
            .filter(id -> types[id] == TokenType.NORMAL || types[id] == TokenType.USER_DEFINED)
            .boxed()
            .toList();
    double last = Double.POSITIVE_INFINITY;
    boolean inOrder = true;
    for (int id : merged) {
      if (scores[id] != ADDED) {
        inOrder &= scores[id] <= last;
        last = scores[id];
      }
    }
    Comparator<Integer> byScore = Comparator.comparingDouble(id -> -scores[id]);
    return (inOrder ? merged.stream() : merged.stream().sorted(byScore)).map(tokens::get).toList();
  }

  // Parts of the JSON

  private interface Content {
    void write(JsonWriter writer) throws IOException;
  }

  private static void write(JsonWriter writer, String left, String right) throws IOException {
    writer.beginArray().value(left).value(right).endArray();
  }

  /**
   * @param merges null for a model without any
   */
  private byte[] json(JsonObject parts, JsonObject model, @Nullable Content merges) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonWriter writer = new JsonWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8))) {
      writer.beginObject();
      writer.name("version").value("1.0");
      writer.name("added_tokens").jsonValue(addedTokens().toString());
      for (Map.Entry<String, JsonElement> part : parts.entrySet()) {
        writer.name(part.getKey()).jsonValue(part.getValue().toString());
      }
      writer.name("model").beginObject();
      for (Map.Entry<String, JsonElement> field : model.entrySet()) {
        writer.name(field.getKey()).jsonValue(field.getValue().toString());
      }
      writer.name("vocab").beginObject();
      for (int id = 0; id < tokens.size(); id++) {
        if (!isPlaceholder(id)) {
          writer.name(tokens.get(id)).value(id);
        }
      }
      writer.endObject();
      if (merges != null) {
        writer.name("merges").beginArray();
        merges.write(writer);
        writer.endArray();
      }
      writer.endObject();
      writer.endObject();
    } catch (IOException e) {
      throw new IllegalStateException("cannot write to memory", e);
    }
    return out.toByteArray();
  }

  /** Whether an id stands for no token: the model's table has more rows than there are tokens. */
  private boolean isPlaceholder(int id) {
    return types[id] == TokenType.UNUSED && tokens.get(id).equals(TokenType.placeholder(id));
  }

  private JsonArray addedTokens() {
    JsonArray added = new JsonArray();
    for (int id = 0; id < types.length; id++) {
      boolean special = types[id] == TokenType.CONTROL || types[id] == TokenType.UNKNOWN;
      if (special || types[id] == TokenType.USER_DEFINED) {
        JsonObject token = new JsonObject();
        token.addProperty("id", id);
        token.addProperty("content", tokens.get(id));
        for (String flag : List.of("single_word", "lstrip", "rstrip")) {
          token.addProperty(flag, false);
        }
        boolean escaped = tokens.get(id).replace(SPACE, "").isEmpty();
        token.addProperty("normalized", escaped);
        token.addProperty("special", special);
        added.add(token);
      }
    }
    return added;
  }

  /** The special tokens before and after a text. */
  private JsonElement ends(boolean begins) {
    boolean before = metadata.findFlag(KEY + "add_bos_token").orElse(begins);
    boolean after = metadata.findFlag(KEY + "add_eos_token").orElse(false);
    return before || after
        ? ends(before ? "bos" : null, after ? "eos" : null, true)
        : JsonNull.INSTANCE;
  }

  /**
   * @param first the role of the token before a text; null for none
   * @param last the role of the token behind a text; null for none
   * @param again whether the first one also stands before the second text of a pair
   */
  private JsonElement ends(@Nullable String first, @Nullable String last, boolean again) {
    String bos = first == null ? null : token(first);
    String eos = last == null ? null : token(last);
    JsonArray single = new JsonArray();
    JsonArray pair = new JsonArray();
    for (int type = 0; type < 2; type++) {
      List<JsonObject> places = new ArrayList<>();
      if (bos != null && (type == 0 || again)) {
        places.add(place("SpecialToken", bos, type));
      }
      places.add(place("Sequence", type == 0 ? "A" : "B", type));
      if (eos != null) {
        places.add(place("SpecialToken", eos, type));
      }
      if (type == 0) {
        places.forEach(single::add);
      }
      places.forEach(pair::add);
    }
    JsonObject special = new JsonObject();
    addSpecial(special, bos, first);
    addSpecial(special, eos, last);
    JsonObject template = new JsonObject();
    template.addProperty("type", "TemplateProcessing");
    template.add("single", single);
    template.add("pair", pair);
    template.add("special_tokens", special);
    return template;
  }

  private static JsonObject place(String kind, String id, int type) {
    JsonObject fields = new JsonObject();
    fields.addProperty("id", id);
    fields.addProperty("type_id", type);
    JsonObject place = new JsonObject();
    place.add(kind, fields);
    return place;
  }

  private void addSpecial(JsonObject special, @Nullable String token, @Nullable String role) {
    if (token != null && role != null) {
      JsonObject fields = new JsonObject();
      fields.addProperty("id", token);
      JsonArray ids = new JsonArray();
      ids.add(id(role));
      fields.add("ids", ids);
      JsonArray texts = new JsonArray();
      texts.add(token);
      fields.add("tokens", texts);
      special.add(token, fields);
    }
  }

  private int id(String role) {
    OptionalLong id = metadata.findInteger(idKey(role));
    if (id.isEmpty() && role.equals("cls")) {
      return id("bos");
    }
    return known(Objects.requireNonNull(ROLES.get(role)), id.orElse(usual.getOrDefault(role, -1)));
  }

  private int known(String key, long id) {
    if (id < 0 || id >= tokens.size()) {
      throw error(key + "_token_id", id, "an id from 0 to " + (tokens.size() - 1));
    }
    return (int) id;
  }

  private String token(String role) {
    return tokens.get(id(role));
  }

  /** The content of a tokenizer_config.json. */
  private JsonObject config(String model) {
    JsonObject config = new JsonObject();
    config.addProperty("tokenizer_class", "PreTrainedTokenizerFast");
    for (String end : ENDS) {
      metadata.findInteger(KEY + end + "_token_id").ifPresent(id -> known(end, id));
    }
    if (model.equals(BERT)) { // it has no tokens for begin and end, but these two
      for (String role : List.of("unk", "sep", "pad", "cls", "mask")) {
        config.addProperty(role + "_token", token(role));
      }
      return config;
    }
    for (String role : ROLES.keySet()) {
      if (metadata.contains(idKey(role)) || usual.containsKey(role)) {
        config.addProperty(role + "_token", token(role));
      }
    }
    for (String role : List.of("bos", "eos", "sep")) {
      String flag = "add_" + role + "_token";
      metadata.findFlag(KEY + flag).ifPresent(adds -> config.addProperty(flag, adds));
    }
    if (model.equals("gpt2")) {
      metadata
          .findFlag(KEY + "add_space_prefix")
          .ifPresent(adds -> config.addProperty("add_prefix_space", adds));
    }
    JsonElement template = template();
    if (template != null) {
      config.add("chat_template", template);
    }
    return config;
  }

  private @Nullable JsonElement template() {
    Optional<String> usual = metadata.findString(TEMPLATE);
    List<String> names = metadata.findStrings("tokenizer.chat_templates").orElse(List.of());
    if (names.isEmpty()) {
      return usual.map(JsonPrimitive::new).orElse(null);
    }
    JsonArray templates = new JsonArray();
    usual.ifPresent(text -> templates.add(named("default", text)));
    for (String name : names) {
      templates.add(named(name, metadata.string(TEMPLATE + "." + name)));
    }
    return templates;
  }

  private static JsonObject named(String name, String text) {
    JsonObject template = new JsonObject();
    template.addProperty("name", name);
    template.addProperty("template", text);
    return template;
  }

  private static JsonObject parse(String json) {
    return JsonParser.parseString(json.replace('\'', '"')).getAsJsonObject();
  }
}
