package io.github.peft4j.gguf;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.gguf.GgufLora.Tensor;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.transformer.config.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What convert_lora_to_gguf.py makes of a LoRA of PEFT's; make_models.py has the tensors. */
class GgufLoraTest {

  private static final Path FILES = Path.of("src/test/resources/io/github/peft4j/gguf");
  private static final ModelConfig BASE = GgufModel.read(FILES.resolve("llama.gguf")).config();

  @TempDir Path folder;

  private static Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (Safetensors file = Safetensors.open(FILES.resolve("lora.safetensors"))) {
      for (String name : file.names()) {
        tensors.put(name, new Tensor(file.info(name).shape(), file.floats(name)));
      }
    }
    return tensors;
  }

  private Path write(String config, Map<String, Tensor> tensors, ModelConfig base) {
    JsonObject json = JsonParser.parseString(config.replace('\'', '"')).getAsJsonObject();
    Path file = folder.resolve("lora.gguf");
    AtomicFiles.writeChannel(
        file, new GgufLora(base, json, "adapter 'x'").content("lora", tensors));
    return file;
  }

  private void assertRefused(String config, Map<String, Tensor> tensors, String part) {
    String message =
        requireNonNull(
            assertThrows(UnsupportedMethodException.class, () -> write(config, tensors, BASE))
                .getMessage());
    assertTrue(message.contains("adapter 'x': " + part), message);
    assertTrue(message.contains("saveGguf"), message);
  }

  @Test
  void isTheFileOfTheConverter() throws IOException {
    Path file = write("{'peft_type': 'LORA', 'lora_alpha': 6, 'r': 2}", tensors(), BASE);
    assertEquals(-1, Files.mismatch(FILES.resolve("lora.gguf"), file));
  }

  @Test
  void theFileOfTheConverterIsReadBack() {
    StoredLora read = StoredLora.read(FILES.resolve("lora.gguf"), BASE);
    Map<String, Tensor> expected = tensors();
    assertEquals(expected.keySet(), read.tensors().keySet());
    expected.forEach(
        (name, tensor) -> {
          Tensor found = requireNonNull(read.tensors().get(name));
          assertArrayEquals(tensor.shape(), found.shape(), name);
          assertArrayEquals(tensor.numbers(), found.numbers(), name);
        });
    assertEquals(2, read.config().get("r").getAsInt());
    assertEquals(6, read.config().get("lora_alpha").getAsDouble());
    assertEquals(6, read.config().getAsJsonArray("target_modules").size());
  }

  @Test
  void aScaleByTheRootOfTheRankIsInAlpha() {
    Path written =
        write(
            "{'peft_type': 'LORA', 'lora_alpha': 6, 'r': 4, 'use_rslora': true}", tensors(), BASE);
    try (GgufFile file = GgufFile.open(written)) {
      assertEquals(12, file.metadata().number("adapter.lora.alpha"));
    }
  }

  @Test
  void whatIsNoPlainLoraIsRefusedByName() {
    String lora = "{'peft_type': 'LORA', 'lora_alpha': 6, 'r': 2";
    assertRefused("{'peft_type': 'IA3'}", tensors(), "its method is IA3");
    assertRefused(lora + ", 'use_dora': true}", tensors(), "field 'use_dora' is true");
    assertRefused(
        lora + ", 'modules_to_save': ['lm_head']}", tensors(), "field 'modules_to_save' is");
    assertRefused(lora + ", 'bias': 'all'}", tensors(), "field 'bias' is all");
    assertRefused(lora + ", 'alpha_pattern': {'q_proj': 3}}", tensors(), "field 'alpha_pattern'");
    assertRefused(
        lora + ", 'use_rslora': true, 'rank_pattern': {'q_proj': 3}}",
        tensors(),
        "field 'use_rslora' is true with several ranks");
    Map<String, Tensor> more = tensors();
    more.put("base_model.model.lm_head.weight", new Tensor(new long[] {1}, new float[] {1}));
    assertRefused(lora + "}", more, "it has the tensor base_model.model.lm_head.weight");
  }

  @Test
  void anOutputMapThatIsTheTableOfTokensIsRefused() {
    Map<String, Tensor> tensors = tensors();
    String name = "base_model.model.lm_head.lora_";
    tensors.put(name + "A.weight", new Tensor(new long[] {2, 32}, new float[64]));
    tensors.put(name + "B.weight", new Tensor(new long[] {304, 2}, new float[608]));
    String config = "{'peft_type': 'LORA', 'lora_alpha': 6, 'r': 2}";
    write(config, tensors, BASE);
    ModelConfig tied = BASE.with("tie_word_embeddings", new com.google.gson.JsonPrimitive(true));
    assertThrows(UnsupportedMethodException.class, () -> write(config, tensors, tied));
  }

  @Test
  void theMatricesOfATableAreTurned() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    String name = "base_model.model.model.embed_tokens.lora_embedding_";
    tensors.put(name + "A", new Tensor(new long[] {1, 304}, new float[304]));
    tensors.put(name + "B", new Tensor(new long[] {32, 1}, new float[32]));
    Path written = write("{'peft_type': 'LORA', 'lora_alpha': 6, 'r': 1}", tensors, BASE);
    try (GgufFile file = GgufFile.open(written)) {
      assertEquals(
          "[304, 1]", java.util.Arrays.toString(file.tensor("token_embd.weight.lora_a").shape()));
      assertEquals(
          "[32, 1]", java.util.Arrays.toString(file.tensor("token_embd.weight.lora_b").shape()));
    }
  }
}
