package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.data.ClassificationExample;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LanguageToolExamplesTest {

  /** Of the lines "label TAB sentence", as a Python script with the same rules makes them. */
  private static final String SHA_256 =
      "c0b1fab0b829837bc4f410f454d2a6675f6f5d1945cb2436f03cc6b3fe93a29d";

  @Test
  void areThoseThatPythonFinds() throws NoSuchAlgorithmException {
    LanguageToolExamples sentences = LanguageToolExamples.load();

    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    Stream.concat(sentences.train().examples().stream(), sentences.test().examples().stream())
        .map(sentence -> sentence.label() + "\t" + sentence.text() + "\n")
        .forEach(line -> digest.update(line.getBytes(StandardCharsets.UTF_8)));
    assertThat(sentences)
        .hasToString(
            "19,310 sentences to learn from (7,898 of them unacceptable),"
                + " 2,147 to measure with (906)");
    assertThat(HexFormat.of().formatHex(digest.digest())).isEqualTo(SHA_256);
  }

  @Test
  void leavesOutWhatIsShortLongOrBothRightAndWrong() {
    LanguageToolExamples sentences =
        LanguageToolExamples.of(
            """
            <example correction="its">A dog <marker>it's</marker> tail &amp; nose.</example>
            <example type="incorrect">He go home now.</example>
            <example>He goes home now.</example>
            <example>Too short.</example>
            <example>Right in one rule.</example>
            <example correction="">Right in one rule.</example>
            <example>%s</example>
            """
                .formatted("long ".repeat(61)));

    assertThat(
            Stream.concat(
                sentences.train().examples().stream(), sentences.test().examples().stream()))
        .containsExactlyInAnyOrder(
            new ClassificationExample("A dog it's tail & nose.", "unacceptable"),
            new ClassificationExample("He go home now.", "unacceptable"),
            new ClassificationExample("He goes home now.", "acceptable"));
  }
}
