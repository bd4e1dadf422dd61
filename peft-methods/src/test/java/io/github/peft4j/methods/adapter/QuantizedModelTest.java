package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.QuantizationError;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Int8Matrix;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.groups.Groups;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models whose frozen weights are kept in fewer bits: merging, and the folders that are saved. */
class QuantizedModelTest {

  /** What transformers wrote, see make_quantized.py there. */
  private static final Path CHECKPOINTS =
      Path.of("../peft-core/src/test/resources/quantized-checkpoints");

  private static final LoraConfig LORA =
      LoraConfig.ofRank(4).targetModules("all-linear").initLoraWeights(LoraInitialization.RANDOM);

  @TempDir Path folder;

  private static PeftModel checkpoint(String name) {
    return load(CHECKPOINTS.resolve(name));
  }

  private static PeftModel load(Path folder) {
    return Peft.from(folder).device(Device.cpu()).precision(Precision.FLOAT32).load();
  }

  private static float[] logits(PeftModel model) {
    ModelInput input =
        ModelInput.of(model.base().manager(), new long[][] {{1, 5, 7, 9}, {1, 8, 6, 4}}, null);
    try (Scope scope = new Scope();
        NDArray logits = model.logits(input)) {
      return Tensors.floats(logits);
    }
  }

  private static List<ParameterSite> quantized(PeftModel model) {
    return model.base().parameters().filter(ParameterSite::isQuantized).toList();
  }

