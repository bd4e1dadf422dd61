package io.github.peft4j.data.batch;

import static io.github.peft4j.data.batch.EncodedExample.IGNORED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.Tokenizers;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Truncation;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class EncoderTest {

  private static final Tokenizer BERT = tokenizer(Tokenizers.bert());
  private static final Tokenizer CAUSAL = tokenizer(Tokenizers.causal());
  private static final Labels LABELS = Labels.of("no", "yes");

  private static Tokenizer tokenizer(String json) {
    return Tokenizer.load(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)));
  }

  @AfterAll
  static void close() {
    BERT.close();
    CAUSAL.close();
  }

  private static EncodedExample classification(int maxLength, String text, @Nullable String pair) {
    return Encoder.classification(BERT, LABELS, maxLength)
        .encode(new ClassificationExample(text, pair, "yes"));
  }

  @Test
  void classificationKeepsSpecialTokensWhenCut() {
    EncodedExample whole = classification(7, "a b c d e", null);
    assertThat(whole.inputIds()).containsExactly(1, 3, 4, 5, 6, 8, 2);
    assertThat(whole.labels()).containsExactly(1);

    EncodedExample cut = classification(4, "a b c d e", null);
    assertThat(cut.inputIds()).containsExactly(1, 3, 4, 2);
    assertThat(cut.tokenTypeIds()).containsExactly(0, 0, 0, 0);
  }

  @Test
  void answersOfPreferencesAreTokenizedWithTheirPrompt() {
    // "ab" is no word of the vocabulary: the answers begin before the end of the prompt.
    EncodedExample pair =
        Encoder.preference(CAUSAL, 9).encode(new PreferenceExample("c a", "b d", " e"));
    assertThat(pair.inputIds()).containsExactly(1, 5, 0, 6, 2);
    assertThat(pair.labels()).containsExactly(IGNORED, IGNORED, 0, 6, 2);
    EncodedExample rejected = pair.others().get(0);
    assertThat(rejected.inputIds()).containsExactly(1, 5, 3, 7, 2);
    assertThat(rejected.labels()).containsExactly(IGNORED, IGNORED, 3, 7, 2);
  }

  @Test
  void answersOfPreferencesAreCutAtTheirEnd() {
    EncodedDataset data =
        EncodedDataset.of(
            Examples.of(
                new PreferenceExample("a ", "b", "c d e"), new PreferenceExample("a ", "b", "c")),
            Encoder.preference(CAUSAL, 4));
    EncodedExample rejected = data.examples().get(0).others().get(0);
    assertThat(rejected.inputIds()).containsExactly(1, 3, 5, 6);
    assertThat(rejected.cut().answer()).isEqualTo(2);
    assertThat(data.cutExamples()).isEqualTo(1);
    assertThat(data.longest()).isEqualTo(6);
    assertThat(data.lengths()).containsExactly(4, 4);
    assertThat(data.tokens()).isEqualTo(16);
    assertThatThrownBy(
            () -> Encoder.preference(CAUSAL, 2).encode(new PreferenceExample("a b ", "c", "d e")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("the prompt alone has 3 tokens, and maxLength is 2")
        .hasMessageContaining("Raise it to 6");
  }

  @Test
  void theLongerOfAPairIsCutFirst() {
    EncodedExample cut = classification(7, "a b c d e", "a b");
    assertThat(cut.inputIds()).containsExactly(1, 3, 4, 2, 3, 4, 2);
    assertThat(cut.tokenTypeIds()).containsExactly(0, 0, 0, 0, 1, 1, 1);

    assertThat(classification(6, "a", "a b c d").inputIds()).containsExactly(1, 3, 2, 3, 4, 2);
    assertThatThrownBy(() -> classification(2, "a", "b")).hasMessageContaining("Raise it by 1");
    assertThatThrownBy(() -> classification(0, "a", "b")).hasMessageContaining("maxLength is 0");
  }

  @Test
  void sharesAreThoseOfLongestFirst() {
    assertThat(Truncation.share(5, 2, 4)).containsExactly(2, 2);
    assertThat(Truncation.share(5, 5, 5)).containsExactly(2, 3);
    assertThat(Truncation.share(6, 5, 5)).containsExactly(3, 2);
    assertThat(Truncation.share(9, 1, 6)).containsExactly(5, 1);
    assertThat(Truncation.share(1, 9, 6)).containsExactly(1, 5);
    assertThat(Truncation.share(2, 2, 9)).containsExactly(2, 2);
  }

  @Test
  void promptIsReadAndAnswerLearned() {
    EncodedExample encoded = Encoder.prompt(CAUSAL, 9).encode(new PromptExample("a b", " c d"));

    assertThat(encoded.inputIds()).containsExactly(1, 3, 4, 5, 6, 2);
    assertThat(encoded.labels()).containsExactly(IGNORED, IGNORED, IGNORED, 5, 6, 2);
    assertThat(encoded.tokenTypeIds()).isNull();
  }

  @Test
  void promptIsCutAtItsStartAndAnswerNever() {
    PromptExample example = new PromptExample("a b c d e", " c d");

    assertThat(Encoder.prompt(CAUSAL, 6).encode(example).inputIds())
        .containsExactly(1, 6, 7, 5, 6, 2);
    assertThat(Encoder.prompt(CAUSAL, 4).encode(example).inputIds()).containsExactly(7, 5, 6, 2);
    assertThatThrownBy(() -> Encoder.prompt(CAUSAL, 3).encode(example))
        .isInstanceOf(DataException.class)
        .hasMessage(
            "the answer has 3 tokens with the end of text, but maxLength is 3."
                + " Raise it to 4 or filter such examples out; FineTuner's skipTooLong() leaves them"
                + " out");
  }

  @Test
  void endOfTextIsNotDoubled() {
    EncodedExample encoded =
        Encoder.prompt(CAUSAL, 9).encode(new PromptExample("a </s>", "b </s>"));
    assertThat(encoded.inputIds()).containsExactly(1, 3, 2, 4, 2);
    assertThat(encoded.labels()).containsExactly(IGNORED, IGNORED, IGNORED, 4, 2);
    assertThat(CAUSAL.encodePrompt("a </s>")).containsExactly(1, 3, 2);
  }

  @Test
  void textIsReadAndLearned() {
    EncodedExample encoded = Encoder.text(CAUSAL, 9).encode(new TextExample("a b"));
    assertThat(encoded.inputIds()).containsExactly(1, 3, 4, 2);
    assertThat(encoded.labels()).containsExactly(1, 3, 4, 2);
    assertThat(Encoder.text(CAUSAL, 2).encode(new TextExample("a b")).inputIds())
        .containsExactly(1, 3);
  }

  @Test
  void targetsOfAnEncoderDecoderAreTheirOwnRow() {
    EncodedExample encoded =
        Encoder.sequenceToSequence(BERT, 4, 3).encode(new PromptExample("a b c", "d e"));
    assertThat(encoded.inputIds()).containsExactly(1, 3, 4, 2);
    assertThat(encoded.labels()).containsExactly(1, 6, 2);
  }

  @Test
  void dataSetsAreEncodedInOrder() {
    Dataset<TextExample> data =
        Examples.of(
            IntStream.range(0, 500).mapToObj(i -> new TextExample("a ".repeat(i % 7))).toList());

    EncodedDataset encoded = EncodedDataset.of(data, Encoder.text(CAUSAL, 99));

    assertThat(encoded.lengths())
        .containsExactly(IntStream.range(0, 500).map(i -> i % 7 + 2).toArray());
    assertThat(encoded.tokens()).isEqualTo(IntStream.of(encoded.lengths()).sum());
    assertThat(encoded.select(8, 1)).allMatch(example -> example.length() == 3);
    assertThat(encoded).hasToString("500 encoded examples of 2,494 tokens, 8 at most");
  }

  @Test
  void anExampleThatCannotBeEncodedIsNamed() {
    Dataset<ClassificationExample> data =
        Examples.of(new ClassificationExample("a", "yes"), new ClassificationExample("b", "maybe"));

    assertThatThrownBy(() -> EncodedDataset.of(data, Encoder.classification(BERT, LABELS, 9)))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("example 1 ('b', 'maybe')")
        .hasMessageContaining("unknown label 'maybe': the labels are no, yes");
  }
}
