package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.toy.TinyLlama;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextStreamTest {

  @TempDir Path folder;

  private final List<String> pieces = new ArrayList<>();

  /** Feeds tokens until a stop string ends the text; gives all text. */
  private String feed(long[] prompt, List<String> stops, long... ids) throws IOException {
    try (Tokenizer tokenizer = Tokenizer.load(TinyLlama.write(folder))) {
      TextStream stream = new TextStream(tokenizer, prompt, stops, pieces::add);
      for (long id : ids) {
        if (stream.add(id)) {
          break;
        }
      }
      stream.finish();
      assertThat(String.join("", pieces)).isEqualTo(stream.text());
      return stream.text();
    }
  }

  private static long[] bytes(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    long[] ids = new long[utf8.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = TinyLlama.BYTE_0 + (utf8[i] & 0xFF);
    }
    return ids;
  }

  @Test
  void charactersAreNeverSplit() throws IOException {
    assertThat(feed(new long[] {TinyLlama.BOS}, List.of(), bytes("né€😀!"))).isEqualTo("né€😀!");
    assertThat(pieces).containsExactly("n", "é", "€", "😀", "!");
  }

  @Test
  void aCutCharacterComesAtTheEnd() throws IOException {
    long[] half = {TinyLlama.id("a"), TinyLlama.BYTE_0 + 0xE2, TinyLlama.BYTE_0 + 0x82};

    assertThat(feed(new long[] {TinyLlama.BOS}, List.of(), half)).startsWith("a\uFFFD");
    assertThat(pieces).hasSize(2);
  }

  @Test
  void spacesStandWhereTheyDoInTheWhole() throws IOException {
    long[] ids = {TinyLlama.id("▁a"), TinyLlama.id("▁"), TinyLlama.id("▁b"), TinyLlama.id("c")};

    assertThat(feed(new long[] {TinyLlama.BOS}, List.of(), ids)).isEqualTo("a  bc");
    pieces.clear();
    assertThat(feed(new long[] {TinyLlama.BOS, TinyLlama.id("▁d")}, List.of(), ids))
        .isEqualTo(" a  bc");
    assertThat(pieces).containsExactly(" a", " ", " b", "c");
  }

  @Test
  void nothingOfAStopStringIsEmitted() throws IOException {
    long a = TinyLlama.id("a");
    long b = TinyLlama.id("b");
    long c = TinyLlama.id("c");

    // "ab" is held back twice: it may go on to the stop string, and the second time it does.
    assertThat(feed(new long[] {TinyLlama.BOS}, List.of("abc", "zz"), c, a, b, a, b, c, a))
        .isEqualTo("cab");
    assertThat(pieces).containsExactly("c", "ab");
  }

  @Test
  void whatWasHeldBackComesAtTheEnd() throws IOException {
    assertThat(feed(new long[] {TinyLlama.BOS}, List.of("ab"), TinyLlama.id("a"))).isEqualTo("a");
  }

  @Test
  void aStopStringWithinOneTokenCutsIt() throws IOException {
    assertThat(feed(new long[] {TinyLlama.BOS}, List.of("N"), TinyLlama.id("END"))).isEqualTo("E");
  }
}
