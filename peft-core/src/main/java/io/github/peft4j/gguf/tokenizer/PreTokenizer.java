package io.github.peft4j.gguf.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How byte-level tokenizers cut texts before they merge: {@code tokenizer.ggml.pre}, and what it is
 * in a tokenizer.json.
 *
 * @param names in GGUF files; llama.cpp computes the same for all of them, and the first is written
 * @param json the {@code pre_tokenizer} of a tokenizer.json
 * @param normalizes whether texts are normalised to NFC
 * @param wholeFirst whether a piece that is a token is never cut: {@code ignore_merges}
 * @param begins whether texts begin with the token for that, unless the file says otherwise
 */
record PreTokenizer(
    List<String> names, JsonElement json, boolean normalizes, boolean wholeFirst, boolean begins) {

  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String REST =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String LETTERS = "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  private static final String CAPITALS = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String SMALL = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String BEFORE = "[^\\r\\n\\p{L}\\p{N}]?";
  private static final String REST_OF_CASED =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final String LLAMA3 = CONTRACTIONS + LETTERS + "|\\p{N}{1,3}" + REST;
  private static final String QWEN2 = CONTRACTIONS + LETTERS + "|\\p{N}" + REST;

  private static final List<PreTokenizer> ALL =
      List.of(
          new PreTokenizer(List.of("gpt-2", "phi-2", "olmo"), byteLevel(true), false, false, false),
          new PreTokenizer(
              List.of("smollm", "starcoder", "refact", "command-r", "codeshell"),
              sequence("{'type': 'Digits', 'individual_digits': true}", byteLevel(true)),
              false,
              false,
              false),
          new PreTokenizer(
              List.of("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"),
              splits(LLAMA3),
              false,
              true,
              true),
          new PreTokenizer(List.of("dbrx", "smaug-bpe"), splits(LLAMA3), false, false, false),
          new PreTokenizer(List.of("qwen2", "deepseek-r1-qwen"), splits(QWEN2), true, false, false),
          new PreTokenizer(
              List.of("tekken"), splits(cased("") + "|\\p{N}" + REST_OF_CASED), false, true, true),
          new PreTokenizer(
              List.of("gpt-4o", "llama4"),
              splits(cased(CONTRACTIONS + "?") + "|\\p{N}{1,3}" + REST_OF_CASED),
              false,
              false,
              false));

  /** Words that begin with capitals or have none, with what may follow them. */
  private static String cased(String end) {
    return BEFORE + CAPITALS + "*" + SMALL + "+" + end + "|" + BEFORE + CAPITALS + "+" + SMALL + "*"
        + end;
  }

  private static JsonElement parse(String json) {
    return JsonParser.parseString(json.replace('\'', '"'));
  }

  private static JsonElement byteLevel(boolean splits) {
    return parse(
        "{'type': 'ByteLevel', 'add_prefix_space': false, 'trim_offsets': true, 'use_regex': "
            + splits
            + "}");
  }

  private static JsonElement sequence(String first, JsonElement second) {
    JsonObject sequence = parse("{'type': 'Sequence', 'pretokenizers': []}").getAsJsonObject();
    sequence.getAsJsonArray("pretokenizers").add(parse(first));
    sequence.getAsJsonArray("pretokenizers").add(second);
    return sequence;
  }

  private static JsonElement splits(String regex) {
    JsonObject pattern = new JsonObject();
    pattern.addProperty("Regex", regex);
    JsonObject sequence =
        sequence("{'type': 'Split', 'behavior': 'Isolated', 'invert': false}", byteLevel(false))
            .getAsJsonObject();
    sequence.getAsJsonArray("pretokenizers").get(0).getAsJsonObject().add("pattern", pattern);
    return sequence;
  }

  /** That of a name in a GGUF file. */
  static Optional<PreTokenizer> named(String name) {
    return ALL.stream().filter(each -> each.names().contains(name)).findFirst();
  }

  /**
   * That of a tokenizer.json.
   *
   * @param wholeFirst whether its model has {@code ignore_merges}
   */
  static Optional<PreTokenizer> of(JsonElement preTokenizer, boolean wholeFirst) {
    JsonElement plain = withoutOffsets(preTokenizer);
    return ALL.stream()
        .filter(each -> withoutOffsets(each.json()).equals(plain))
        .filter(each -> each.wholeFirst() == wholeFirst)
        .findFirst();
  }

  /** The same without what changes no ids. */
  private static JsonElement withoutOffsets(JsonElement json) {
    JsonElement copy = json.deepCopy();
    strip(copy);
    return copy;
  }

  private static void strip(JsonElement json) {
    if (json instanceof JsonObject object) {
      object.remove("trim_offsets");
      object.asMap().values().forEach(PreTokenizer::strip);
    } else if (json.isJsonArray()) {
      json.getAsJsonArray().forEach(PreTokenizer::strip);
    }
  }

  /** The normalizer of a tokenizer.json. */
  JsonElement normalizer() {
    if (!normalizes) {
      return JsonNull.INSTANCE;
    }
    JsonObject nfc = new JsonObject();
    nfc.add("type", new JsonPrimitive("NFC"));
    return nfc;
  }

  /** The names of all. */
  static String known() {
    return ALL.stream()
        .flatMap(each -> each.names().stream())
        .sorted()
        .collect(Collectors.joining(", "));
  }
}
