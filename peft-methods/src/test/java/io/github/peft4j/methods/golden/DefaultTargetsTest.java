package io.github.peft4j.methods.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A file that names no modules means those of Hugging Face PEFT's tables. */
class DefaultTargetsTest {

  private static final List<String> FIELDS = List.of("target_modules", "feedforward_modules");

  @TempDir Path folder;

  static List<Path> cases() throws IOException, URISyntaxException {
    Path root =
        Path.of(
            Objects.requireNonNull(DefaultTargetsTest.class.getResource("/golden-targets"))
                .toURI());
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .filter(file -> file.endsWith("adapter_config.json"))
          .map(Path::getParent)
          .sorted()
          .toList();
    }
  }

  private static JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  private PeftModel open(Path adapter) throws IOException {
    JsonObject config = json(adapter.resolve("adapter_config.json"));
    FIELDS.stream().filter(config::has).forEach(field -> config.add(field, JsonNull.INSTANCE));
    Files.writeString(folder.resolve("adapter_config.json"), config.toString());
    Files.copy(
        adapter.resolve("adapter_model.safetensors"), folder.resolve("adapter_model.safetensors"));
    return Peft.from(Objects.requireNonNull(adapter.getParent())).device(Device.cpu()).load();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aFileWithoutModulesMeansThoseOfPeftsTable(Path adapter) throws IOException {
    try (PeftModel model = open(adapter);
        TensorSource io = Safetensors.open(adapter.resolve("io.safetensors"))) {
      model.loadAdapter(folder.toString());
      ModelInput input = ModelInput.of(ids(model, io, "input_ids"));
      if (io.names().contains("decoder_input_ids")) {
        input = input.decoding(ids(model, io, "decoder_input_ids"));
      }
      try (NDArray logits = model.logits(input)) {
        assertThat(Tensors.floats(logits)).containsExactly(io.floats("logits"), within(1e-4f));
      }
      model.save(folder.resolve("saved").toString());
      JsonObject saved = json(folder.resolve("saved").resolve("adapter_config.json"));
      JsonObject theirs = json(adapter.resolve("adapter_config.json"));
      for (String field : FIELDS) {
        if (theirs.has(field)) {
          assertThat(new HashSet<>(saved.getAsJsonArray(field).asList()))
              .as(field)
              .isEqualTo(new HashSet<>(theirs.getAsJsonArray(field).asList()));
        }
      }
    }
  }

  private static NDArray ids(PeftModel model, TensorSource io, String name) {
    return model.base().manager().create(io.longs(name), new Shape(io.info(name).shape()));
  }

  @Test
  void modulesThatPeftDoesNotKnowAreAskedFor() throws IOException, URISyntaxException {
    Path llama =
        cases().stream().filter(p -> p.endsWith("llama/ln-tuning")).findFirst().orElseThrow();
    Path bert = Objects.requireNonNull(llama.resolve("../../bert/lora").normalize());
    open(llama).close();
    try (PeftModel model =
        Peft.from(Objects.requireNonNull(bert.getParent())).device(Device.cpu()).load()) {
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("target_modules")
          .hasMessageContaining("'bert'");
    }
  }
}
