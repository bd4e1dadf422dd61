package io.github.peft4j.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Ids and texts against those of transformers: golden-tokenizers/make_goldens.py says which. */
class TokenizerParityTest {

  @TempDir Path folder;

  static List<String> cases() throws IOException {
    try (Stream<Path> files = Files.list(GoldenTokenizers.folder().resolve("cases"))) {
      List<String> names = files.map(file -> file.getFileName().toString()).sorted().toList();
      assertThat(names).hasSizeGreaterThan(50);
      return names;
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void idsAndTextsAreThoseOfTransformers(String name) throws IOException {
    JsonObject golden = GoldenTokenizers.write(name, folder);
    SoftAssertions softly = new SoftAssertions();
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      softly.assertThat(tokenizer.vocabularySize()).isEqualTo(golden.get("size").getAsInt());
      special(golden.getAsJsonObject("special"), tokenizer, softly);
      for (JsonElement each : golden.getAsJsonArray("texts")) {
        text(each.getAsJsonObject(), tokenizer, softly);
      }
      for (JsonElement each : golden.getAsJsonArray("pairs")) {
        pair(each.getAsJsonObject(), tokenizer, softly);
      }
    }
    softly.assertAll();
  }

  /** Roles that transformers leaves empty may be filled by config.json or a customary name. */
  private static void special(JsonObject golden, Tokenizer tokenizer, SoftAssertions softly) {
    Map<String, OptionalLong> found =
        Map.of(
            "pad", OptionalLong.of(tokenizer.padId()),
            "eos", tokenizer.eosId(),
            "bos", tokenizer.bosId(),
            "cls", tokenizer.clsId(),
            "sep", tokenizer.sepId(),
            "mask", tokenizer.maskId(),
            "unk", tokenizer.unknownId());
    golden
        .asMap()
        .forEach(
            (role, id) -> {
              if (!id.isJsonNull()) {
                softly.assertThat(found.get(role)).as(role).hasValue(id.getAsLong());
              }
            });
  }

  private static void text(JsonObject golden, Tokenizer tokenizer, SoftAssertions softly) {
    String text = golden.get("text").getAsString();
    long[] ids = longs(golden.getAsJsonArray("ids"));
    softly.assertThat(tokenizer.encode(text)).as("'%s'", text).containsExactly(ids);
    softly
        .assertThat(tokenizer.encode(text, false))
        .as("'%s' without special tokens", text)
        .containsExactly(longs(golden.getAsJsonArray("plain")));
    softly
        .assertThat(tokenizer.decode(ids, false))
        .as("decoded '%s'", text)
        .isEqualTo(golden.get("decoded").getAsString());
    softly
        .assertThat(tokenizer.decode(ids))
        .as("decoded '%s' without special tokens", text)
        .isEqualTo(golden.get("skipped").getAsString());
    if (golden.has("target")) {
      softly
          .assertThat(tokenizer.targetEncoding(text).ids())
          .as("'%s' as a text to write", text)
          .containsExactly(longs(golden.getAsJsonArray("target")));
    }
  }

  private static void pair(JsonObject golden, Tokenizer tokenizer, SoftAssertions softly) {
    String text = golden.get("text").getAsString();
    String pair = golden.get("pair").getAsString();
    Encoding encoding = tokenizer.encoding(text, pair);
    long[] ids = longs(golden.getAsJsonArray("ids"));
    softly.assertThat(encoding.ids()).as("'%s' and '%s'", text, pair).containsExactly(ids);
    long[] types =
        golden.get("types").isJsonNull()
            ? new long[ids.length]
            : longs(golden.getAsJsonArray("types"));
    softly.assertThat(encoding.typeIds()).as("segments of '%s', '%s'", text, pair).isEqualTo(types);
  }

  private static long[] longs(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false)
        .mapToLong(JsonElement::getAsLong)
        .toArray();
  }
}
