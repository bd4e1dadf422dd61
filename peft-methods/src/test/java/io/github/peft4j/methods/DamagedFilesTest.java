package io.github.peft4j.methods;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files of each method, with one tensor that is wrong: an error that names the file. */
@ExtendWith(NamedFailures.class)
class DamagedFilesTest {

  @TempDir Path folder;

  static Stream<MethodCase> methods() {
    return MethodsTest.methods();
  }

  /** A tensor of the file, and what is written in its place. */
  private enum Damage {
    MISSING((tensor, writer) -> {}),
    OF_ANOTHER_NAME((tensor, writer) -> writer.add(tensor.name + "x", tensor.shape, tensor.values)),
    A_NUMBER((tensor, writer) -> writer.add(tensor.name, new long[0], 1)),
    EMPTY((tensor, writer) -> writer.add(tensor.name, new long[] {0})),
    FLAT(
        (tensor, writer) ->
            writer.add(tensor.name, new long[] {tensor.values.length, 1, 1, 1}, tensor.values)),
    NOT_A_NUMBER(
        (tensor, writer) -> {
          float[] values = tensor.values.clone();
          values[values.length - 1] = Float.NaN;
          writer.add(tensor.name, tensor.shape, values);
        });

    private final BiConsumer<Tensor, SafetensorsWriter> write;

    Damage(BiConsumer<Tensor, SafetensorsWriter> write) {
      this.write = write;
    }
  }

  private record Tensor(String name, long[] shape, float[] values) {}

  @ParameterizedTest(name = "{0}")
  @MethodSource("methods")
  void anErrorNamesTheFileAndNothingIsLeft(MethodCase method) throws IOException {
    TinyModel tiny =
        Stream.of(TinyModel.BERT, TinyModel.LLAMA, TinyModel.T5, TinyModel.TIED_LLAMA)
            .filter(method.fits())
            .findFirst()
            .orElseThrow();
    try (PeftModel model = tiny.load(Precision.FLOAT32)) {
      model.adapt(method.config()).save(folder.toString()).remove(PeftModel.DEFAULT);
      long before = Tensors.live();
      for (Path file : files(folder)) {
        byte[] whole = Files.readAllBytes(file);
        for (Tensor tensor : kinds(file)) {
          for (Damage damage : Damage.values()) {
            write(file, whole, tensor, damage);
            assertRefused(
                model, () -> model.loadAdapter(folder.toString()), tensor + " " + damage, before);
          }
        }
        Files.write(file, whole);
      }
      Path config = folder.resolve("adapter_config.json");
      String text = Files.readString(config);
      Files.writeString(config, text.replaceAll("(\"peft_type\": \")[A-Z_0-9]+", "$1NONE_SUCH"));
      assertRefused(model, () -> model.loadAdapter(folder.toString()), "another method", before);
      Files.writeString(config, text);
      model.loadAdapter(folder.toString());
    }
  }

  private void assertRefused(PeftModel model, ThrowingCallable load, String damage, long before) {
    assertThatThrownBy(load)
        .as(damage)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(folder.toString());
    assertThat(model.adapters()).isEmpty();
    assertThat(Tensors.live()).as("arrays after %s", damage).isEqualTo(before);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(file -> file.endsWith("adapter_model.safetensors")).toList();
    }
  }

  /** One floating tensor for each name, whatever the layer, without copies of frozen tables. */
  private static List<Tensor> kinds(Path file) {
    Set<String> seen = new HashSet<>();
    List<Tensor> kinds = new ArrayList<>();
    try (Safetensors source = Safetensors.open(file)) {
      for (String name : source.names()) {
        if (source.info(name).dtype().isFloating()
            && !name.contains("base_layer")
            && seen.add(name.replaceAll("\\d+", "N"))) {
          kinds.add(new Tensor(name, source.info(name).shape(), source.floats(name)));
        }
      }
    }
    return kinds;
  }

  private static void write(Path file, byte[] whole, Tensor tensor, Damage damage)
      throws IOException {
    Path other = file.resolveSibling("whole.safetensors");
    Files.write(other, whole);
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source = Safetensors.open(other)) {
      for (String name : source.names()) {
        if (!name.equals(tensor.name)) {
          writer.add(source.info(name), sink -> source.read(name, sink));
        }
      }
      damage.write.accept(tensor, writer);
      writer.write(file);
    }
    Files.delete(other);
  }
}
