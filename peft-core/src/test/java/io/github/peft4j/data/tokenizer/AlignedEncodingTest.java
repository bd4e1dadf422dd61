package io.github.peft4j.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Places, words and windows against transformers: golden-tokenizers/make_aligned.py makes them. */
class AlignedEncodingTest {

  @TempDir Path folder;

  static Set<String> cases() throws IOException {
    Set<String> names = goldens().keySet();
    assertThat(names).hasSizeGreaterThan(50);
    return names;
  }

  private static JsonObject goldens() throws IOException {
    Path file = GoldenTokenizers.folder().resolve("aligned.json");
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void placesAndWordsAreThoseOfTransformers(String name) throws IOException {
    JsonObject golden = goldens().getAsJsonObject(name);
    GoldenTokenizers.write(name, folder);
    SoftAssertions softly = new SoftAssertions();
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      assertThat(tokenizer.padsOnLeft())
          .isEqualTo(golden.get("padding").getAsString().equals("left"));
      for (JsonElement each : golden.getAsJsonArray("texts")) {
        String text = each.getAsJsonObject().get("text").getAsString();
        check(each.getAsJsonObject(), tokenizer.aligned(text, null), i -> text, softly);
      }
      JsonObject pair = golden.getAsJsonObject("pair");
      String first = pair.get("text").getAsString();
      String second = pair.get("pair").getAsString();
      AlignedEncoding both = tokenizer.aligned(first, second);
      check(pair, both, i -> both.isOf(i, 1) ? second : first, softly);
      for (JsonElement each : golden.getAsJsonArray("words")) {
        List<String> words = strings(each.getAsJsonObject().getAsJsonArray("list"));
        AlignedEncoding aligned = tokenizer.aligned(words);
        check(each.getAsJsonObject(), aligned, i -> words.get(aligned.words()[i]), softly);
      }
    }
    softly.assertAll();
  }

  private static void check(
      JsonObject golden, AlignedEncoding aligned, IntFunction<String> text, SoftAssertions softly) {
    softly
        .assertThat(aligned.encoding().ids())
        .containsExactly(longs(golden.getAsJsonArray("ids")));
    softly
        .assertThat(aligned.words())
        .as("words of %s", Arrays.toString(aligned.tokens()))
        .containsExactly(numbers(golden.getAsJsonArray("words")));
    JsonArray offsets = golden.getAsJsonArray("offsets");
    for (int i = 0; i < aligned.length(); i++) {
      int[] expected = numbers(offsets.get(i).getAsJsonArray());
      if (!aligned.isSpecial(i)) {
        String of = text.apply(i);
        expected = IntStream.of(expected).map(point -> of.offsetByCodePoints(0, point)).toArray();
      }
      softly
          .assertThat(new int[] {aligned.starts()[i], aligned.ends()[i]})
          .as("place of %d in %s", i, Arrays.toString(aligned.tokens()))
          .containsExactly(expected);
      int text2 = numbers(golden.getAsJsonArray("texts"))[i];
      softly.assertThat(aligned.isOf(i, 0)).isEqualTo(text2 == 0);
      softly.assertThat(aligned.isOf(i, 1)).isEqualTo(text2 == 1);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void windowsAreThoseOfTransformers(String name) throws IOException {
    JsonObject golden = goldens().getAsJsonObject(name);
    GoldenTokenizers.write(name, folder);
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      JsonObject pair = golden.getAsJsonObject("pair");
      String first = pair.get("text").getAsString();
      String second = pair.get("pair").getAsString();
      boolean left = tokenizer.padsOnLeft();
      assertThat(
              windows(
                  tokenizer.aligned(left ? second : first, left ? first : second),
                  left ? 0 : 1,
                  golden.getAsJsonObject("windows")))
          .isEqualTo(rows(golden.getAsJsonObject("windows")));
      List<String> words =
          strings(golden.getAsJsonArray("words").get(0).getAsJsonObject().getAsJsonArray("list"));
      assertThat(windows(tokenizer.aligned(words), 0, golden.getAsJsonObject("word_windows")))
          .isEqualTo(rows(golden.getAsJsonObject("word_windows")));
    }
  }

  private static List<List<Long>> windows(AlignedEncoding aligned, int text, JsonObject golden) {
    int max = golden.get("max").getAsInt();
    return Windows.of(aligned, text, max, golden.get("stride").getAsInt()).stream()
        .map(window -> Arrays.stream(Truncation.pick(aligned.encoding().ids(), window)))
        .map(ids -> ids.boxed().toList())
        .toList();
  }

  private static List<List<Long>> rows(JsonObject golden) {
    List<List<Long>> rows = new ArrayList<>();
    golden
        .getAsJsonArray("ids")
        .forEach(row -> rows.add(Arrays.stream(longs(row.getAsJsonArray())).boxed().toList()));
    return rows;
  }

  @Test
  void aWindowNeedsRoomForANewToken() {
    try (Tokenizer tokenizer = bert()) {
      AlignedEncoding aligned = tokenizer.aligned("a b", "a b c d");

      assertThat(Windows.of(aligned, 1, 6, 0)).hasSize(4);
      assertThatThrownBy(() -> Windows.of(aligned, 1, 6, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("5 tokens are special or of the text that is not cut")
          .hasMessageContaining("Raise maxLength to 7 at least");
      assertThatThrownBy(() -> Windows.of(aligned, 1, 9, -1)).hasMessageContaining("stride is -1");
    }
  }

  @Test
  void wordsOfNullAreRefused() {
    try (Tokenizer tokenizer = bert()) {
      assertThatThrownBy(() -> tokenizer.aligned(Arrays.asList("a", null)))
          .hasMessageContaining("word 1 is null");
    }
  }

  private static Tokenizer bert() {
    return Tokenizer.load(
        new ByteArrayInputStream(Tokenizers.bert().getBytes(StandardCharsets.UTF_8)));
  }

  private static List<String> strings(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonElement::getAsString).toList();
  }

  private static long[] longs(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false)
        .mapToLong(JsonElement::getAsLong)
        .toArray();
  }

  private static int[] numbers(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false)
        .mapToInt(each -> each.isJsonNull() ? -1 : each.getAsInt())
        .toArray();
  }
}
