package io.github.peft4j.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.SharedFolder;
import io.github.peft4j.data.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {

  @TempDir Path folder;

  private static InputStream stream(String json) {
    return new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8));
  }

  private Tokenizer inFolder(String json, Map<String, String> files) throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), json);
    for (Map.Entry<String, String> file : files.entrySet()) {
      Files.writeString(folder.resolve(file.getKey()), file.getValue());
    }
    return Tokenizer.load(folder);
  }

  @Test
  void tokensAreThoseOfTheReference() throws IOException {
    Path model = SharedFolder.require("models/stories260K");
    JsonObject expected =
        JsonParser.parseString(Files.readString(model.resolve("expected.json"))).getAsJsonObject();

    try (Tokenizer tokenizer = Tokenizer.load(model.toString())) {
      expected
          .getAsJsonObject("tokens")
          .asMap()
          .forEach(
              (text, ids) -> {
                assertThat(tokenizer.encode(text)).containsExactly(longs(ids));
                assertThat(tokenizer.decode(longs(ids))).isEqualTo(text);
              });
      assertThat(tokenizer.decode(longs(expected.get("greedy_ids"))))
          .isEqualTo(expected.get("greedy_text").getAsString());
      assertThat(tokenizer.vocabularySize()).isEqualTo(512);
      assertThat(tokenizer.bosId()).hasValue(1);
      assertThat(tokenizer.eosId()).hasValue(2);
      assertThat(tokenizer.unknownId()).hasValue(0);
      assertThat(tokenizer.padId()).isEqualTo(2);
      assertThat(tokenizer.clsId()).isEmpty();
    }
  }

  private static long[] longs(JsonElement array) {
    return StreamSupport.stream(array.getAsJsonArray().spliterator(), false)
        .mapToLong(JsonElement::getAsLong)
        .toArray();
  }

  @Test
  void neitherTruncatesNorPadsThoughTheFileSaysSo() {
    try (Tokenizer tokenizer = Tokenizer.load(stream(Tokenizers.bert()))) {
      assertThat(tokenizer.encode("a b c d e")).containsExactly(1, 3, 4, 5, 6, 8, 2);
      assertThat(tokenizer.encode("a")).containsExactly(1, 3, 2);
      assertThat(tokenizer.encode("a", false)).containsExactly(3);
      assertThat(tokenizer.encode("", false)).isEmpty();
      assertThat(tokenizer.encode("a b", "c")).containsExactly(1, 3, 4, 2, 5, 2);
      assertThat(tokenizer.decode(new long[] {1, 3, 4, 2})).isEqualTo("a b");
      assertThat(tokenizer.decode(new long[] {1, 3, 2}, false)).isEqualTo("[CLS] a [SEP]");
    }
  }

  @Test
  void specialTokensOfTheFileAlone() {
    try (Tokenizer tokenizer = Tokenizer.load(stream(Tokenizers.bert()))) {
      assertThat(tokenizer.padId()).isEqualTo(7);
      assertThat(tokenizer.clsId()).hasValue(1);
      assertThat(tokenizer.sepId()).hasValue(2);
      assertThat(tokenizer.eosId()).isEmpty();
      assertThat(tokenizer.vocabularySize()).isEqualTo(9);
      assertThat(tokenizer)
          .hasToString("tokenizer of 9 tokens, special: {pad=7, cls=1, sep=2, unk=0}");
    }
  }

  @Test
  void specialTokensOfTheFilesBesideComeFirst() throws IOException {
    Map<String, String> files =
        Map.of(
            "tokenizer_config.json", "{\"pad_token\": {\"content\": \"e\"}, \"bos_token\": null}",
            "special_tokens_map.json", "{\"mask_token\": \"d\"}",
            "config.json", "{\"pad_token_id\": 3, \"eos_token_id\": [4, 5], \"bos_token_id\": 6}");
    try (Tokenizer tokenizer = inFolder(Tokenizers.bert(), files)) {
      assertThat(tokenizer.padId()).isEqualTo(8);
      assertThat(tokenizer.maskId()).hasValue(6);
      assertThat(tokenizer.eosId()).hasValue(4);
      assertThat(tokenizer.bosId()).hasValue(6);
    }
  }

  @Test
  void unigramVocabularyIsAnArray() {
    String json =
        """
        {"added_tokens": [], "model": {"type": "Unigram", "unk_id": 0,
          "vocab": [["<unk>", 0.0], ["a", -1.0], ["b", -2.5]]}}
        """;
    try (Tokenizer tokenizer = Tokenizer.load(stream(json))) {
      assertThat(tokenizer.vocabularySize()).isEqualTo(3);
      assertThat(tokenizer.padId()).isZero();
      assertThat(tokenizer.eosId()).isEqualTo(OptionalLong.empty());
    }
  }

  @Test
  void manyThreads() {
    try (Tokenizer tokenizer = Tokenizer.load(stream(Tokenizers.bert()))) {
      assertThat(IntStream.range(0, 2000).parallel().mapToObj(i -> tokenizer.encode("a b c", "d")))
          .allMatch(ids -> ids.length == 7);
    }
  }

  @Test
  void closedTokenizerSaysSo() {
    Tokenizer tokenizer = Tokenizer.load(stream(Tokenizers.bert()));
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("a"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the tokenizer is closed");
  }

  @Test
  void whatIsNoTokenizer() throws IOException {
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("tokenizer.json does not exist")
        .hasMessageContaining("save_pretrained");
    assertThatThrownBy(() -> Tokenizer.load(stream("{")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("expected the JSON of a tokenizer");
    assertThatThrownBy(() -> Tokenizer.load(stream("{\"model\": {}}")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("tokenizer.json");
    assertThatThrownBy(() -> inFolder(Tokenizers.bert(), Map.of("config.json", "[]")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("config.json: expected a JSON object");
  }
}
