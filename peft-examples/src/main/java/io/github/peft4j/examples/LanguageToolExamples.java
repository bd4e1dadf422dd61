package io.github.peft4j.examples;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;

/**
 * English sentences with and without mistakes: the examples in LanguageTool's grammar rules ({@code
 * org.languagetool:language-en}, LGPL). One in ten, by the CRC-32 of the sentence, is for testing.
 *
 * @param train the training data
 * @param test the test data
 */
public record LanguageToolExamples(
    Dataset<ClassificationExample> train, Dataset<ClassificationExample> test) {

  static final String ACCEPTABLE = "acceptable";
  static final String UNACCEPTABLE = "unacceptable";

  private static final String GRAMMAR = "/org/languagetool/rules/en/grammar.xml";
  private static final Pattern EXAMPLE =
      Pattern.compile("<example([^>]*)>(.*?)</example>", Pattern.DOTALL);
  private static final int SHORTEST = 12;
  private static final int LONGEST = 300;

  /** Reads the sentences from the jar on the class path. */
  public static LanguageToolExamples load() {
    try (InputStream in = LanguageToolExamples.class.getResourceAsStream(GRAMMAR)) {
      if (in == null) {
        throw new IllegalStateException(GRAMMAR + " is not on the class path: add language-en");
      }
      return of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The sentences of a grammar.xml, without those that it has both as right and as wrong. */
  static LanguageToolExamples of(String grammar) {
    Map<String, TreeSet<String>> labels = new LinkedHashMap<>();
    Matcher example = EXAMPLE.matcher(grammar);
    while (example.find()) {
      String attributes = example.group(1);
      String sentence = text(example.group(2));
      int length = sentence.codePointCount(0, sentence.length());
      if (length >= SHORTEST && length <= LONGEST) {
        boolean wrong =
            attributes.contains("correction") || attributes.contains("type=\"incorrect\"");
        labels
            .computeIfAbsent(sentence, key -> new TreeSet<>())
            .add(wrong ? UNACCEPTABLE : ACCEPTABLE);
      }
    }
    List<ClassificationExample> train = new ArrayList<>();
    List<ClassificationExample> test = new ArrayList<>();
    labels.forEach(
        (sentence, both) -> {
          if (both.size() == 1) {
            (isForTesting(sentence) ? test : train)
                .add(new ClassificationExample(sentence, both.first()));
          }
        });
    return new LanguageToolExamples(new Dataset<>(train), new Dataset<>(test));
  }

  private static String text(String xml) {
    return xml.replaceAll("<[^>]+>", "")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
        .strip();
  }

  private static boolean isForTesting(String sentence) {
    CRC32 crc = new CRC32();
    crc.update(sentence.getBytes(StandardCharsets.UTF_8));
    return crc.getValue() % 10 == 0;
  }

  @Override
  public String toString() {
    return "%,d sentences to learn from (%,d of them unacceptable), %,d to measure with (%,d)"
        .formatted(train.size(), wrong(train), test.size(), wrong(test));
  }

  private static int wrong(Dataset<ClassificationExample> sentences) {
    return sentences.filter(sentence -> sentence.label().equals(UNACCEPTABLE)).size();
  }
}
