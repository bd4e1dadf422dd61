package io.github.peft4j.gguf.tokenizer;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.transformer.config.ModelConfig;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufVocabularyTest {

  private static final Path FILES = Path.of("src/test/resources/io/github/peft4j/gguf");

  private static GgufMetadata metadata(String name) {
    try (GgufFile file = GgufFile.open(FILES.resolve(name + ".gguf"))) {
      return file.metadata();
    }
  }

  private static ModelConfig model(int tokens, String type) {
    JsonObject config = new JsonObject();
    config.addProperty("vocab_size", tokens);
    config.addProperty("model_type", type);
    return ModelConfig.of(config, "config.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "tekken", "gpt-4o", "starcoder"})
  void aCutIsFoundAgainInATokenizer(String name) {
    PreTokenizer known = PreTokenizer.named(name).orElseThrow();
    assertEquals(known, PreTokenizer.of(known.json(), known.wholeFirst()).orElseThrow());
  }

  /** Every kind of cut is one that the tokenizers library reads, and keeps all characters. */
  @ParameterizedTest
  @ValueSource(strings = {"gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "tekken", "gpt-4o"})
  void textsComeBackWhateverTheCut(String name) {
    GgufMetadata metadata =
        metadata("llama").toBuilder().string("tokenizer.ggml.pre", name).build();
    String text = "It's 12345  HTMLParser, don't\n\n\tdéjà vu… 日本 <think> x";
    try (Tokenizer tokenizer = requireNonNull(GgufTokenizer.read(metadata, "x"))) {
      assertEquals(text, tokenizer.decode(tokenizer.encode(text, false), false));
    }
  }

  @Test
  void severalTemplatesAndFlagsAreWrittenAgain() {
    GgufMetadata before =
        metadata("llama").toBuilder()
            .string("tokenizer.chat_template.tool_use", "{{ tools }}")
            .strings("tokenizer.chat_templates", List.of("tool_use"))
            .bool("tokenizer.ggml.add_bos_token", true)
            .bool("tokenizer.ggml.add_eos_token", false)
            .build();
    GgufMetadata.Builder after = new GgufMetadata.Builder();
    try (Tokenizer tokenizer = requireNonNull(GgufTokenizer.read(before, "x"))) {
      assertEquals(1, tokenizer.encode("fox")[0]);
      String usual = before.string("tokenizer.chat_template");
      GgufVocabulary.write(
          tokenizer,
          model(304, "llama"),
          new TreeMap<>(Map.of("default", usual, "tool_use", "{{ tools }}")),
          after);
    }
    GgufMetadata written = after.build();
    for (String key : written.keys()) {
      assertTrue(before.contains(key) || key.endsWith("add_sep_token"), key);
    }
    assertTrue(written.flag("tokenizer.ggml.add_bos_token"));
    assertEquals("{{ tools }}", written.string("tokenizer.chat_template.tool_use"));
    assertEquals(before.strings("tokenizer.ggml.tokens"), written.strings("tokenizer.ggml.tokens"));
  }

  @Test
  void theScoresSayWhichTokensAreMadeFirstIfTheOrderDoesNot() {
    GgufMetadata plain = metadata("gemma3");
    List<String> tokens = new ArrayList<>(plain.strings("tokenizer.ggml.tokens"));
    int he = tokens.indexOf("he");
    int th = tokens.indexOf("ow");
    tokens.set(th, "th");
    double[] scores = plain.numbers("tokenizer.ggml.scores");
    float[] changed = new float[scores.length];
    for (int i = 0; i < changed.length; i++) {
      changed[i] = i == th ? 0 : i == he ? -50 : (float) scores[i];
    }
    GgufMetadata inOrder = plain.toBuilder().strings("tokenizer.ggml.tokens", tokens).build();
    GgufMetadata byScore = inOrder.toBuilder().float32s("tokenizer.ggml.scores", changed).build();
    try (Tokenizer before = requireNonNull(GgufTokenizer.read(inOrder, "x"));
        Tokenizer after = requireNonNull(GgufTokenizer.read(byScore, "x"))) {
      assertArrayEquals(new long[] {tokens.indexOf("t"), he}, before.encode("the", false));
      assertArrayEquals(new long[] {th, tokens.indexOf("e")}, after.encode("the", false));
    }
  }

  /** Reads a vocabulary of which one element of an array is another. */
  private static void assertRefused(
      String name,
      String key,
      Function<List<String>, Integer> place,
      String text,
      String... parts) {
    GgufMetadata before = metadata(name);
    List<String> tokens = before.strings("tokenizer.ggml.tokens");
    int at = place.apply(tokens);
    GgufMetadata.Builder changed = before.toBuilder();
    String whole = "tokenizer.ggml." + key;
    switch (before.elementType(whole)) {
      case STRING -> {
        List<String> texts = new ArrayList<>(before.strings(whole));
        texts.set(at, text);
        changed.strings(whole, texts);
      }
      case FLOAT32 -> {
        double[] numbers = before.numbers(whole);
        float[] floats = new float[numbers.length];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = i == at ? Float.parseFloat(text) : (float) numbers[i];
        }
        changed.float32s(whole, floats);
      }
      default -> {
        int[] numbers =
            LongStream.of(before.integers(whole)).mapToInt(number -> (int) number).toArray();
        numbers[at] = Integer.parseInt(text);
        changed.int32s(whole, numbers);
      }
    }
    assertRefused(changed.build(), Stream.of(parts).map(part -> part.replace("#", "" + at)));
  }

  private static void assertRefused(GgufMetadata metadata, Stream<String> parts) {
    String message =
        requireNonNull(
            assertThrows(DataException.class, () -> GgufTokenizer.read(metadata, "x.gguf"))
                .getMessage());
    assertTrue(message.startsWith("x.gguf: "), message);
    parts.forEach(part -> assertTrue(message.contains(part), message));
  }

  /** Each of these was read without a word, and gave other ids or texts. */
  @Test
  void vocabulariesThatContradictThemselvesAreRefused() {
    assertRefused(
        "llama",
        "tokens",
        tokens -> tokens.indexOf("z"),
        "a",
        "tokens[#] is 'a'; expected another text than tokens[");
    assertRefused("gemma3", "tokens", tokens -> tokens.indexOf("he"), "a", "is 'a'; expected");
    assertRefused(
        "llama",
        "token_type",
        tokens -> 7,
        "0",
        "token_type[7] is 0; expected a number from 1 to 6");
    assertRefused("gemma3", "token_type", tokens -> 8, "7", "token_type[8] is 7; expected");
    assertRefused("gemma3", "scores", tokens -> 9, "NaN", "scores[9] is NaN; expected a finite");
    assertRefused("llama", "merges", tokens -> 3, "ab", "merges[3] is 'ab'; expected two tokens");
    assertRefused("llama", "merges", tokens -> 3, "q z", "merges[3] is 'q z'; expected two tokens");
    String first = metadata("llama").strings("tokenizer.ggml.merges").get(0);
    assertRefused("llama", "merges", tokens -> 3, first, "expected another one than merges[0]");
    for (String end : List.of("eos", "eot", "eom")) {
      String key = "tokenizer.ggml." + end + "_token_id";
      assertRefused(
          metadata("llama").toBuilder().uint32(key, 304).build(),
          Stream.of(key + " is 304; expected an id from 0 to 303"));
    }
    assertRefused(
        metadata("llama").toBuilder()
            .strings("tokenizer.ggml.tokens", List.of())
            .remove("tokenizer.ggml.token_type")
            .build(),
        Stream.of("tokens is empty"));
  }

  /** The merges of a token are as many as its characters, and are found in the square of that. */
  @Test
  void aTokenOfManyCharactersIsRefused() {
    assertRefused(
        "gemma3",
        "tokens",
        tokens -> tokens.indexOf("he"),
        "a".repeat(2_000_000),
        "the token 'aaaaaaaaaaaaaaaaaaaa…' has 2000000 characters; expected at most 1024");
  }

  private static void assertRefused(String json, int tokens, String part) {
    try (Tokenizer tokenizer =
        Tokenizer.of(json.getBytes(StandardCharsets.UTF_8), new JsonObject(), "tokenizer.json")) {
      String message =
          requireNonNull(
              assertThrows(
                      DataException.class,
                      () ->
                          GgufVocabulary.write(
                              tokenizer,
                              model(tokens, "llama"),
                              Map.of(),
                              new GgufMetadata.Builder()))
                  .getMessage());
      assertTrue(message.contains(part), message);
      assertTrue(message.contains("convert_hf_to_gguf.py"), message);
    }
  }

  @Test
  void otherTokenizersAreRefused() {
    JsonObject json;
    try (Tokenizer tokenizer = requireNonNull(GgufTokenizer.read(metadata("llama"), "x"))) {
      json =
          JsonParser.parseString(new String(tokenizer.json(), StandardCharsets.UTF_8))
              .getAsJsonObject();
    }
    assertRefused(json.toString(), 100, "expected an id below vocab_size, 100");
    json.add("pre_tokenizer", JsonParser.parseString("{\"type\": \"Whitespace\"}"));
    assertRefused(json.toString(), 304, "pre_tokenizer is {\"type\":\"Whitespace\"}");
    assertRefused(
        "{\"added_tokens\": [], \"model\": {\"type\": \"WordLevel\", \"unk_token\": \"a\","
            + " \"vocab\": {\"a\": 0}}}",
        1,
        "the tokenizer's model is \"WordLevel\"; expected WordPiece, or BPE");
  }

  /** llama.cpp cuts texts as BERT does, so that another normalizer is refused. */
  @ParameterizedTest
  @ValueSource(strings = {"clean_text", "handle_chinese_chars"})
  void wordPiecesOfAnotherNormalizerAreRefused(String field) {
    try (Tokenizer tokenizer = requireNonNull(GgufTokenizer.read(metadata("bert"), "x"))) {
      JsonObject json =
          JsonParser.parseString(new String(tokenizer.json(), StandardCharsets.UTF_8))
              .getAsJsonObject();
      json.getAsJsonObject("normalizer").addProperty(field, false);
      try (Tokenizer other =
          Tokenizer.of(json.toString().getBytes(StandardCharsets.UTF_8), new JsonObject(), "y")) {
        String message =
            requireNonNull(
                assertThrows(
                        DataException.class,
                        () ->
                            GgufVocabulary.write(
                                other, model(40, "bert"), Map.of(), new GgufMetadata.Builder()))
                    .getMessage());
        assertTrue(message.contains("normalizer." + field + " is false; expected true"), message);
      }
    }
  }

  @Test
  void wordPiecesKeepCapitalsIfTheFileSaysSo() {
    GgufMetadata metadata =
        metadata("bert").toBuilder().bool("tokenizer.ggml.normalizer.lowercase", false).build();
    try (Tokenizer tokenizer = requireNonNull(GgufTokenizer.read(metadata, "x"))) {
      assertArrayEquals(new long[] {2, 5, 1, 3}, tokenizer.encode("the FOX"));
      GgufMetadata.Builder written = new GgufMetadata.Builder();
      GgufVocabulary.write(tokenizer, model(40, "bert"), Map.of(), written);
      assertEquals(false, written.build().flag("tokenizer.ggml.normalizer.lowercase"));
    }
  }
}
