package io.github.peft4j.data.batch;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.SharedFolder;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Prompts with their answers, as TRL tokenizes them: golden-chat/make_joined.py. */
class JoinedTextsTest {

  @TempDir private Path folder;

  private record Case(
      String tokenizer, String prompt, String answer, int alone, long[] ids, int start) {}

  private static List<Case> cases() throws IOException {
    String json = Files.readString(GoldenTokenizers.resources("golden-chat/joined.json"));
    return new Gson().fromJson(json, new TypeToken<List<Case>>() {}.getType());
  }

  private static long[] labels(Case golden) {
    long[] labels = golden.ids().clone();
    Arrays.fill(labels, 0, golden.start(), EncodedExample.IGNORED);
    return labels;
  }

  @Test
  void idsAndLabelsAreThoseOfTrl() throws IOException {
    Map<String, Tokenizer> tokenizers = new LinkedHashMap<>();
    int reaching = 0;
    for (Case golden : cases()) {
      Tokenizer tokenizer = tokenizers.get(golden.tokenizer());
      if (tokenizer == null) {
        Path own = Files.createDirectory(folder.resolve(golden.tokenizer()));
        GoldenTokenizers.write(golden.tokenizer() + ".json", own);
        tokenizer = Tokenizer.load(own);
        tokenizers.put(golden.tokenizer(), tokenizer);
      }
      EncodedExample ours =
          Encoder.prompt(tokenizer, 99).encode(new PromptExample(golden.prompt(), golden.answer()));
      assertThat(ours.inputIds()).as(golden.toString()).isEqualTo(golden.ids());
      assertThat(ours.labels()).as(golden.toString()).isEqualTo(labels(golden));
      reaching += golden.start() < golden.alone() ? 1 : 0;
    }
    tokenizers.values().forEach(Tokenizer::close);
    assertThat(tokenizers).hasSizeGreaterThan(10);
    assertThat(reaching).isGreaterThan(20);
  }

  /** A tokenizer whose texts begin with {@code <s>}, as Llama 2's. */
  private Tokenizer llama() throws IOException {
    GoldenTokenizers.write("llama2.json", folder);
    return Tokenizer.load(folder);
  }

  @Test
  void aRenderedTextGetsNoSecondBeginning() throws IOException {
    try (Tokenizer tokenizer = llama()) {
      long[] plain = tokenizer.encode("The cat sat", false);
      long[] rendered = tokenizer.encode("<s>The cat sat", false);
      assertThat(rendered[0]).isEqualTo(1);
      assertThat(tokenizer.encode("<s>The cat sat")).startsWith(1, 1); // transformers' ids

      assertThat(tokenizer.encodePrompt("<s>The cat sat")).isEqualTo(rendered);
      assertThat(tokenizer.encodePrompt("The cat sat")).startsWith(1, plain[0]);
      assertThat(tokenizer.encodeText("<s><s>The cat sat"))
          .startsWith(1, 1)
          .hasSize(plain.length + 2);
      assertThat(tokenizer.encodeText("<s>")).containsExactly(1);
      assertThat(tokenizer.encodeText("")).containsExactly(1);
    }
  }

  @Test
  void trainingAndGenerationSeeTheSameBeginning() throws IOException {
    String prompt = "<s>The cat sat";
    try (Tokenizer tokenizer = llama()) {
      long[] generated = tokenizer.encodePrompt(prompt);
      List<EncodedExample> rows =
          List.of(
              Encoder.prompt(tokenizer, 99).encode(new PromptExample(prompt, " on the mat.")),
              Encoder.preference(tokenizer, 99)
                  .encode(new PreferenceExample(prompt, " on the mat.", " reads")),
              Encoder.text(tokenizer, 99).encode(new TextExample(prompt + " on the mat.")));
      for (EncodedExample row : rows) {
        assertThat(row.inputIds()).startsWith(generated);
        assertThat(Arrays.stream(row.inputIds()).filter(id -> id == 1)).hasSize(1);
      }
    }
  }

  private static String logged(Runnable code) {
    PrintStream before = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      code.run();
    } finally {
      System.setErr(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static String logged(Tokenizer tokenizer, PromptExample... examples) {
    return logged(() -> EncodedDataset.of(Examples.of(examples), Encoder.prompt(tokenizer, 99)));
  }

  @Test
  void bordersThatAreHardlyMeantAreNamedOnce() throws IOException {
    try (Tokenizer tokenizer = llama()) {
      PromptExample word = new PromptExample("the dog", "reads");
      assertThat(logged(tokenizer, word, word))
          .containsOnlyOnce("the prompt 'the dog' and its answer 'reads' become one word")
          .containsOnlyOnce("WARN");
      PromptExample blank = new PromptExample("the dog ", "reads");
      assertThat(logged(tokenizer, blank, blank))
          .containsOnlyOnce("the prompt 'the dog ' has other tokens when its answer follows")
          .containsOnlyOnce("WARN");
      assertThat(
              logged(
                  tokenizer,
                  new PromptExample("the dog", " reads"),
                  new PromptExample("the dog:\n", "reads"),
                  new PromptExample("the dog?", "reads"),
                  new PromptExample("東", "京")))
          .isEmpty();
    }
  }

  @Test
  void aTokenizerThatAddsNoBeginningKeepsWhatIsWritten() throws IOException {
    GoldenTokenizers.write("gpt2.json", folder);
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      String twice = "<|endoftext|><|endoftext|>The cat";
      assertThat(tokenizer.encodeText(twice)).isEqualTo(tokenizer.encode(twice)).startsWith(0, 0);
    }
  }

  @Test
  void spacesOfSentencePieceAreNotDoubled() {
    Path stories = SharedFolder.require("models/stories260K");
    try (Tokenizer tokenizer = Tokenizer.load(stories)) {
      Encoder<PromptExample> encoder = Encoder.prompt(tokenizer, 99);
      long[] joined = {1, 403, 407, 261, 378, 2}; // "Once upon a time" by transformers, and </s>
      for (PromptExample each :
          List.of(
              new PromptExample("Once upon a", " time"),
              new PromptExample("Once upon a ", "time"),
              new PromptExample("<s>Once upon a", " time"))) {
        assertThat(encoder.encode(each).inputIds()).as(each.toString()).isEqualTo(joined);
      }
      assertThat(tokenizer.encodePrompt("<s>Once upon a")).containsExactly(1, 403, 407, 261);
    }
  }
}
