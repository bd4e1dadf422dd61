package io.github.peft4j.metrics.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What Python's {@code str} does; BLEU and ROUGE hold it to more texts. */
class PythonTextTest {

  @Test
  void lowersAsPython() {
    assertThat(PythonText.lower("İI")).isEqualTo("i\u0307i");
    assertThat(PythonText.lower("ΣΑΣ Σ ΑΣ' ΑΣ.Α ΑΣ\u0301Σ ΑΣ1"))
        .isEqualTo("σας σ ας' ασ.α ασ\u0301ς ας1");
    assertThat(PythonText.lower("ẞǅ\ud801\udc00")).isEqualTo("ßǆ\ud801\udc28");
  }

  @Test
  void splitsAsPython() {
    assertThat(PythonText.split("\u00a0a\u3000b\u001cc\u0085d\u200be\u2028 "))
        .containsExactly("a", "b", "c", "d\u200be");
    assertThat(PythonText.split("")).isEmpty();
    assertThat(PythonText.stripTrailing(" a\u00a0\n")).isEqualTo(" a");
  }

  @Test
  void roundsAsPython() {
    assertThat(Numbers.fixed(2.675, 2)).isEqualTo("2.67");
    assertThat(Numbers.fixed(0.125, 2)).isEqualTo("0.12");
    assertThat(Numbers.fixed(100, 1)).isEqualTo("100.0");
  }
}
