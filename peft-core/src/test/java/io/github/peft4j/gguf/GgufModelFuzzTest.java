package io.github.peft4j.gguf;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.TensorSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of which some bytes of the header are others: read, or refused with a message. */
class GgufModelFuzzTest {

  private static final int MUTANTS = 300;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"llama", "gemma3", "gpt2", "phi3"})
  void aDamagedFileIsReadOrRefused(String name) throws IOException {
    byte[] whole =
        Files.readAllBytes(Path.of("src/test/resources/io/github/peft4j/gguf/" + name + ".gguf"));
    Random random = new Random(name.hashCode());
    int refused = 0;
    for (int mutant = 0; mutant < MUTANTS; mutant++) {
      byte[] changed = whole.clone();
      StringBuilder what = new StringBuilder();
      for (int i = 0; i <= random.nextInt(3); i++) {
        int at = random.nextInt(Math.min(changed.length, mutant % 2 == 0 ? 1500 : 14_000));
        changed[at] = (byte) random.nextInt(256);
        what.append(" byte ").append(at).append(" = ").append(changed[at]);
      }
      Path file = folder.resolve("mutant.gguf");
      Files.write(file, changed);
      try {
        readAll(file);
      } catch (IllegalArgumentException | UncheckedIOException e) {
        refused++;
        assertTrue(e.getMessage() != null && !e.getMessage().isBlank(), what.toString());
      } catch (RuntimeException e) {
        fail(name + what, e);
      }
    }
    assertTrue(refused > 0);
  }

  private static void readAll(Path file) {
    GgufModel model = GgufModel.read(file);
    try (TensorSource source = model.tensors()) {
      for (String tensor : source.names()) {
        source.info(tensor);
      }
    }
    Tokenizer tokenizer = model.tokenizer();
    if (tokenizer != null) {
      try (tokenizer) {
        tokenizer.decode(tokenizer.encode("The quick <think> 12 fox"));
      }
    }
  }
}
