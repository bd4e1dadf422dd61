package io.github.peft4j.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.data.batch.Batch;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FeedTest {

  private static final Shape TINY = Shape.of("tiny");

  @Test
  void evenRowsAreOneBatch() {
    Feed feed = Feed.even(TINY, 3, 20);

    assertThat(feed.batches()).hasSize(1);
    assertThat(feed.tokens()).isEqualTo(60);
    assertThat(feed.fill()).isEqualTo(1);
  }

  @Test
  void raggedRowsHoldTheSameTokensInNoMoreThanTheirPositions() {
    List<Feed> feeds =
        Feed.RAGGED.stream().map(rows -> Feed.ragged(rows, TINY, 4, 512, 5)).toList();

    assertThat(feeds).extracting(Feed::tokens).containsOnly(feeds.get(0).tokens());
    for (Feed feed : feeds) {
      assertThat(feed.batches()).allMatch(batch -> batch.size() * batch.length() <= 4 * 512);
    }
    assertThat(feeds.get(1).fill()).isGreaterThan(feeds.get(0).fill());
    assertThat(feeds.get(2).fill()).isGreaterThan(0.9);
    assertThat(feeds.get(2).batches())
        .hasSizeBetween(5, 6)
        .allMatch(batch -> batch.packed() != null);
  }

  @Test
  void batchesFillUpInOrder() {
    assertThat(Feed.inOrder(new int[] {4, 5, 6, 1, 20, 2}, 12))
        .containsExactly(new int[] {0, 1}, new int[] {2, 3}, new int[] {4}, new int[] {5});
  }

  /** The values that feed.py draws. */
  @Test
  void lengthsAreThoseOfThePythonSide() {
    Lengths lengths = new Lengths(200);

    assertThat(IntStream.generate(lengths::next).limit(8))
        .containsExactly(40, 130, 82, 133, 63, 106, 102, 121);
  }

  @Test
  void lengthsFollowTheQuantiles() {
    assertThat(Lengths.tokens(0)).isEqualTo(40);
    assertThat(Lengths.tokens(0.5)).isEqualTo(103);
    assertThat(Lengths.tokens(0.375)).isCloseTo(89.5, within(1e-9));
    assertThat(Lengths.tokens(1)).isEqualTo(1300);
    Lengths lengths = new Lengths(2048);
    assertThat(IntStream.generate(lengths::next).limit(10_000).average().orElseThrow())
        .isBetween(110.0, 130.0);
  }

  @Test
  void saysWhatCannotBeRagged() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Feed.ragged("packt", TINY, 1, 64, 1))
        .withMessage("no rows 'packt'; there are [padded, by-length, packed]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Feed.ragged("padded", Shape.of("minilm"), 1, 64, 1))
        .withMessageContaining("minilm has a label for each text");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Shape.of("2b"))
        .withMessageContaining("no shape '2b'; there are tiny, thin, minilm");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Method.of("lara"))
        .withMessageContaining("no method 'lara'; there are [lora, lora-qv");
  }

  @Test
  void anEncoderHasAClassForEachText() {
    Batch batch = Feed.even(Shape.of("minilm"), 2, 4).batches().get(0);

    assertThat(batch.labels()).isDeepEqualTo(new long[][] {{0}, {0}});
  }
}