  private static List<byte[]> stored(PeftModel model) {
    List<byte[]> all = new ArrayList<>();
    for (ParameterSite parameter : quantized(model)) {
      all.add(Objects.requireNonNull(parameter.frozenMatrix()).numbers().toByteArray());
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4-double", "int8-gpt2", "gptq-order", "awq"})
  void unmergingGivesTheStoredNumbersBack(String name) {
    long before = Tensors.live();
    try (PeftModel model = checkpoint(name)) {
      float[] plain = logits(model);
      List<byte[]> numbers = stored(model);
      model.adapt(LORA);
      float[] beside = logits(model);
      assertThat(beside).isNotEqualTo(plain);
      model.merge();
      assertThat(logits(model)).containsExactly(beside, within(1e-3f));
      model.unmerge();
      assertThat(logits(model)).isEqualTo(beside);
      assertThat(stored(model)).usingRecursiveComparison().isEqualTo(numbers);
      model.merge().unmerge().remove(PeftModel.DEFAULT);
      assertThat(logits(model)).isEqualTo(plain);
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void mergedForGoodWeightsArePlain() throws IOException {
    try (PeftModel model = checkpoint("nf4-double").adapt(LORA)) {
      float[] beside = logits(model);
      model.saveMerged(folder.toString());
      model.mergeAndUnload();
      assertThat(quantized(model)).isEmpty();
      assertThat(logits(model)).containsExactly(beside, within(1e-3f));
      JsonObject config =
          JsonParser.parseString(Files.readString(folder.resolve("config.json"))).getAsJsonObject();
      assertThat(config.has("quantization_config")).isFalse();
      try (PeftModel saved = load(folder)) {
        assertThat(quantized(saved)).isEmpty();
        assertThat(logits(saved)).isEqualTo(logits(model));
      }
    }
  }

  /** 8 bits lose less than 4; the error is that of the weights. */
  @Test
  void mergedWeightsAreQuantisedAgain() {
    QuantizationError four = quantizedAgain("nf4");
    QuantizationError eight = quantizedAgain("int8");
    QuantizationError groups = quantizedAgain("gptq");
    assertThat(four.relative()).isBetween(0.03, 0.15);
    assertThat(four.largest()).isBetween(four.relative(), 0.2);
    assertThat(groups.relative()).isBetween(0.03, 0.15);
    assertThat(eight.relative()).isBetween(1e-4, 0.02);
    assertThat(eight.toString()).startsWith("7 matrices, error 0.").contains("_proj.weight");
  }

  private static QuantizationError quantizedAgain(String name) {
    try (PeftModel reference = checkpoint(name).adapt(LORA);
        PeftModel model = checkpoint(name).adapt(LORA)) {
      int matrices = quantized(model).size();
      reference.mergeAndUnload();
      QuantizationError error = model.mergeAndQuantize();
      assertThat(quantized(model)).hasSize(matrices);
      assertThat(model.adapters()).isEmpty();
      assertThat(error.matrices()).isEqualTo(matrices);
      double lost = 0;
      double whole = 0;
      double largest = 0;
      List<ParameterSite> merged = reference.base().parameters().toList();
      for (ParameterSite parameter : quantized(model)) {
        ParameterSite plain =
            merged.stream()
                .filter(p -> p.name().equals(parameter.name()))
                .findFirst()
                .orElseThrow();
        double lostHere = 0;
        double wholeHere = 0;
        try (Scope scope = new Scope()) {
          float[] w = Tensors.floats(plain.frozen());
          float[] q = Tensors.floats(parameter.frozen());
          for (int i = 0; i < w.length; i++) {
            lostHere += (w[i] - q[i]) * (double) (w[i] - q[i]);
            wholeHere += (double) w[i] * w[i];
          }
        }
        lost += lostHere;
        whole += wholeHere;
        largest = Math.max(largest, Math.sqrt(lostHere / wholeHere));
      }
      assertThat(error.relative()).isCloseTo(Math.sqrt(lost / whole), within(1e-5));
      assertThat(error.largest()).isCloseTo(largest, within(1e-5));
      return error;
    }
  }

  /** The last weight cannot be quantised: those before it are as they were. */
  @Test
  void aFailureInTheMiddleLeavesAllAsItWas() {
    long before = Tensors.live();
    try (PeftModel model = checkpoint("nf4-double").adapt(LORA)) {
      float[] beside = logits(model);
      List<byte[]> numbers = stored(model);
      NDArray last =
          model.adapter("default").tensors().entrySet().stream()
              .filter(tensor -> tensor.getKey().endsWith("down_proj.lora_B.weight"))
              .findFirst()
              .orElseThrow()
              .getValue()
              .value();
      float[] values = Tensors.floats(last);
      try (NDArray broken = last.getManager().create(new float[values.length], last.getShape());
          NDArray sound = last.getManager().create(values, last.getShape())) {
        broken.addi(Float.NaN);
        Tensors.copy(last, broken);
        assertThatThrownBy(model::mergeAndQuantize).hasMessageContaining("not finite");
        Tensors.copy(last, sound);
      }
      assertThat(stored(model)).usingRecursiveComparison().isEqualTo(numbers);
      assertThat(logits(model)).isEqualTo(beside);
      assertThat(model.mergeAndQuantize().matrices()).isEqualTo(7);
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void plainWeightsAreNotQuantisedByMerging() {
    try (PeftModel model = load(TinyModels.golden("tiny-llama")).adapt(LORA)) {
      assertThatIllegalStateException()
          .isThrownBy(model::mergeAndQuantize)
          .withMessageContaining("no weight of the model is kept in fewer bits; mergeAndUnload()");
      assertThat(model.adapters()).hasSize(1);
    }
  }

  private static byte[] bytes(Safetensors file, String name) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    file.read(
        name,
        buffer -> {
          byte[] some = new byte[buffer.remaining()];
          buffer.get(some);
          all.writeBytes(some);
        });
    return all.toByteArray();
  }

  /** Tensor by tensor the file that transformers wrote; JSON in tensors may have other blanks. */
  @ParameterizedTest
  @ValueSource(strings = {"nf4", "nf4-double", "fp4", "nf4-gpt2", "int8", "int8-gpt2"})
  void aQuantisedModelIsSavedAsTransformersWritesIt(String name) throws IOException {
    float[] logits;
    try (PeftModel model = checkpoint(name)) {
      logits = logits(model);
      model.saveBase(folder.toString());
    }
    try (Safetensors ours = Safetensors.open(folder.resolve("model.safetensors"));
        Safetensors theirs =
            Safetensors.open(CHECKPOINTS.resolve(name).resolve("model.safetensors"))) {
      assertThat(ours.names()).containsExactlyInAnyOrderElementsOf(theirs.names());
      for (String tensor : theirs.names()) {
        if (tensor.contains("quant_state")) {
          assertThat(JsonParser.parseString(text(ours, tensor)))
              .isEqualTo(JsonParser.parseString(text(theirs, tensor)));
        } else {
          assertThat(ours.info(tensor)).isEqualTo(theirs.info(tensor));
          assertThat(bytes(ours, tensor)).as(tensor).isEqualTo(bytes(theirs, tensor));
        }
      }
    }
    try (PeftModel saved = load(folder)) {
      assertThat(logits(saved)).isEqualTo(logits);
    }
    JsonObject ours = settings(folder);
    JsonObject theirs = settings(CHECKPOINTS.resolve(name));
    ours.remove("llm_int8_skip_modules"); // here by their whole names
    theirs.remove("llm_int8_skip_modules");
    if (name.startsWith("int8")) { // fields of 4 bits have no meaning there
      theirs.keySet().removeIf(field -> field.startsWith("bnb_4bit"));
      ours.keySet().removeIf(field -> field.startsWith("bnb_4bit"));
    }
    assertThat(ours).isEqualTo(theirs);
  }

  @Test
  void whatCannotBeQuantisedAgainIsNamedAndChangesNothing() {
    try (PeftModel model = checkpoint("nf4-double").adapt(LORA)) {
      List<byte[]> numbers = stored(model);
      model.disable();
      float[] before = logits(model);
      model.enable();
      NDArray last = model.trainables().get(model.trainables().size() - 1).value();
      try (NDArray infinite = last.mul(Float.POSITIVE_INFINITY)) {
        Tensors.copy(last, infinite);
      }
      assertThatThrownBy(model::mergeAndQuantize)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(
              "nf4-double/config.json: model.layers.0.",
              ".weight, with the adapters merged: a weight has numbers that are not finite",
              "check the checkpoint and its adapters");
      assertThat(stored(model)).usingRecursiveComparison().isEqualTo(numbers);
      model.disable();
      assertThat(logits(model)).isEqualTo(before);
    }
  }

  private static String text(Safetensors file, String name) {
    return new String(bytes(file, name), StandardCharsets.UTF_8);
  }

  private static JsonObject settings(Path folder) throws IOException {
    return JsonParser.parseString(Files.readString(folder.resolve("config.json")))
        .getAsJsonObject()
        .getAsJsonObject("quantization_config");
  }

  static Stream<Quantization> quantizations() {
    return Stream.of(Nf4.doubleQuantized(), Int8.BY_ROW, new Groups(4, 16));
  }

  /** What was quantised while loading is saved so, or as plain numbers of the same values. */
  @ParameterizedTest
  @MethodSource("quantizations")
  void whatIsSavedComputesTheSame(Quantization quantization) throws IOException {
    Path plain = TinyModels.golden("tiny-llama");
    try (PeftModel model =
        Peft.from(plain)
            .device(Device.cpu())
            .precision(Precision.FLOAT32)
            .quantize(quantization)
            .load()) {
      model.saveBase(folder.toString());
      try (PeftModel saved = load(folder)) {
        assertThat(quantized(saved))
            .hasSize(quantization instanceof Groups ? 0 : quantized(model).size());
        assertThat(logits(saved)).containsExactly(logits(model), within(1e-5f));
      }
      model.adapt(LORA).mergeAndQuantize();
      Path merged = folder.resolve("merged");
      model.saveBase(merged.toString());
      try (PeftModel saved = load(merged)) {
        assertThat(logits(saved)).containsExactly(logits(model), within(1e-5f));
      }
    }
  }

  /**
   * Older checkpoints of mixtures store experts one by one, and bitsandbytes quantised them. A
   * model keeps them in one tensor of plain numbers.
   */
  @Test
  void expertsBecomePlain() throws IOException {
    Path golden = TinyModels.golden("tiny-mixtral");
    Path plain = Files.createDirectory(folder.resolve("plain"));
    Path quantized = Files.createDirectory(folder.resolve("quantized"));
    SafetensorsWriter rounded = new SafetensorsWriter();
    SafetensorsWriter stored = new SafetensorsWriter();
    int maps = 0;
    try (Safetensors source = Safetensors.open(golden.resolve("model.safetensors"));
        NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      for (String name : source.names()) {
        long[] shape = source.info(name).shape();
        float[] values = source.floats(name);
        if (!name.matches(".*(experts\\.\\d+\\.w\\d|_proj)\\.weight")) {
          rounded.add(name, shape, values);
          stored.add(name, shape, values);
          continue;
        }
        NDArray weight = manager.create(values, new Shape(shape));
        try (Int8Matrix matrix = Int8.BY_ROW.store(weight, false, Precision.FLOAT32)) {
          rounded.add(name, shape, Tensors.floats(matrix.dense()));
          byte[] codes = matrix.numbers().toByteArray();
          stored.add(
              new TensorInfo(name, DType.I8, shape), sink -> sink.accept(ByteBuffer.wrap(codes)));
          stored.add(
              name.replace(".weight", ".SCB"),
              new long[] {shape[0]},
              Tensors.floats(matrix.largest()));
        }
        maps += name.contains("experts") ? 0 : 1;
      }
    }
    rounded.write(plain.resolve("model.safetensors"));
    stored.write(quantized.resolve("model.safetensors"));
    String config = Files.readString(golden.resolve("config.json"));
    Files.writeString(plain.resolve("config.json"), config);
    JsonObject settings = JsonParser.parseString(config).getAsJsonObject();
    settings.add(
        "quantization_config",
        JsonParser.parseString("{\"quant_method\":\"bitsandbytes\",\"load_in_8bit\":true}"));
    Files.writeString(quantized.resolve("config.json"), settings.toString());
    try (PeftModel model = load(quantized);
        PeftModel reference = load(plain)) {
      assertThat(quantized(model)).hasSize(maps);
      assertThat(logits(model)).containsExactly(logits(reference), within(1e-5f));
    }
  }
}
