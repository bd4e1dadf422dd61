package io.github.peft4j.io.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelWeightsTest {
  @TempDir Path folder;

  @BeforeEach
  void twoShards() {
    new SafetensorsWriter()
        .metadata("format", "pt")
        .add("a", new long[] {1}, 1)
        .write(folder.resolve("model-00001-of-00002.safetensors"));
    new SafetensorsWriter()
        .add("b", new long[] {1}, 2)
        .write(folder.resolve("model-00002-of-00002.safetensors"));
  }

  @Test
  void shardsReadAsOneModel() throws IOException {
    index(
        """
        {"metadata": {"total_size": 8},
         "weight_map": {"b": "model-00002-of-00002.safetensors",
                        "a": "model-00001-of-00002.safetensors"}}\
        """);
    try (TensorSource model = ModelWeights.open(folder)) {
      assertThat(model).hasToString(folder + "/model.safetensors.index.json (2 tensors in 2 files)");
      assertThat(model.names()).containsExactlyInAnyOrder("a", "b");
      assertThat(model.floats("a")).containsExactly(1);
      assertThat(model.floats("b")).containsExactly(2);
      assertThat(model.region("b").orElseThrow().path())
          .isEqualTo(folder.resolve("model-00002-of-00002.safetensors"));
    }
  }

  @Test
  void aSingleFileComesFirst() throws IOException {
    index("{}");
    new SafetensorsWriter().add("c", new long[0], 3).write(folder.resolve("model.safetensors"));
    try (TensorSource model = ModelWeights.open(folder)) {
      assertThat(model.names()).containsExactly("c");
    }
  }

  @Test
  void whatIsWrongWithAnIndexIsExplained() throws IOException {
    assertFails("or pytorch_model.bin or pytorch_model.bin.index.json in it and found none of them");
    index("{}");
    assertFails("weight_map is missing or empty");
    index("{\"weight_map\": {\"a\": \"model-00003.safetensors\"}}");
    assertFails("tensor a is in model-00003.safetensors, which is missing");
    index("{\"weight_map\": {\"z\": \"model-00001-of-00002.safetensors\"}}");
    assertFails("tensor z is in model-00001-of-00002.safetensors, which does not have it");
    index("{\"weight_map\": {\"a\": \"x\", \"a\": \"y\"}}");
    assertFails("the key 'a' appears twice");
    index("{\"weight_map\": [");
    assertFails("index, at $.weight_map");
    for (String outside : new String[] {"../m", "/etc/passwd", "..", "a/b", "C:m", "..\\\\m", ""}) {
      index("{\"weight_map\": {\"a\": \"" + outside + "\"}}");
      assertFails("expected the name of a file in the same folder");
    }
  }

  private void index(String json) throws IOException {
    Files.writeString(folder.resolve("model.safetensors.index.json"), json);
  }

  private void assertFails(String expected) {
    assertThatThrownBy(() -> ModelWeights.open(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(folder.toString(), expected);
  }
}
