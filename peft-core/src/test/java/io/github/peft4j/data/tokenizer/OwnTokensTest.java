package io.github.peft4j.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Special tokens that a text has itself are not added a second time, in any task. */
class OwnTokensTest {

  @TempDir Path folder;

  private Tokenizer tokenizer(String name) throws IOException {
    GoldenTokenizers.write(name + ".json", folder);
    return Tokenizer.load(folder);
  }

  private static Encoding encoding(long[] ids, long... added) {
    return new Encoding(ids, new long[ids.length], new long[ids.length], added);
  }

  private static long[] once(long[] ids, long... added) {
    return OwnTokens.once(encoding(ids, added)).ids();
  }

  @Test
  void addedTokensThatStandBesideTheSameOnesAreLeftOut() {
    assertThat(once(new long[] {1, 1, 7, 2, 2}, 1, 0, 0, 0, 1)).containsExactly(1, 7, 2);
    assertThat(once(new long[] {1, 7, 2}, 1, 0, 1)).containsExactly(1, 7, 2);
    assertThat(once(new long[] {1, 1, 1, 7}, 1, 0, 0, 0)).containsExactly(1, 1, 7);
    assertThat(once(new long[] {5, 1, 1, 7}, 1, 1, 0, 0)).containsExactly(5, 1, 7);
    assertThat(once(new long[] {0, 7, 2, 2, 2, 8, 2}, 1, 0, 0, 1, 1, 0, 1))
        .as("RoBERTa's pairs have two between")
        .containsExactly(0, 7, 2, 2, 8, 2);
    assertThat(once(new long[] {1, 2}, 1, 1)).as("an empty text").containsExactly(1, 2);
    assertThat(once(new long[] {})).isEmpty();
  }

  @Test
  void anEncodersTextMayHaveItsTokens() throws IOException {
    try (Tokenizer tokenizer = tokenizer("bert")) {
      long[] plain = tokenizer.encode("the cat");
      long[] pair = tokenizer.encode("the cat", "dog");
      assertThat(tokenizer.encode("[CLS] the cat [SEP]"))
          .as("as transformers")
          .hasSize(plain.length + 2);
      assertThat(tokenizer.input("[CLS] the cat [SEP]", null).ids()).isEqualTo(plain);
      assertThat(tokenizer.input("[CLS] the cat [SEP]", "dog [SEP]").ids()).isEqualTo(pair);
      assertThat(tokenizer.input("[CLS] the cat [SEP]", "dog [SEP]").typeIds())
          .isEqualTo(tokenizer.encoding("the cat", "dog").typeIds());
      Labels labels = Labels.of("a", "b");
      EncodedExample classified =
          Encoder.classification(tokenizer, labels, 9)
              .encode(new ClassificationExample("[CLS] the cat", "a"));
      EncodedExample scored =
          Encoder.regression(tokenizer, 1, 9)
              .encode(new RegressionExample("[CLS] the cat [SEP]", "dog [SEP]", 1));
      assertThat(classified.inputIds()).isEqualTo(plain);
      assertThat(scored.inputIds()).isEqualTo(pair);
    }
  }

  @Test
  void anEncoderDecodersTextsMayHaveTheirTokens() throws IOException {
    try (Tokenizer tokenizer = tokenizer("t5")) {
      EncodedExample plain =
          Encoder.sequenceToSequence(tokenizer, 9, 9).encode(new PromptExample("the cat", "dog"));
      EncodedExample own =
          Encoder.sequenceToSequence(tokenizer, 9, 9)
              .encode(new PromptExample("the cat</s>", "dog</s>"));
      assertThat(own.inputIds()).isEqualTo(plain.inputIds());
      assertThat(own.labels()).isEqualTo(plain.labels());
    }
  }
}
