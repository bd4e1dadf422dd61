package io.github.peft4j.data.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Labels of words against those of run_ner.py: golden-tasks/make_tasks.py makes them. And masks.
 */
class TaskEncodersTest {

  private static final Labels TAGS = Labels.of("O", "B-PER", "I-PER", "B-LOC", "I-LOC");

  @TempDir Path folder;

  private Tokenizer tokenizer(String name) throws IOException {
    GoldenTokenizers.write(name + ".json", folder);
    return Tokenizer.load(folder);
  }

  private static List<String> strings(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonElement::getAsString).toList();
  }

  private static long[] longs(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false)
        .mapToLong(JsonElement::getAsLong)
        .toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "roberta", "llama2"})
  void labelsOfWordsAreThoseOfRunNer(String name) throws IOException {
    JsonObject all =
        JsonParser.parseString(
                Files.readString(GoldenTokenizers.resources("golden-tasks/tasks.json")))
            .getAsJsonObject();
    try (Tokenizer tokenizer = tokenizer(name)) {
      for (JsonElement tagger : all.getAsJsonArray("taggers")) {
        JsonObject golden = tagger.getAsJsonObject();
        if (!golden.get("tokenizer").getAsString().equals(name)) {
          continue;
        }
        for (JsonElement each : golden.getAsJsonArray("words")) {
          JsonObject words = each.getAsJsonObject();
          TokensExample example =
              new TokensExample(
                  strings(words.getAsJsonArray("words")), strings(words.getAsJsonArray("tags")));
          EncodedExample first = Encoder.tokens(tokenizer, TAGS, 64).encode(example);
          assertThat(first.inputIds()).containsExactly(longs(words.getAsJsonArray("ids")));
          assertThat(first.labels()).containsExactly(longs(words.getAsJsonArray("first")));
          assertThat(Encoder.tokens(tokenizer, TAGS, 64, -1, true).encode(example).labels())
              .containsExactly(longs(words.getAsJsonArray("all")));
          EncodedExample cut = Encoder.tokens(tokenizer, TAGS, 6).encode(example);
          assertThat(cut.labels()).containsExactly(longs(words.getAsJsonArray("cut")));
          assertThat(cut.cut().input()).isEqualTo(Math.max(0, first.length() - 6));
        }
      }
    }
  }

  @Test
  void everyWordHasItsLabelInSomeWindow() throws IOException {
    try (Tokenizer tokenizer = tokenizer("bert")) {
      List<String> words = IntStream.range(0, 30).mapToObj(i -> "cat" + i).toList();
      TokensExample example = new TokensExample(words, words.stream().map(w -> "B-PER").toList());

      List<EncodedExample> rows = Encoder.tokens(tokenizer, TAGS, 12, 0, false).rows(example);

      assertThat(rows).hasSizeGreaterThan(5).allMatch(row -> row.length() <= 12);
      assertThat(rows.stream().flatMapToLong(r -> Arrays.stream(r.labels())).filter(l -> l == 1))
          .hasSize(30);
      EncodedDataset data =
          EncodedDataset.of(
              Examples.of(new TokensExample(List.of("a"), List.of("O")), example),
              Encoder.tokens(tokenizer, TAGS, 12, 0, false));
      assertThat(data.position(0)).isZero();
      assertThat(data.position(data.size() - 1)).isEqualTo(1);
      assertThat(data.sourceOf(data.size() - 1)).isSameAs(example);
    }
  }

  @Test
  void numbersStandForTags() throws IOException {
    try (Tokenizer tokenizer = tokenizer("bert")) {
      TokensExample example = new TokensExample(List.of("newest-lowest"), List.of("3"));
      Labels numbers = TAGS.asWritten(List.of("3"));

      long[] labels = Encoder.tokens(tokenizer, numbers, 64, -1, true).encode(example).labels();

      assertThat(Arrays.stream(labels).filter(l -> l >= 0).distinct()).containsExactly(3L, 4L);
    }
  }

  @Test
  void wrongExamplesAreRefused() {
    assertThatThrownBy(() -> new TokensExample(List.of("a", "b"), List.of("O")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("2 words, but 1 tags");
    assertThatThrownBy(() -> new QuestionExample("q", "the cat", "cat", 3))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("it stands at 4");
  }

  @Test
  void aQuestionThatLeavesNoRoomIsRefused() throws IOException {
    try (Tokenizer tokenizer = tokenizer("bert")) {
      QuestionExample example =
          new QuestionExample("the the the the the the", "the cat", List.of());

      assertThatThrownBy(() -> Encoder.question(tokenizer, 6, 2).rows(example))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("the question has 9 tokens");
    }
  }

  private static Masker masker(Masking masking, long seed) {
    return new Masker(masking, 4, 200, seed);
  }

  private static EncodedExample plain(int length) {
    long[] ids = LongStream.range(0, length).map(i -> 100 + i % 50).toArray();
    long[] words = LongStream.range(0, length).map(i -> i % 10 == 0 ? -100 : i).toArray();
    return EncodedExample.ofTokens(ids, words);
  }

  @Test
  void sharesAreThoseOfTheRule() {
    EncodedExample text = plain(100_000);

    EncodedExample drawn = masker(Masking.DEFAULT, 1).draw(text, 0, 0);

    int toFind = 0;
    int masked = 0;
    int same = 0;
    for (int i = 0; i < text.length(); i++) {
      if (drawn.labels()[i] == EncodedExample.IGNORED) {
        assertThat(drawn.inputIds()[i]).isEqualTo(text.inputIds()[i]);
        continue;
      }
      assertThat(i % 10).as("special tokens are never masked").isNotZero();
      assertThat(drawn.labels()[i]).isEqualTo(text.inputIds()[i]);
      toFind++;
      masked += drawn.inputIds()[i] == 4 ? 1 : 0;
      same += drawn.inputIds()[i] == text.inputIds()[i] ? 1 : 0;
    }
    assertThat(toFind / 90_000.0).isCloseTo(0.15, within(0.006));
    assertThat(masked / (double) toFind).isCloseTo(0.8, within(0.02));
    assertThat(same / (double) toFind).isCloseTo(0.1, within(0.02));
  }

  @Test
  void masksDependOnSeedEpochAndPlaceAlone() {
    EncodedExample text = plain(200);
    Masker one = masker(Masking.DEFAULT, 1);

    long[] labels = one.draw(text, 3, 5).labels();

    assertThat(masker(Masking.DEFAULT, 1).draw(text, 3, 5).labels()).containsExactly(labels);
    assertThat(one.draw(text, 4, 5).labels()).isNotEqualTo(labels);
    assertThat(one.draw(text, 3, 6).labels()).isNotEqualTo(labels);
    assertThat(masker(Masking.DEFAULT, 2).draw(text, 3, 5).labels()).isNotEqualTo(labels);
    EncodedDataset data = new EncodedDataset(List.of(text)).maskedBy(one);
    assertThat(data.select(0).get(0).labels()).isEqualTo(data.select(0).get(0).labels());
    assertThat(data.drawn(1, 0).get(0).labels()).isNotEqualTo(data.drawn(2, 0).get(0).labels());
  }

  @Test
  void tokensOfAWordAreMaskedTogether() throws IOException {
    try (Tokenizer tokenizer = tokenizer("bert")) {
      TextExample text = new TextExample("newest-lowest widest cat " + "newest lower ".repeat(30));
      EncodedExample encoded = Encoder.masked(tokenizer, 512, true).encode(text);

      EncodedExample drawn =
          masker(Masking.DEFAULT.wholeWords(true).probability(0.5), 1).draw(encoded, 0, 0);

      assertThat(encoded.labels()[1]).isZero();
      for (int i = 1; i < encoded.length(); i++) {
        if (encoded.labels()[i] >= 0 && encoded.labels()[i] == encoded.labels()[i - 1]) {
          assertThat(drawn.labels()[i] < 0).isEqualTo(drawn.labels()[i - 1] < 0);
        }
        assertThat(drawn.inputIds()[i])
            .isEqualTo(drawn.labels()[i] < 0 ? encoded.inputIds()[i] : 4);
      }
      assertThat(Arrays.stream(drawn.labels()).filter(l -> l >= 0)).isNotEmpty();
    }
  }

  @Test
  void textsAreJoinedIntoBlocks() throws IOException {
    try (Tokenizer tokenizer = tokenizer("bert")) {
      EncodedDataset texts =
          EncodedDataset.of(
              Examples.of(new TextExample("the cat"), new TextExample("the dog reads the mat")),
              Encoder.masked(tokenizer, Integer.MAX_VALUE, false));
      long[] all =
          texts.examples().stream().flatMapToLong(e -> Arrays.stream(e.inputIds())).toArray();

      TextBlocks.Blocks blocks = TextBlocks.of(texts, 5);

      assertThat(blocks.rows().examples()).allMatch(row -> row.length() == 5);
      assertThat(blocks.rows().size()).isEqualTo(all.length / 5);
      assertThat(blocks.dropped()).isEqualTo(all.length % 5);
      assertThat(blocks.rows().examples().get(1).inputIds())
          .containsExactly(Arrays.copyOfRange(all, 5, 10));
      assertThat(TextBlocks.of(texts, 500).rows().examples().get(0).inputIds())
          .containsExactly(all);
    }
  }
}
