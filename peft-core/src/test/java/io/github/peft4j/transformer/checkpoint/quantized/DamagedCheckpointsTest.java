package io.github.peft4j.transformer.checkpoint.quantized;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.DamagedFiles;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.QuantizedWeights;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged parts of quantised matrices are refused, or make a matrix of the shape that they say. */
class DamagedCheckpointsTest {

  private static final int FILES = 2_000;
  private static final String MODULE = "model.layers.0.self_attn.k_proj";
  private static final String[] TOKENS = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "-1",
    "0",
    "1e9",
    "1e999",
    "null",
    "true",
    "0.5",
    "18446744073709551616",
    "9223372036854775807",
    "4294967296",
    "\"U8\"",
    "\"I32\"",
    "\"F32\"",
    "\"shape\":[]",
    "[[[[[[[[",
    "nf4",
    "fp4",
    "64",
    "NaN",
    "\\u0000"
  };

  @TempDir Path folder;
  private NDManager manager;
  private TensorLoader loader;

  @BeforeEach
  void open() {
    manager = Tensors.newManager(Device.cpu());
    loader = new TensorLoader(manager, Precision.FLOAT32);
  }

  @AfterEach
  void close() {
    loader.close();
    manager.close();
  }

  private static QuantizedWeights weights(String checkpoint) {
    return QuantizedWeights.of(
            ModelConfig.read(QuantizedCheckpointTest.FOLDERS.resolve(checkpoint)))
        .orElseThrow();
  }

  private static byte[] bytes(Safetensors source, String name) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    source.read(
        name,
        buffer -> {
          while (buffer.hasRemaining()) {
            bytes.write(buffer.get());
          }
        });
    return bytes.toByteArray();
  }

  /** A file of one module's parts. A part may be another one; null leaves it out. */
  private byte[] file(String checkpoint, BiFunction<TensorInfo, byte[], TensorInfo> change)
      throws IOException {
    Path file = folder.resolve("one.safetensors");
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source =
        Safetensors.open(
            QuantizedCheckpointTest.FOLDERS.resolve(checkpoint).resolve("model.safetensors"))) {
      for (String name : source.names()) {
        if (name.startsWith(MODULE)) {
          byte[] data = bytes(source, name);
          TensorInfo info = change.apply(source.info(name), data);
          if (info != null) {
            ByteBuffer all = ByteBuffer.allocate((int) info.byteCount());
            all.put(data, 0, Math.min(data.length, all.capacity()));
            writer.add(info, sink -> sink.accept(all.clear().order(ByteOrder.LITTLE_ENDIAN)));
          }
        }
      }
    }
    writer.write(file);
    return Files.readAllBytes(file);
  }

  /** Loads all matrices. Each has the shape that was said before. */
  private void read(byte[] file, QuantizedWeights weights) {
    try (Safetensors source = Safetensors.of("fuzz", ByteBuffer.wrap(file))) {
      QuantizedCheckpoint checkpoint = new QuantizedCheckpoint(source, weights);
      for (String name : checkpoint.names()) {
        if (checkpoint.isQuantized(name)) {
          try (Scope scope = new Scope();
              FrozenMatrix matrix = checkpoint.matrix(name, false, loader)) {
            NDArray dense = matrix.dense();
            assertThat(dense.getShape().getShape()).isEqualTo(checkpoint.info(name).shape());
            assertThat(Tensors.floats(dense)).hasSize((int) dense.size());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4-double", "int8", "gptq-order", "gptq-8bit", "awq"})
  void damagedFilesNeverSurprise(String checkpoint) throws IOException {
    byte[] whole = file(checkpoint, (info, data) -> info);
    QuantizedWeights weights = weights(checkpoint);
    read(whole, weights);
    long before = Tensors.live();
    DamagedFiles.neverSurprise(
        FILES,
        whole,
        DamagedCheckpointsTest::damage,
        file -> read(file, weights),
        IllegalArgumentException.class,
        refusal ->
            assertThat(refusal).hasMessageContaining("fuzz").message().hasSizeGreaterThan(30));
    assertThat(Tensors.live()).isEqualTo(before);
  }

  /** Damages the header, or data of which some are JSON and indices. */
  private static byte[] damage(byte[] whole, Random random) {
    byte[] damaged = whole.clone();
    int header = 8 + (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong();
    int from = random.nextBoolean() ? 8 : header;
    int to = from == 8 ? header : whole.length;
    for (int i = 0; i <= random.nextInt(2); i++) {
      int at = from + random.nextInt(to - from);
      if (random.nextBoolean()) {
        damaged[at] ^= (byte) (1 << random.nextInt(8));
      } else {
        byte[] token = TOKENS[random.nextInt(TOKENS.length)].getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(token, 0, damaged, at, Math.min(token.length, to - at));
      }
    }
    return damaged;
  }

  @Test
  void damagedSettingsNeverSurprise() throws IOException {
    for (String checkpoint : new String[] {"gptq-order", "awq"}) {
      byte[] file = file(checkpoint, (info, data) -> info);
      JsonObject settings = weights(checkpoint).settings().json();
      DamagedFiles.neverSurprise(
          500,
          settings.toString().getBytes(StandardCharsets.UTF_8),
          (whole, random) -> {
            byte[] damaged = whole.clone();
            byte[] token =
                TOKENS[random.nextInt(TOKENS.length)].getBytes(StandardCharsets.US_ASCII);
            int at = random.nextInt(whole.length);
            System.arraycopy(token, 0, damaged, at, Math.min(token.length, whole.length - at));
            return damaged;
          },
          text -> {
            JsonObject config = new JsonObject();
            try {
              config.add(
                  "quantization_config",
                  JsonParser.parseString(new String(text, StandardCharsets.UTF_8)));
            } catch (RuntimeException e) { // config.json is read elsewhere
              throw new IllegalArgumentException("fuzz: no JSON at all, which is another test", e);
            }
            QuantizedWeights.of(ModelConfig.of(config, "fuzz"))
                .ifPresent(weights -> read(file, weights));
          },
          IllegalArgumentException.class,
          refusal -> assertThat(refusal).hasMessageContaining("fuzz"));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gptq-order, g_idx, nothing, ''",
    "gptq-order, qzeros, needs the tensor, qzeros",
    "awq, scales, needs the tensor, scales",
    "nf4-double, weight.absmax, needs the tensor, absmax",
    "nf4-double, weight.nested_absmax, needs the tensor, nested_absmax",
    "nf4-double, weight.quant_map, needs the tensor, quant_map",
    "nf4, weight.quant_state.bitsandbytes__nf4, no scales beside, k_proj.weight U8",
    "int8, SCB, no scales beside, k_proj.weight I8",
  })
  void missingParts(String checkpoint, String part, String what, String named) throws IOException {
    byte[] file =
        file(checkpoint, (info, data) -> info.name().equals(MODULE + "." + part) ? null : info);
    if (named.isEmpty()) { // GPTQ without g_idx has groups of neighbours
      read(file, weights(checkpoint));
      return;
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> read(file, weights(checkpoint)))
        .withMessageContainingAll(
            "fuzz", ": the matrix " + MODULE + ".weight", what, named, "take the plain model");
  }

  private static TensorInfo with(TensorInfo info, DType type, long... shape) {
    return new TensorInfo(info.name(), type, shape);
  }

  private void assertRefused(String checkpoint, byte[] file, String... parts) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> read(file, weights(checkpoint)))
        .withMessageContainingAll(parts);
  }

  @Test
  void partsOfOtherShapes() throws IOException {
    assertRefused(
        "gptq",
        file(
            "gptq",
            (info, data) -> info.name().endsWith("scales") ? with(info, DType.F16, 3, 32) : info),
        "quantised as GPTQ ('bits' 4, 'group_size' 32), has",
        "k_proj.scales F16[3, 32]; expected the shape [2, 32]");
    assertRefused(
        "int8",
        file(
            "int8", (info, data) -> info.name().endsWith("SCB") ? with(info, DType.F32, 31) : info),
        "k_proj.SCB F32[31]; expected the shape [32]");
    assertRefused(
        "nf4",
        file(
            "nf4",
            (info, data) -> info.name().endsWith("absmax") ? with(info, DType.F32, 33) : info),
        "k_proj.weight.absmax F32[33]; expected the shape [32]");
  }

  /** Replaces text in the JSON of a matrix of four bits. */
  private byte[] state(String checkpoint, String from, String to) throws IOException {
    return file(
        checkpoint,
        (info, data) -> {
          if (!info.name().contains("quant_state")) {
            return info;
          }
          String text = new String(data, StandardCharsets.UTF_8);
          assertThat(text).contains(from);
          byte[] changed = text.replace(from, to).getBytes(StandardCharsets.UTF_8);
          assertThat(changed.length).isLessThanOrEqualTo(data.length);
          for (int i = 0; i < data.length; i++) {
            data[i] = i < changed.length ? changed[i] : (byte) ' ';
          }
          return info;
        });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "\"blocksize\": 64|\"blocksize\": 0 |field 'blocksize' is 0; expected one of [32, 64",
        "\"blocksize\": 64|\"blocksize\": -1|field 'blocksize' is -1",
        "[32, 64]|[64, 64]|field 'shape' is [64, 64]; expected two sizes whose product",
        "[32, 64]|[-2,-9]|field 'shape' is [-2, -9]",
        "[32, 64]|[2048]  |field 'shape' is [2048]",
        "\"quant_type\": \"nf4\"|\"quant_type\": \"nf5\"|field 'quant_type' is nf5; expected nf4",
        "\"float32\", \"shape\"|\"float8\", \"shape\"|field 'dtype' is float8; expected one of",
        "\"shape\"|\"shap3\"|field 'shape'",
        "\"nested_blocksize\": 256|\"nested_blocksize\": 0|field 'nested_blocksize' is 0",
        "\"nested_blocksize\": 256|\"nested_blocksize\": 16|nested_absmax F32[1]; expected the shape [2]",
        "{\"quant|[\"quant|a JSON object in its bytes",
      })
  void wrongStates(String from, String to, String what) throws IOException {
    assertRefused("nf4-double", state("nf4-double", from, to), "fuzz", "k_proj.weight", what);
  }

  @Test
  void groupsThatDoNotExist() throws IOException {
    assertRefused(
        "gptq-order",
        file(
            "gptq-order",
            (info, data) -> {
              if (info.name().endsWith("g_idx")) {
                data[4 * 5] = 2;
              }
              return info;
            }),
        "has the group 2 of input 5 in " + MODULE + ".g_idx; expected one from 0 to 1");
  }

  @Test
  void otherCodes() throws IOException {
    assertRefused(
        "nf4",
        file(
            "nf4",
            (info, data) -> {
              if (info.name().endsWith("quant_map")) {
                data[0] = 1;
                data[3] = 0;
              }
              return info;
            }),
        "for code 0 in " + MODULE + ".weight.quant_map; expected -1.0");
  }
}
