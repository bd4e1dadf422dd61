package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens that are added to a model with its tokenizer. */
class AddedTokensTest {

  @TempDir Path temporary;

  private Path folder;

  /** A model of 40 tokens, of which the tokenizer knows 38. */
  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(temporary.resolve("model"));
    try (Stream<Path> files = Files.list(TinyModels.golden("tiny-llama"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    String words =
        String.join(",", IntStream.range(3, 38).mapToObj(i -> "\"w" + i + "\":" + i).toList());
    Files.writeString(
        folder.resolve("tokenizer.json"),
        """
        {"version": "1.0", "added_tokens": [
          {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": true}],
         "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
         "decoder": null,
         "model": {"type": "WordLevel", "unk_token": "<unk>",
                   "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, %s}}}
        """
            .formatted(words));
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        """
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "</s>",
         "added_tokens_decoder": {"2": {"content": "</s>", "special": true, "normalized": false}}}
        """);
  }

  private PeftModel load() {
    return Peft.load(folder.toString());
  }

  @Test
  void tablesGrowWhenTheyAreFull() {
    try (PeftModel model = load()) {
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(38);
      assertThat(model.addTokens("<a>", "w3")).containsExactly(38, 3);
      assertThat(model.base().config().size("vocab_size")).isEqualTo(40); // a row was free
      assertThat(model.addSpecialTokens("<b>", "<c>", "<d>")).containsExactly(39, 40, 41);
      assertThat(model.base().config().size("vocab_size")).isEqualTo(42);

      Tokenizer tokenizer = model.tokenizer();
      assertThat(tokenizer.encode("w5<a>w6 <d>", false)).containsExactly(5, 38, 6, 41);
      assertThat(tokenizer.decode(new long[] {5, 41, 38})).isEqualTo("w5 <a>");
      assertThat(tokenizer.decode(new long[] {5, 41, 38}, false)).isEqualTo("w5 <d> <a>");
      assertThat(tokenizer.eosId()).hasValue(2);
      assertThat(model.generate("w5 <d>")).isNotNull();
    }
  }

  @Test
  void savedFoldersHaveTheTokens() throws IOException {
    Path merged = temporary.resolve("merged");
    try (PeftModel model = load()) {
      model.addTokens("<a>", "<b>", "<c>");
      model.adapt(LoraConfig.ofRank(2).targetModules("q_proj").trainableTokenIndices(38, 39, 40));
      model.saveMerged(merged.toString());
      model.tokenizer().save(temporary.resolve("words"));
    }
    assertThat(Files.readString(merged.resolve("tokenizer_config.json"))).contains("\"<c>\"");
    try (PeftModel again = Peft.load(merged.toString());
        Tokenizer words = Tokenizer.load(temporary.resolve("words"))) {
      assertThat(again.base().config().size("vocab_size")).isEqualTo(41);
      assertThat(again.tokenizer().encode("w4<c>")).containsExactly(4, 40);
      assertThat(words.encode("w4<c>")).containsExactly(4, 40);
    }
  }

  @Test
  void nothingChangesIfItFails() {
    try (PeftModel model = load()) {
      assertThatThrownBy(() -> model.addTokens("<a>", ""))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("[<a>, ]; expected texts that are not empty");
      model.adapt(LoraConfig.ofRank(2).targetModules("q_proj"));
      assertThatThrownBy(() -> model.addTokens("<a>"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("add tokens before adapt(…)");
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(38);
      assertThat(model.tokenizer().encode("<a>")).containsExactly(0);
    }
  }

  @Test
  void aTokenBeyondTheTableGetsItsRow() throws IOException {
    Path file = folder.resolve("tokenizer_config.json");
    Files.writeString(
        file,
        Files.readString(file)
            .replace(
                "\"pad_token\": \"</s>\"", "\"extra_special_tokens\": [\"<1>\",\"<2>\",\"<3>\"]"));
    try (PeftModel model = load()) {
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(41);
      assertThatThrownBy(() -> model.tokenizer().encode("w4 <3>"))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("resizeTokens(41)");
      model.resizeTokens(41);
      assertThat(model.tokenizer().encode("w4 <3>")).containsExactly(4, 40);
    }
  }

  @Test
  void numbersThatNoTableHasAreRefused() {
    try (PeftModel model = load()) {
      for (int[] sizes : new int[][] {{0, 1}, {2_000_000_000, 1}, {Integer.MAX_VALUE, 64}}) {
        assertThatThrownBy(() -> model.resizeTokens(sizes[0], sizes[1]))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("resizeTokens(" + sizes[0])
            .hasMessageContaining("expected");
      }
      assertThat(model.base().config().size("vocab_size")).isEqualTo(40);
    }
  }

  /** Rows were once joined to the table block by block: this took 20 GB and many minutes. */
  @Test
  void manyRowsTakeTheSpaceOfTheResult() {
    try (PeftModel model = load()) {
      model.resizeTokens(100_000);
      assertThat(model.base().config().size("vocab_size")).isEqualTo(100_000);
    }
  }

  /** The bias of a masked language model is a tensor of its own. */
  @Test
  void aBiasOfItsOwnGrowsWithTheTable() {
    try (PeftModel model = Peft.from(TinyModels.golden("tiny-bert-mlm")).load();
        Scope scope = new Scope()) {
      int words = model.base().config().size("vocab_size");
      model.resizeTokens(words + 7);
      ModelInput input = ModelInput.of(model.base().manager(), new long[][] {{3, 4}}, null);
      assertThat(model.base().logits(input).getShape().get(2)).isEqualTo(words + 7);
    }
  }
}
