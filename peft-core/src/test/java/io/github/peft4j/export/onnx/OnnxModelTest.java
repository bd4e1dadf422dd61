package io.github.peft4j.export.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.onnxruntime.OrtException;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.AdapterSet;
import io.github.peft4j.adapter.files.CompanionFiles;
import io.github.peft4j.adapter.files.ModelFiles;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.TensorBytes;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The files of written models, and what ONNX Runtime computes with them. */
class OnnxModelTest {

  private static final Path TASKS = Path.of("src/test/resources/golden-tasks");
  private static final List<String> TEXTS =
      List.of("A cat sits on the mat.", "Stocks fell after the news of the day.", "Hi");
  private static final long[][] IDS = {{5, 6, 7, 8, 9, 10}, {3, 4, 2, 0, 0, 0}};
  private static final long[][] MASK = {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 0, 0, 0}};

  @TempDir private Path folder;

  private static float[] logits(PeftModel model, long[][] ids, long[][] mask) {
    try (NDArray logits = model.logits(ModelInput.of(model.base().manager(), ids, mask))) {
      return Tensors.floats(logits);
    }
  }

  private float[] written(String output) throws OrtException {
    try (OnnxSession session = new OnnxSession(folder.resolve("model.onnx"))) {
      return Objects.requireNonNull(session.run(IDS, MASK, null).get(output));
    }
  }

  @Test
  void anEmbedderGivesVectorsOfTexts() throws OrtException {
    try (PeftModel model = MiniLm.embedder()) {
      float[][] vectors = model.embed(TEXTS);
      long[][] ids = TEXTS.stream().map(model.tokenizer()::encode).toArray(long[][]::new);
      int width = Arrays.stream(ids).mapToInt(row -> row.length).max().orElseThrow();
      long[][] mask = new long[ids.length][width];
      for (int row = 0; row < ids.length; row++) {
        Arrays.fill(mask[row], 0, ids[row].length, 1);
        ids[row] = Arrays.copyOf(ids[row], width);
      }

      model.saveOnnx(folder);

      try (OnnxSession session = new OnnxSession(folder.resolve("model.onnx"))) {
        assertThat(session.inputs())
            .containsExactlyInAnyOrder("input_ids", "attention_mask", "token_type_ids");
        assertThat(session.outputs()).containsExactly("last_hidden_state", "sentence_embedding");
        assertThat(session.shape("last_hidden_state")).containsExactly(-1, -1, 384);
        assertThat(session.shape("sentence_embedding")).containsExactly(-1, 384);
        float[] found =
            Objects.requireNonNull(session.run(ids, mask, null).get("sentence_embedding"));
        for (int row = 0; row < vectors.length; row++) {
          assertThat(Arrays.copyOfRange(found, row * 384, (row + 1) * 384))
              .containsExactly(vectors[row], within(1e-5f));
        }
      }
      assertThat(folder)
          .isDirectoryContaining("glob:**/{tokenizer.json}")
          .isDirectoryContaining("glob:**/{modules.json}")
          .isDirectoryContaining("glob:**/{config.json}");
    }
  }

  @Test
  void adaptersAreMergedAndTheModelStays() throws OrtException {
    try (PeftModel model = MiniLm.load("no", "yes")) {
      float[] before = logits(model, IDS, MASK);
      model.adapt("toy", ToyConfig.of(1.5, 0.3));
      float[] adapted = logits(model, IDS, MASK);

      model.saveOnnx(folder.toString());

      assertThat(adapted).isNotEqualTo(before);
      assertThat(written("logits")).containsExactly(adapted, within(1e-4f));
      assertThat(logits(model, IDS, MASK)).isEqualTo(adapted);
      assertThat(model.isMerged()).isFalse();
    }
  }

  @Test
  void segmentsAreAnInput() throws OrtException {
    long[][] types = {{0, 0, 0, 1, 1, 1}, {0, 1, 1, 0, 0, 0}};
    try (PeftModel model = Peft.load(TASKS.resolve("tagger-bert").toString())) {
      model.saveOnnx(folder);
      ModelInput input =
          ModelInput.of(model.base().manager(), IDS, MASK)
              .withTypes(ModelInput.array(model.base().manager(), types));
      try (OnnxSession session = new OnnxSession(folder.resolve("model.onnx"));
          NDArray logits = model.logits(input)) {
        assertThat(session.run(IDS, MASK, types).get("logits"))
            .containsExactly(Tensors.floats(logits), within(1e-4f));
        assertThat(session.run(IDS, MASK, null).get("logits"))
            .isNotEqualTo(session.run(IDS, MASK, types).get("logits"));
      }
    }
  }

  @Test
  void weightsKeepTheirPrecisionAndTheGraphComputesIn32Bits() throws OrtException, IOException {
    for (Precision precision : List.of(Precision.BFLOAT16, Precision.FLOAT16, Precision.FLOAT64)) {
      Path merged = folder.resolve(precision + "");
      try (PeftModel model =
          Peft.from(TASKS.resolve("reader-roberta")).precision(precision).load()) {
        model.saveMerged(merged.toString()).saveOnnx(folder);
      }
      try (PeftModel rounded = Peft.from(merged).precision(Precision.FLOAT32).load();
          NDArray logits = rounded.logits(ModelInput.of(rounded.base().manager(), IDS, MASK))) {
        float[] starts = written("start_logits");
        float[] wanted = Tensors.floats(logits);
        for (int i = 0; i < starts.length; i++) {
          assertThat(starts[i]).isCloseTo(wanted[2 * i], within(1e-4f));
        }
      }
      long weights = Files.size(merged.resolve("model.safetensors"));
      assertThat(Files.size(folder.resolve("model.onnx")))
          .isBetween(weights - 4096, weights + 65536);
    }
  }

  @Test
  void aModelOfFourBitsIsWrittenAsItWasRounded() throws OrtException {
    try (PeftModel model =
            Peft.from(TASKS.resolve("tagger-bert")).quantize(Nf4.doubleQuantized()).load();
        PeftModel plain = Peft.load(TASKS.resolve("tagger-bert").toString())) {
      model.saveOnnx(folder);

      float[] rounded = logits(model, IDS, MASK);
      assertThat(written("logits")).containsExactly(rounded, within(1e-4f));
      assertThat(rounded).isNotEqualTo(logits(plain, IDS, MASK));
    }
  }

  /** As in peft4j, texts that are too long are an error. */
  @Test
  void aTextWithMorePositionsThanTheModelIsRefusedByTheRuntime() throws OrtException {
    try (PeftModel model = Peft.load(TASKS.resolve("tagger-bert").toString())) {
      model.saveOnnx(folder);
      int length = (int) model.base().maxPositions() + 1;
      try (OnnxSession session = new OnnxSession(folder.resolve("model.onnx"))) {
        long[][] ids = new long[1][length];
        long[][] mask = new long[1][length];
        Arrays.fill(mask[0], 1);

        assertThatThrownBy(() -> session.run(ids, mask, null)).isInstanceOf(OrtException.class);
      }
    }
  }

  @Test
  void aModelThatIsTooLargeForOneFileHasTwo() throws OrtException, IOException {
    try (PeftModel model = Peft.load(TASKS.resolve("tagger-roberta").toString())) {
      float[] wanted = logits(model, IDS, MASK);
      new AdapterSet(model.base())
          .whileReading(
              merger ->
                  ModelFiles.write(
                      model.base(),
                      merger,
                      new CompanionFiles(null, null, null),
                      folder,
                      new OnnxModel(model.base(), null, 60_000)));

      assertThat(folder.resolve("model.onnx.data")).exists();
      assertThat(Files.size(folder.resolve("model.onnx"))).isLessThan(60_000);
      assertThat(written("logits")).containsExactly(wanted, within(1e-4f));

      model.saveMerged(folder.toString()).saveOnnx(folder);

      assertThat(folder.resolve("model.onnx.data")).doesNotExist();
      assertThat(folder.resolve("model.safetensors")).exists();
      assertThat(written("logits")).containsExactly(wanted, within(1e-4f));
    }
  }

  /** As when an adapter is merged into the token table, or into the map to the vocabulary. */
  @Test
  void aTableThatIsNoLongerSharedIsWrittenTwice() throws OrtException {
    try (PeftModel model = Peft.load(TASKS.resolve("filler-bert").toString())) {
      float[] shared = logits(model, IDS, MASK);
      OnnxModel onnx = new OnnxModel(model.base(), null);
      model.base().parameters().forEach(parameter -> add(onnx, parameter.name(), parameter));
      String table = "bert.embeddings.word_embeddings.weight";
      long[] shape =
          model
              .base()
              .parameters()
              .filter(parameter -> parameter.name().equals(table))
              .map(parameter -> parameter.shape().getShape())
              .findFirst()
              .orElseThrow();
      TensorInfo zeros = new TensorInfo("cls.predictions.decoder.weight", DType.F32, shape);
      onnx.add(zeros, sink -> sink.accept(ByteBuffer.allocate((int) zeros.byteCount())));
      try (FileGroup files = new FileGroup(folder)) {
        onnx.writeTo(files);
        files.commit();
      }
      float[] own = written("logits");
      int classes = (int) shape[0];
      assertThat(own).isNotEqualTo(shared);
      assertThat(Arrays.copyOf(own, classes)) // the bias alone
          .containsExactly(Arrays.copyOfRange(own, classes, 2 * classes));
    }
  }

  private static void add(OnnxModel onnx, String name, ParameterSite parameter) {
    onnx.add(
        new TensorInfo(name, DType.F32, parameter.shape().getShape()),
        sink -> TensorBytes.read(parameter.frozen(), Precision.FLOAT32, sink));
  }

  @Test
  void aTensorThatTheGraphDoesNotUseIsAnError() {
    try (PeftModel model = Peft.load(TASKS.resolve("tagger-bert").toString());
        FileGroup files = new FileGroup(folder)) {
      OnnxModel onnx = new OnnxModel(model.base(), null);
      model.base().parameters().forEach(parameter -> add(onnx, parameter.name(), parameter));
      add(onnx, "bert.gate.weight", model.base().parameters().findFirst().orElseThrow());

      assertThatThrownBy(() -> onnx.writeTo(files))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("bert.gate.weight");
    }
  }

  @Test
  void aFailureLeavesTheFolderAsItWas() throws IOException {
    Files.writeString(folder.resolve("model.onnx"), "earlier");
    try (PeftModel model = Peft.load(TASKS.resolve("tagger-bert").toString())) {
      Files.createDirectory(folder.resolve("config.json")); // a file cannot be moved onto it

      assertThatThrownBy(() -> model.saveOnnx(folder)).hasMessageContaining("config.json");
    }
    assertThat(folder.resolve("model.onnx")).hasContent("earlier");
    assertThat(folder.resolve("config.json")).isDirectory();
  }

  /** A classifier of MiniLM has a pooler; without a head it is kept, but not computed. */
  @Test
  void theTaskDecidesWhatIsWritten() throws OrtException {
    try (PeftModel model =
        MiniLm.loader()
            .task(Task.tokenClassification(List.of("A", "B", "C")))
            .device(Device.cpu())
            .load()) {
      model.saveOnnx(folder);
      try (OnnxSession session = new OnnxSession(folder.resolve("model.onnx"))) {
        assertThat(session.outputs()).containsExactly("logits");
        assertThat(session.shape("logits")).containsExactly(-1, -1, 3);
      }
    }
  }
}
