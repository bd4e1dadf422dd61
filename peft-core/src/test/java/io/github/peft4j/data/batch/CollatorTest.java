package io.github.peft4j.data.batch;

import static io.github.peft4j.data.batch.EncodedExample.IGNORED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.batch.Collator.Side;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import java.util.List;
import org.junit.jupiter.api.Test;

class CollatorTest {

  private static EncodedExample tokens(long... ids) {
    return EncodedExample.ofTokens(ids, ids);
  }

  @Test
  void padsOnTheRight() {
    Batch batch = new Collator(9).collate(List.of(tokens(1, 2, 3), tokens(4)));

    assertThat(batch.inputIds()).isDeepEqualTo(new long[][] {{1, 2, 3}, {4, 9, 9}});
    assertThat(batch.attentionMask()).isDeepEqualTo(new long[][] {{1, 1, 1}, {1, 0, 0}});
    assertThat(batch.labels()).isDeepEqualTo(new long[][] {{1, 2, 3}, {4, IGNORED, IGNORED}});
    assertThat(batch.tokenTypeIds()).isNull();
    assertThat(batch.tokens()).isEqualTo(4);
    assertThat(batch.labelCount()).isEqualTo(2);
    assertThat(batch).hasToString("batch of 2 x 3, 4 tokens");
  }

  @Test
  void padsOnTheLeftToAMultiple() {
    Batch batch =
        new Collator(9).on(Side.LEFT).toMultipleOf(4).collate(List.of(tokens(1, 2, 3), tokens(4)));

    assertThat(batch.inputIds()).isDeepEqualTo(new long[][] {{9, 1, 2, 3}, {9, 9, 9, 4}});
    assertThat(batch.attentionMask()).isDeepEqualTo(new long[][] {{0, 1, 1, 1}, {0, 0, 0, 1}});
    assertThat(batch.labels()[1]).containsExactly(IGNORED, IGNORED, IGNORED, 4);
  }

  @Test
  void classesAreAColumn() {
    EncodedExample one =
        new EncodedExample(new long[] {1, 2}, new long[] {0, 1}, new long[] {5}, Alignment.TEXT);
    EncodedExample two =
        new EncodedExample(new long[] {1}, new long[] {0}, new long[] {6}, Alignment.TEXT);

    Batch batch = new Collator(0).toMultipleOf(4).collate(List.of(one, two));

    assertThat(batch.labels()).isDeepEqualTo(new long[][] {{5}, {6}});
    assertThat(batch.tokenTypeIds()).isDeepEqualTo(new long[][] {{0, 1, 0, 0}, {0, 0, 0, 0}});
    assertThat(batch.labelCount()).isEqualTo(2);
  }

  @Test
  void targetsHaveALengthOfTheirOwn() {
    EncodedExample one = EncodedExample.ofTarget(new long[] {1, 2, 3}, new long[] {5});
    EncodedExample two = EncodedExample.ofTarget(new long[] {1}, new long[] {6, 7});

    Batch batch = new Collator(0).on(Side.LEFT).collate(List.of(one, two));

    assertThat(batch.inputIds()).isDeepEqualTo(new long[][] {{1, 2, 3}, {0, 0, 1}});
    assertThat(batch.labels()).isDeepEqualTo(new long[][] {{5, IGNORED}, {6, 7}});
    assertThat(batch.labelCount()).isEqualTo(3);
  }

  @Test
  void wrongArguments() {
    EncodedExample text = EncodedExample.ofText(new long[] {1}, 0);
    Collator collator = new Collator(0);
    assertThatThrownBy(() -> collator.collate(List.of())).hasMessageContaining("no examples");
    assertThatThrownBy(() -> collator.collate(List.of(text, tokens(1))))
        .hasMessageContaining("different tasks");
    assertThatThrownBy(() -> collator.toMultipleOf(0)).hasMessageContaining("multiple is 0");
    assertThatThrownBy(() -> tokens()).hasMessageContaining("no tokens");
  }
}
