package io.github.peft4j.methods.adapter;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models with more tokens than their files have, against PEFT: golden-resized/make_goldens.py. */
class ResizedTablesTest {

  private static final int ROWS = 43;

  @TempDir Path temporary;

  private static Path golden(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(ResizedTablesTest.class.getResource("/golden-resized/" + name))
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Path folderOf(String tables) {
    return tables.equals("tied") ? TinyModels.golden("tiny-llama") : golden("untied");
  }

  private static PeftModel base(String tables) {
    return Peft.load(folderOf(tables).toString());
  }

  /** Sets the trainable tensors to other values, as training would. */
  private static void disturb(PeftModel model) {
    Random random = new Random(5);
    for (Trainable tensor : model.trainables()) {
      float[] values = Tensors.floats(tensor.value());
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) random.nextGaussian() * 0.1F;
      }
      try (NDArray other = tensor.value().getManager().create(values, tensor.value().getShape())) {
        Tensors.copy(tensor.value(), other);
      }
    }
  }

  private static float[] logits(PeftModel model, Path expected) {
    try (Safetensors file = Safetensors.open(expected);
        NDArray ids =
            model.base().manager().create(file.longs("ids"), new Shape(file.info("ids").shape()));
        NDArray logits = model.logits(ModelInput.of(ids))) {
      return Tensors.floats(logits);
    }
  }

  private static float[] expected(Path file) {
    try (Safetensors tensors = Safetensors.open(file)) {
      return tensors.floats("logits");
    }
  }

  private static Set<String> names(Path folder) {
    try (Safetensors file = Safetensors.open(folder.resolve("adapter_model.safetensors"))) {
      return Set.copyOf(file.names());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tied, plain",
    "tied, saved",
    "tied, saved-input",
    "tied, tokens",
    "tied, targeted",
    "tied, trainable-tokens",
    "untied, plain",
    "untied, saved",
    "untied, saved-input",
    "untied, tokens"
  })
  void anAdapterOfPeftBringsItsRows(String tables, String kind) throws IOException {
    Path adapter = golden(tables + "-" + kind);
    Path file = adapter.resolve("expected.safetensors");
    try (PeftModel model = base(tables)) {
      model.resizeTokens(ROWS).loadAdapter(adapter.toString());
      float[] theirs = expected(file);
      assertClose("logits", logits(model, file), theirs, 1e-5);

      Path saved = temporary.resolve("saved");
      model.save(saved.toString());
      assertThat(names(adapter)).containsAll(names(saved));
      model.remove("default").loadAdapter(saved.toString());
      assertClose("logits of the saved one", logits(model, file), theirs, 1e-5);
      model.merge();
      assertClose("logits, merged", logits(model, file), theirs, 1e-4);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tied, plain", "tied, saved", "tied, saved-input", "tied, tokens", "tied, targeted",
    "untied, plain", "untied, saved", "untied, saved-input", "untied, tokens", "untied, targeted"
  })
  void whatIsSavedHasTheRows(String tables, String kind) throws IOException {
    LoraConfig config = LoraConfig.ofRank(4).targetModules("q_proj", "v_proj");
    config =
        switch (kind) {
          case "saved" -> config.modulesToSave("embed_tokens", "lm_head");
          case "saved-input" -> config.modulesToSave("embed_tokens");
          case "targeted" -> config.targetModules("q_proj", "embed_tokens");
          case "tokens" -> config.trainableTokenIndices(40, 41);
          default -> config;
        };
    String shared = System.getProperty("peft4j.resized");
    Path saved = (shared == null ? temporary : Path.of(shared)).resolve(tables + "-" + kind);
    float[] before;
    Path file = golden(tables + "-plain").resolve("expected.safetensors");
    try (PeftModel model = base(tables)) {
      model.resizeTokens(ROWS).adapt(config);
      disturb(model);
      before = logits(model, file);
      model.save(saved.toString());
    }
    try (Safetensors io = Safetensors.open(file)) {
      new SafetensorsWriter()
          .add(io.info("ids"), sink -> io.read("ids", sink))
          .add("logits", new long[] {2, 7, ROWS}, before)
          .write(saved.resolve("expected.safetensors"));
    }
    try (PeftModel model = Peft.from(folderOf(tables)).seed(7).load()) { // other new rows
      model.resizeTokens(ROWS).loadAdapter(saved.toString());
      assertClose("logits", logits(model, file), before, 1e-6);
    }
  }

  @Test
  void newRowsAreAboutTheMeanOfTheOld() {
    try (PeftModel model = base("untied")) {
      float[] old = table(model, "model.embed_tokens.weight");
      float[] head = table(model, "lm_head.weight");
      model.resizeTokens(ROWS, 8);
      assertThat(model.base().config().size("vocab_size")).isEqualTo(48);
      float[] grown = table(model, "model.embed_tokens.weight");
      assertThat(Arrays.copyOf(grown, old.length)).isEqualTo(old);
      assertThat(table(model, "lm_head.weight")).startsWith(head).hasSize(48 * 16);
      for (int d = 0; d < 16; d++) {
        double mean = 0;
        for (int row = 0; row < 40; row++) {
          mean += old[row * 16 + d] / 40;
        }
        for (int row = 40; row < 48; row++) {
          assertThat((double) grown[row * 16 + d]).isCloseTo(mean, within(1e-4));
        }
      }
      assertThat(Arrays.copyOfRange(grown, 40 * 16, 41 * 16))
          .isNotEqualTo(Arrays.copyOfRange(grown, 41 * 16, 42 * 16));
      model.resizeTokens(40);
      assertThat(table(model, "model.embed_tokens.weight")).isEqualTo(old);
      assertThat(table(model, "lm_head.weight")).isEqualTo(head);
    }
  }

  private static float[] table(PeftModel model, String name) {
    return Tensors.floats(
        Objects.requireNonNull(model.base().site(ParameterSite.class, name)).frozen());
  }

  @Test
  void aTiedOutputStaysTied() throws IOException {
    Path file = golden("tied-plain").resolve("expected.safetensors");
    try (PeftModel model = base("tied")) {
      model.resizeTokens(ROWS);
      float[] logits = logits(model, file);
      assertThat(logits).hasSize(2 * 7 * ROWS);
      model.saveMerged(temporary.resolve("merged").toString());
      try (Safetensors saved = Safetensors.open(temporary.resolve("merged/model.safetensors"))) {
        assertThat(saved.names()).doesNotContain("lm_head.weight");
        assertThat(saved.info("model.embed_tokens.weight").shape()).containsExactly(ROWS, 16);
      }
      try (PeftModel again = Peft.load(temporary.resolve("merged").toString())) {
        assertThat(logits(again, file)).isEqualTo(logits);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "saved", "tokens", "targeted"})
  void withoutTheRowsTheErrorSaysWhatToCall(String kind) {
    try (PeftModel model = base("untied")) {
      Path folder = golden("untied-" + kind);
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(folder.resolve("adapter_model.safetensors") + ": ")
          .hasMessageContaining("43 rows, but the model's token table has 40")
          .hasMessageContaining("model.resizeTokens(43) before loadAdapter");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void adaptersAreMadeAfterwards() {
    try (PeftModel model = base("tied")) {
      model.adapt(LoraConfig.ofRank(4).targetModules("q_proj"));
      assertThatThrownBy(() -> model.resizeTokens(ROWS))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("[default] were made for the model as it is")
          .hasMessageContaining("before adapt(…)");
      assertThatThrownBy(() -> model.resizeTokens(0)).isInstanceOf(IllegalArgumentException.class);
      assertThat(model.base().config().size("vocab_size")).isEqualTo(40);
      model.remove("default").resizeTokens(ROWS);
      assertThat(model.base().config().size("vocab_size")).isEqualTo(ROWS);
    }
  }
}
