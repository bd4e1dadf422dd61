package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hugging Face PEFT's older form of the same tensors. */
class PickledAdapterTest {

  @TempDir Path temporary;

  private static Path pickled(String adapter) throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(
                PickledAdapterTest.class.getResource("/golden-pickled/tiny-llama-" + adapter))
            .toURI());
  }

  /** BOFT's file tells how many butterflies there are, against its config. */
  @ParameterizedTest
  @ValueSource(strings = {"lora", "boft-one-butterfly"})
  void holdsTheSameTensors(String adapter) throws URISyntaxException {
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-llama").toString())) {
      model.loadAdapter("pickled", pickled(adapter));
      model.loadAdapter("safe", TinyModels.golden("tiny-llama/" + adapter));
      var safe = model.adapter("safe").tensors();
      var read = model.adapter("pickled").tensors();
      assertThat(read.keySet()).isEqualTo(safe.keySet()).isNotEmpty();
      read.forEach(
          (name, tensor) ->
              assertThat(Tensors.floats(tensor.value()))
                  .as(name)
                  .isEqualTo(Tensors.floats(Objects.requireNonNull(safe.get(name)).value())));
    }
  }

  @Test
  void isRefusedWhenDamaged() throws IOException, URISyntaxException {
    byte[] whole = Files.readAllBytes(pickled("lora").resolve("adapter_model.bin"));
    Files.copy(
        pickled("lora").resolve("adapter_config.json"), temporary.resolve("adapter_config.json"));
    Path file = temporary.resolve("adapter_model.bin");
    Files.write(file, Arrays.copyOf(whole, whole.length / 2));
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-llama").toString())) {
      assertThatThrownBy(() -> model.loadAdapter("pickled", temporary))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(file.toString());
      Files.delete(file);
      assertThatThrownBy(() -> model.loadAdapter("pickled", temporary))
          .hasMessageContaining("has neither adapter_model.safetensors nor adapter_model.bin");
      assertThat(model.adapters()).isEmpty();
    }
  }
}
