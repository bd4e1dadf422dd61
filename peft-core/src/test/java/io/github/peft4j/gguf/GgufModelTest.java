package io.github.peft4j.gguf;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.chat.ChatOptions;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.Pooling;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.gguf.GgufException;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.gguf.GgufWriter;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files by make_models.py, and what transformers computes of the same numbers. */
class GgufModelTest {

  private static final Path FILES = Path.of("src/test/resources/io/github/peft4j/gguf");
  private static final JsonObject EXPECTED = JsonFile.read(FILES.resolve("expected.json"));

  @TempDir Path folder;

  private static PeftModel load(Path path) {
    return Peft.from(path).device(Device.cpu()).load();
  }

  private static Path file(String name) {
    return FILES.resolve(name + ".gguf");
  }

  private static float[] logits(PeftModel model) {
    long[] ids =
        EXPECTED.getAsJsonArray("ids").asList().stream()
            .mapToLong(JsonElement::getAsLong)
            .toArray();
    try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
      NDArray input = manager.create(ids, new Shape(1, ids.length));
      NDArray all =
          model.forward(new ParameterStore(manager, false), new NDList(input), false).get(0);
      return all.get("0,-1").toFloatArray();
    }
  }

  private static float[] floats(JsonArray numbers) {
    float[] floats = new float[numbers.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = numbers.get(i).getAsFloat();
    }
    return floats;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama", "llama3", "factors", "yarn", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3",
        "gpt2"
      })
  void computesWhatTransformersDoes(String name) {
    try (PeftModel model = load(file(name))) {
      assertArrayEquals(
          floats(EXPECTED.getAsJsonObject("logits").getAsJsonArray(name)), logits(model), 2e-5f);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen3", "gemma3", "phi3", "gpt2"})
  void blocksStayAsTheyAre(String name) {
    try (PeftModel model = Peft.from(file(name)).device(Device.cpu()).keepBlocks().load();
        PeftModel plain = load(file(name))) {
      assertArrayEquals(
          floats(EXPECTED.getAsJsonObject("logits").getAsJsonArray(name)), logits(model), 2e-5f);
      long kept = model.base().parameters().filter(ParameterSite::isQuantized).count();
      long maps = plain.base().parameters().filter(p -> p.name().endsWith("proj.weight")).count();
      assertTrue(kept >= maps && kept > 0, kept + " of " + maps);
      assertEquals(plain.baseSha256(), model.baseSha256());
    }
  }

  @Test
  void onlyFilesHaveBlocksToKeep() {
    Path hf = folder.resolve("hf");
    try (PeftModel model = load(file("gpt2"))) {
      model.saveBase(hf.toString());
    }
    assertTrue(
        requireNonNull(
                assertThrows(IllegalArgumentException.class, () -> Peft.from(hf).keepBlocks())
                    .getMessage())
            .contains("is no GGUF file"));
  }

  @Test
  void blocksAreNotQuantizedAgain() {
    Peft.Loader both = Peft.from(file("llama")).keepBlocks().quantize(Nf4.plain());
    assertTrue(
        requireNonNull(assertThrows(IllegalArgumentException.class, both::load).getMessage())
            .endsWith(
                "llama.gguf: keepBlocks() keeps the weights as the file has them, quantize(NF4) in"
                    + " another form; take one of the two"));
  }

  /** The files have the order of llama.cpp's converter; Q8_0 of numbers out of Q8_0 is the same. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama", "yarn", "qwen2", "qwen3", "gemma2", "gemma3", "llama3", "factors", "gpt2", "bert"
      })
  void aFileIsWrittenAsItWas(String name) throws IOException {
    Path written = folder.resolve(name + ".gguf");
    try (PeftModel model = load(file(name))) {
      model.saveGguf(written, GgufType.Q8_0);
    }
    assertEquals(-1, Files.mismatch(file(name), written));
  }

  /** The converter writes LongRoPE's factor before what all files begin with. */
  @Test
  void phi3HasTheSameValuesInAnotherOrder() throws IOException {
    Path written = folder.resolve("phi3.gguf");
    try (PeftModel model = load(file("phi3"))) {
      model.saveGguf(written, GgufType.Q8_0);
    }
    try (GgufFile before = GgufFile.open(file("phi3"));
        GgufFile after = GgufFile.open(written)) {
      assertEquals(before.metadata().keys(), after.metadata().keys());
      assertEquals(before.names().stream().toList(), after.names().stream().toList());
      for (String tensor : before.names()) {
        assertArrayEquals(before.floats(tensor), after.floats(tensor), tensor);
      }
    }
  }

  /** Rows of 32 are too short for blocks of 256: llama.cpp takes other types then. */
  @ParameterizedTest
  @CsvSource({"Q4_K, Q5_0, Q8_0, 14", "Q5_K, Q5_1, Q8_0, 16", "Q6_K, Q8_0, Q8_0, 18"})
  void kTypesAreWritten(GgufType type, GgufType ofMaps, GgufType ofTables, int fileType) {
    Path written = folder.resolve("k.gguf");
    try (PeftModel model = load(file("llama"))) {
      model.saveGguf(written, type);
    }
    try (GgufFile after = GgufFile.open(written);
        PeftModel model = load(written)) {
      assertEquals(fileType, after.metadata().integer("general.file_type"));
      assertEquals(ofTables, after.tensor("token_embd.weight").type());
      assertEquals(ofMaps, after.tensor("blk.0.ffn_up.weight").type());
      assertEquals(GgufType.F32, after.tensor("blk.0.attn_norm.weight").type());
      if (type == GgufType.Q6_K) { // all in Q8_0, as they were
        float[] expected = floats(EXPECTED.getAsJsonObject("logits").getAsJsonArray("llama"));
        assertArrayEquals(expected, logits(model), 2e-5f);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "gemma3", "gpt2", "phi3"})
  void aFolderOfHuggingFaceBecomesAFileAndAModelAgain(String name) {
    Path hf = folder.resolve("hf");
    Path plain = folder.resolve("plain.gguf");
    try (PeftModel model = load(file(name))) {
      model.saveBase(hf.toString());
    }
    float[] expected;
    try (PeftModel model = load(hf)) {
      expected = logits(model);
      assertArrayEquals(
          floats(EXPECTED.getAsJsonObject("logits").getAsJsonArray(name)), expected, 2e-5f);
      model.saveGguf(plain, GgufType.F32);
    }
    try (PeftModel model = load(plain)) {
      assertArrayEquals(expected, logits(model), 1e-6f);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "gemma3", "bert"})
  void tokenizersGiveTheSameIds(String name) {
    try (PeftModel model = load(file(name))) {
      Tokenizer tokenizer = model.tokenizer();
      JsonArray texts = EXPECTED.getAsJsonArray("texts");
      for (int i = 0; i < texts.size(); i++) {
        String text = texts.get(i).getAsString();
        List<Long> expected =
            EXPECTED.getAsJsonArray(name).get(i).getAsJsonArray().asList().stream()
                .map(JsonElement::getAsLong)
                .toList();
        List<Long> ids = new ArrayList<>();
        for (long id : tokenizer.encode(text)) {
          ids.add(id);
        }
        assertEquals(expected, ids, text);
        if (!name.equals("bert")) { // which lower-cases texts and splits them
          assertEquals(
              text, tokenizer.decode(tokenizer.encode(text, false), false), "decoded again");
        }
      }
    }
  }

  @Test
  void theFilesTemplateAndSpecialTokensAreThoseOfTheModel() {
    try (PeftModel model = load(file("llama"))) {
      assertEquals(
          "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
          model
              .chatTemplate()
              .render(Conversation.of(Message.user("hi")), ChatOptions.prompt())
              .text());
      assertEquals(2, model.tokenizer().eosId().orElseThrow());
      assertEquals(1, model.tokenizer().bosId().orElseThrow());
      assertEquals(297, model.tokenizer().vocabularySize());
    }
  }

  @Test
  void aFolderWithOneFileIsThatFile() throws IOException {
    Files.copy(file("gpt2"), folder.resolve("model.gguf"));
    Files.writeString(folder.resolve("config.json"), "{}"); // many repositories have one beside it
    Files.writeString(folder.resolve("mmproj-model.gguf"), "a part for images");
    try (PeftModel model = load(folder)) {
      assertEquals("gpt2", model.base().config().text("model_type", ""));
    }
    Files.copy(file("gpt2"), folder.resolve("other.gguf"));
    String message =
        requireNonNull(
            assertThrows(IllegalArgumentException.class, () -> load(folder)).getMessage());
    assertTrue(message.contains("has 2 GGUF files: pass the path of one, as "), message);
    assertTrue(message.contains("There are model.gguf (0.0 MB), other.gguf (0.0 MB)"), message);
  }

  @Test
  void writingOverTheFileOfTheModelKeepsItsFingerprint() throws IOException {
    Path own = folder.resolve("own.gguf");
    Files.copy(file("gpt2"), own);
    try (PeftModel fresh = load(own)) {
      String expected = fresh.baseSha256();
      try (PeftModel model = load(own)) {
        model.saveGguf(own, GgufType.F16);
        assertEquals(expected, model.baseSha256());
      }
    }
  }

  // Encoders

  private static float[] expectedVector() {
    return floats(EXPECTED.getAsJsonObject("logits").getAsJsonArray("bert"));
  }

  /** The vector of the ids, by the settings that came with the model. */
  private static float[] vector(PeftModel model) {
    long[][] ids = {
      EXPECTED.getAsJsonArray("ids").asList().stream().mapToLong(JsonElement::getAsLong).toArray()
    };
    try (NDManager manager = NDManager.newBaseManager(Device.cpu());
        ModelCall call = model.newCall();
        Pass pass = call.pass()) {
      NDArray states =
          Autograd.without(() -> model.base().hidden(ModelInput.of(manager, ids, null), pass));
      return model.embeddingSettings().vectors(states, null).toFloatArray();
    }
  }

  @Test
  void anEncoderGivesTheVectorsOfTheFilesPooling() {
    try (PeftModel model = load(file("bert"))) {
      assertArrayEquals(expectedVector(), vector(model), 2e-6f);
      assertEquals(Pooling.MEAN, model.embeddingSettings().pooling());
      assertTrue(model.embeddingSettings().normalized());
    }
    try (PeftModel model = load(changed("bert", m -> m.uint32("bert.pooling_type", 2)))) {
      assertEquals(Pooling.CLS, model.embeddingSettings().pooling());
    }
    assertRefused(changed("bert", m -> m.uint32("bert.pooling_type", 4)), "bert.pooling_type is 4");
    assertRefused(
        changed("bert", m -> m.bool("bert.attention.causal", true)),
        "bert.attention.causal is true");
  }

  @Test
  void anEncoderBecomesAFolderAndAFileAgain() throws IOException {
    Path hf = folder.resolve("hf");
    Path again = folder.resolve("bert.gguf");
    try (PeftModel model = load(file("bert"))) {
      model.embed("the fox");
      model.saveBase(hf.toString());
    }
    try (PeftModel model = load(hf)) {
      assertArrayEquals(expectedVector(), vector(model), 2e-6f);
      assertEquals("[CLS]", model.tokenizer().decode(new long[] {2}, false));
      model.saveGguf(again, GgufType.Q8_0);
    }
    try (GgufFile before = GgufFile.open(file("bert"));
        GgufFile after = GgufFile.open(again)) {
      assertEquals(
          before.metadata().toBuilder().string("general.name", "Hf").build().toString(),
          after.metadata().toString());
    }
  }

  @Test
  void aPairOfTextsHasTheSeparatorOnce() {
    try (PeftModel model = load(file("bert"))) {
      long[] expected =
          EXPECTED.getAsJsonArray("pair").asList().stream()
              .mapToLong(JsonElement::getAsLong)
              .toArray();
      assertArrayEquals(expected, model.tokenizer().encode("the fox", "hi"));
    }
  }

  @Test
  void anEncoderWithAHeadIsRefused() {
    try (PeftModel model =
        Peft.from(file("bert")).device(Device.cpu()).task(Task.classification("a", "b")).load()) {
      assertTrue(
          requireNonNull(
                  assertThrows(
                          UnsupportedModelException.class,
                          () -> model.saveGguf(folder.resolve("x.gguf"), GgufType.F16))
                      .getMessage())
              .contains("it is for SEQ_CLS; expected a model of texts for FEATURE_EXTRACTION"));
    }
  }

  // Models in parts, as llama.cpp's gguf-split writes them

  /** Cuts a file into three: the first part has the keys and no tensors. */
  private Path parts(String name) {
    try (GgufFile whole = GgufFile.open(file(name))) {
      List<String> names = whole.names().stream().toList();
      for (int part = 0; part < 3; part++) {
        GgufMetadata.Builder metadata =
            part == 0 ? whole.metadata().toBuilder() : new GgufMetadata.Builder();
        metadata.uint32("split.no", part);
        metadata.uint32("split.count", 3);
        metadata.int32("split.tensors.count", names.size());
        GgufWriter writer = new GgufWriter(metadata.build());
        int half = names.size() / 2;
        List<String> own =
            part == 0
                ? List.of()
                : part == 1 ? names.subList(0, half) : names.subList(half, names.size());
        for (String tensor : own) {
          writer.add(
              tensor,
              whole.tensor(tensor).type(),
              whole.tensor(tensor).shape(),
              sink -> whole.readBlocks(tensor, sink));
        }
        writer.write(part(part + 1));
      }
    }
    return part(1);
  }

  private Path part(int number) {
    return folder.resolve("model-0000" + number + "-of-00003.gguf");
  }

  @Test
  void aModelInPartsIsOneModel() {
    parts("llama");
    for (Path path : List.of(part(1), part(3), folder)) {
      try (PeftModel model = load(path);
          PeftModel whole = load(file("llama"))) {
        assertArrayEquals(logits(whole), logits(model));
        assertEquals(whole.baseSha256(), model.baseSha256());
        assertEquals(297, model.tokenizer().vocabularySize());
      }
    }
  }

  @Test
  void aPartThatIsMissingIsNamed() throws IOException {
    parts("gpt2");
    Files.delete(part(2));
    assertRefused(part(1), "is one of 3 parts", "there is no " + part(2));
    assertRefused(folder, folder + " lacks parts of model-00001-of-00003.gguf", "00002-of");
    Files.copy(part(3), part(2));
    assertRefused(part(1), part(2) + ": split.no is 2, expected 1");
    Files.delete(part(2));
    Files.copy(file("gpt2"), part(2));
    assertRefused(part(1), part(2) + ": split.count is 1, expected 3");
  }

  // What is refused

  private Path changed(String name, UnaryOperator<GgufMetadata.Builder> change) {
    Path copy = folder.resolve("changed.gguf");
    try (GgufFile file = GgufFile.open(file(name))) {
      GgufMetadata metadata = change.apply(file.metadata().toBuilder()).build();
      new GgufWriter(metadata).addAll(file).write(copy);
    }
    return copy;
  }

  private static void assertRefused(Path path, String... parts) {
    RuntimeException e = assertThrows(IllegalArgumentException.class, () -> load(path));
    Stream.of(parts)
        .forEach(part -> assertTrue(String.valueOf(e.getMessage()).contains(part), e.getMessage()));
  }

  @Test
  void filesOfOtherThingsAreToldApart() {
    assertRefused(
        file("lora"), "lora.gguf", "an adapter for llama.cpp", "then this file as its adapter");
    assertRefused(
        changed("gpt2", m -> m.string("general.architecture", "rwkv7")),
        "general.architecture is rwkv7",
        "expected one of llama, qwen2",
        "Hugging Face's format");
    assertRefused(
        changed("gpt2", m -> m.string("general.type", "mmproj")), "general.type is mmproj");
    assertRefused(
        changed("gpt2", m -> m.uint32("split.count", 3)),
        "one of 3 parts",
        "NAME-00001-of-00003.gguf");
    assertRefused(
        changed("llama", m -> m.uint32("llama.expert_count", 8)), "llama.expert_count is 8");
    assertRefused(
        changed("llama", m -> m.string("tokenizer.ggml.pre", "viking")),
        "tokenizer.ggml.pre is viking",
        "smollm");
    assertRefused(
        changed("llama", m -> m.string("tokenizer.ggml.model", "rwkv")),
        "tokenizer.ggml.model is rwkv");
    assertRefused(
        changed("llama", m -> m.uint32("llama.rope.dimension_count", 8)),
        "llama.rope.dimension_count is 8",
        "all of it rotated");
    assertRefused(
        changed("llama", m -> m.uint32("tokenizer.ggml.bos_token_id", 400)),
        "bos_token_id is 400",
        "from 0 to 303");
    assertThrows(
        GgufException.class, () -> load(changed("llama", m -> m.remove("llama.block_count"))));
  }

  @Test
  void aFileWithoutWeightsIsAVocabulary() {
    Path copy = folder.resolve("vocabulary.gguf");
    try (GgufFile file = GgufFile.open(file("llama"))) {
      new GgufWriter(file.metadata()).write(copy);
    }
    assertRefused(copy, "a vocabulary and no weights");
  }

  @Test
  void aTensorThatTheFamilyLacksIsNamed() {
    Path copy = folder.resolve("more.gguf");
    try (GgufFile file = GgufFile.open(file("gpt2"))) {
      new GgufWriter(file.metadata())
          .addAll(file)
          .add(
              "blk.0.attn_sinks.weight",
              GgufType.F32,
              new long[] {1},
              sink -> sink.accept(GgufWeights.bytes(1)))
          .write(copy);
    }
    assertRefused(copy, "does not know 1 tensors", "blk.0.attn_sinks.weight");
  }

  /** A file with other numbers of one tensor, or without it if there are none. */
  private Path changed(String name, String tensor, float... numbers) {
    Path copy = folder.resolve("changed.gguf");
    try (GgufFile file = GgufFile.open(file(name))) {
      GgufWriter writer = new GgufWriter(file.metadata());
      for (String each : file.names()) {
        boolean other = each.equals(tensor);
        if (!other) {
          writer.add(
              each,
              file.tensor(each).type(),
              file.tensor(each).shape(),
              sink -> file.readBlocks(each, sink));
        } else if (numbers.length > 0) {
          writer.add(
              each,
              GgufType.F32,
              new long[] {numbers.length},
              sink -> sink.accept(GgufWeights.bytes(numbers)));
        }
      }
      writer.write(copy);
    }
    return copy;
  }

  /** Factors below 1 were taken for none, as was one of two tensors. */
  @Test
  void factorsOfFrequenciesAreReadOrRefused() {
    float[] half = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    try (PeftModel model = load(file("llama3"));
        PeftModel other = load(changed("llama3", "rope_freqs.weight", half))) {
      assertEquals(
          "[0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5]",
          other
              .base()
              .config()
              .json()
              .getAsJsonObject("rope_scaling")
              .get("short_factor")
              .toString());
      assertFalse(Arrays.equals(logits(model), logits(other)));
    }
    for (float wrong : new float[] {0, -2, Float.NaN, Float.POSITIVE_INFINITY}) {
      float[] factors = half.clone();
      factors[7] = wrong;
      assertRefused(
          changed("llama3", "rope_freqs.weight", factors), "0.5, " + wrong + "]", "above 0");
    }
    assertRefused(
        changed("llama3", "rope_freqs.weight", 1, 1, 1),
        "changed.gguf",
        "rope_freqs.weight has the shape [3]; expected [8]");
    assertRefused(
        changed("phi3", "rope_factors_long.weight"), "there is no tensor rope_factors_long.weight");
    assertRefused(
        changed("llama", m -> m.string("llama.rope.scaling.type", "longrope")),
        "rope.scaling.type is longrope; expected the tensors rope_factors_short.weight");
  }

  /** Without the first layer's, the others were left out. */
  @Test
  void biasesOfOneLayerAreNeededInAll() {
    assertRefused(
        changed("llama3", "blk.0.attn_q.bias"), "missing model.layers.0.self_attn.q_proj.bias");
  }

  @Test
  void aModelWithoutTokenizerLoadsWithoutOne() {
    assertNull(GgufModel.read(file("gpt2")).tokenizer());
  }

  @Test
  void whatNoFileSaysIsRefused() throws IOException {
    Path hf = folder.resolve("hf");
    try (PeftModel model = load(file("gemma2"))) {
      model.saveBase(hf.toString());
    }
    JsonObject config = JsonFile.read(hf.resolve("config.json"));
    config.addProperty("query_pre_attn_scalar", 24);
    Files.writeString(hf.resolve("config.json"), config.toString());
    Path target = folder.resolve("x.gguf");
    try (PeftModel model = load(hf)) {
      String message =
          requireNonNull(
              assertThrows(
                      IllegalArgumentException.class, () -> model.saveGguf(target, GgufType.F16))
                  .getMessage());
      assertTrue(message.contains("'query_pre_attn_scalar' is 24.0; expected 16"), message);
      assertTrue(
          requireNonNull(
                  assertThrows(
                          IllegalArgumentException.class,
                          () -> model.saveGguf(target, GgufType.Q3_K))
                      .getMessage())
              .contains("Q3_K is no type of a model to write"));
    }
    try (PeftModel model = load(file("gpt2"))) {
      Path root = folder.getRoot();
      assertTrue(
          requireNonNull(
                  assertThrows(
                          IllegalArgumentException.class, () -> model.saveGguf(root, GgufType.F16))
                      .getMessage())
              .contains("it names no file"));
    }
    try (PeftModel model =
        Peft.from(file("llama")).device(Device.cpu()).task(Task.classification("a", "b")).load()) {
      assertTrue(
          requireNonNull(
                  assertThrows(
                          UnsupportedModelException.class,
                          () -> model.saveGguf(target, GgufType.F16))
                      .getMessage())
              .contains("it is for SEQ_CLS"));
    }
    assertTrue(Files.notExists(target));
  }
}
