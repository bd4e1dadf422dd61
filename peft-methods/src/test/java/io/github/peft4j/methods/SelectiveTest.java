package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.selective.Select;
import io.github.peft4j.methods.selective.SelectiveConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What selectors choose. */
class SelectiveTest {

  @TempDir Path folder;

  static Iterable<String> types() throws IOException {
    return TinyFamily.all().keySet();
  }

  private PeftModel load(String type) throws IOException {
    requireNonNull(TinyFamily.all().get(type)).write(folder);
    return TinyFamily.load(folder);
  }

  /** The trained tensors of the model, but for a classifier, which every method trains. */
  private static Set<String> chosen(PeftModel model, PeftConfig config) {
    model.adapt("chosen", config);
    Set<String> names =
        model.adapter("chosen").tensors().keySet().stream()
            .map(name -> name.replace("base_model.model.", "").replace("ln_tuning_layers.", ""))
            .filter(name -> !name.matches("(pre_)?classifier.*|score.*"))
            .collect(Collectors.toCollection(TreeSet::new));
    model.remove("chosen");
    return names;
  }

  private static Set<String> chosen(PeftModel model, Select select) {
    return chosen(model, SelectiveConfig.of(select));
  }

  @ParameterizedTest
  @MethodSource("types")
  void embeddingsLayersHeadAndTheLastNormAreTheWholeModel(String type) throws IOException {
    try (PeftModel model = load(type)) {
      Set<String> all = chosen(model, Select.all());
      Set<String> embeddings = chosen(model, Select.embeddings());
      int[] indices = IntStream.range(0, type.equals("albert") ? 1 : 2).toArray();
      Set<String> layers = chosen(model, Select.layers(indices));
      assertThat(embeddings).isNotEmpty().doesNotContainAnyElementsOf(layers);
      Set<String> rest = new TreeSet<>(all);
      rest.removeAll(embeddings);
      rest.removeAll(layers);
      Set<String> lastNorms =
          rest.stream()
              .filter(name -> name.matches(".*(ln_f|[a-z_]*norm)\\.(weight|bias)"))
              .filter(name -> !name.startsWith("head."))
              .collect(Collectors.toSet());
      rest.removeAll(lastNorms);
      if (!rest.isEmpty()) {
        assertThat(chosen(model, Select.head())).isEqualTo(rest);
      }
      assertThat(chosen(model, FullConfig.defaults())).isEqualTo(all);
      assertThat(chosen(model, Select.norms())).isEqualTo(chosen(model, LnTuningConfig.defaults()));
    }
  }

  /** The tensors that the authors' code leaves trainable, by fairseq's names. */
  @ParameterizedTest
  @CsvSource({"bart, encoder", "mbart, encoder", "bart, decoder", "mbart, decoder"})
  void crossAttentionIsThatOfTheAuthorsCode(String type, String side) throws IOException {
    try (PeftModel model = load(type)) {
      String embeddings = "(shared|SIDE\\.embed_positions|SIDE\\.layernorm_embedding)\\..*";
      Set<String> theirs =
          chosen(model, Select.all()).stream()
              .filter(
                  name ->
                      name.contains("encoder_attn")
                          || name.matches("model\\." + embeddings.replace("SIDE", side)))
              .collect(Collectors.toCollection(TreeSet::new));
      SelectiveConfig config =
          side.equals("encoder")
              ? SelectiveConfig.crossAttentionAndSource()
              : SelectiveConfig.crossAttentionAndTarget();
      assertThat(chosen(model, config)).isEqualTo(theirs).hasSize(20 + 4);
      assertThat(chosen(model, SelectiveConfig.crossAttention())).hasSize(20);
    }
  }

  @Test
  void partsCombine() throws IOException {
    try (PeftModel model = load("bert")) {
      Set<String> top = chosen(model, Select.topLayers(1));
      assertThat(top).hasSize(16).allMatch(name -> name.startsWith("bert.encoder.layer.1."));
      assertThat(chosen(model, Select.layers(1))).isEqualTo(top);
      assertThat(chosen(model, SelectiveConfig.topTwo()))
          .contains("bert.pooler.dense.weight", "bert.encoder.layer.0.output.dense.bias")
          .noneMatch(name -> name.contains("embeddings"))
          .hasSize(34);
      assertThat(chosen(model, Select.norms().within(Select.topLayers(1)))).hasSize(4);
      assertThat(chosen(model, Select.topLayers(1).minus(Select.norms()).minus(Select.biases())))
          .hasSize(6);
      assertThat(chosen(model, Select.biases())).isEqualTo(chosen(model, BitFitConfig.defaults()));
      assertThat(chosen(model, Select.names(".*\\.query\\.weight"))).hasSize(2);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llama | \"biases\" | chooses no tensor of this model",
        "llama | {\"names\": \".*q_porj.*\"} | chooses no tensor of this model",
        "llama | {\"within\": [\"embeddings\", \"norms\"]} | chooses no tensor of this model",
        "gpt2 | \"head\" | shares the token table",
        "llama | \"cross_attention\" | no encoder-decoder",
        "llama | \"encoder\" | no encoder-decoder",
        "llama | {\"top_layers\": 3} | top_layers 3; expected 1 to 2",
        "llama | {\"top_layers\": 0} | top_layers 0; expected 1 to 2",
        "llama | {\"layers\": [0, 2]} | layers [0, 2]; expected some of [0, 1]",
        "llama | {\"layers\": []} | layers []; expected some of [0, 1]"
      })
  void aPartThatTheModelLacksIsAnError(String type, String select, String message)
      throws IOException {
    try (PeftModel model = load(type)) {
      SelectiveConfig config = SelectiveConfig.of(Select.fromJson(JsonParser.parseString(select)));
      assertThatThrownBy(() -> model.adapt(config))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("SelectiveConfig: field 'select'")
          .hasMessageContaining(message);
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void aSelectorIsReadableJson() {
    Select select = Select.crossAttention().plus(Select.embeddings().within(Select.encoder()));
    String json = "{\"plus\":[\"cross_attention\",{\"within\":[\"embeddings\",\"encoder\"]}]}";
    assertThat(select).hasToString(json).isEqualTo(Select.fromJson(JsonParser.parseString(json)));
    Stream.of(
            Select.layers(0, 3),
            Select.topLayers(2).minus(Select.names("a|b")),
            Select.all(),
            Select.head())
        .forEach(each -> assertThat(Select.fromJson(each.toJson())).isEqualTo(each));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"heads\"",
        "3",
        "{}",
        "{\"top_layers\": 1.5}",
        "{\"top_layers\": \"two\"}",
        "{\"layers\": 1}",
        "{\"plus\": [\"head\"]}",
        "{\"plus\": \"head\"}",
        "{\"and\": [\"head\", \"norms\"]}",
        "{\"top_layers\": 1, \"names\": \"a\"}"
      })
  void anythingElseIsRefused(String json) {
    assertThatThrownBy(
            () ->
                Configs.read(
                    SelectiveConfig.class,
                    JsonParser.parseString("{\"select\": " + json + "}").getAsJsonObject(),
                    "adapter_config.json"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("adapter_config.json: field 'select' is ")
        .hasMessageContaining("cross_attention, decoder");
  }

  @Test
  void aPatternIsChecked() {
    assertThatThrownBy(() -> Select.names("layer.(1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("names \"layer.(1\" is not a regular expression");
  }
}
