package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is no model or adapter that can be loaded says whose it is and what to do. */
class ForeignFoldersTest {

  private static final String LFS =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 272123144\n";

  @TempDir Path temporary;

  private static PeftModel llama() {
    return Peft.load(TinyModels.golden("tiny-llama").toString());
  }

  private Path model() {
    return TinyModels.copy("tiny-llama", temporary.resolve("model"));
  }

  private Path adapter() {
    Path folder = temporary.resolve("adapter");
    try (PeftModel model = llama()) {
      model.adapt(LoraConfig.ofRank(2)).save(folder.toString());
    }
    return folder;
  }

  private static void assertNoModel(Path folder, String... parts) {
    assertThatThrownBy(() -> Peft.load(folder.toString()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContainingAll(parts);
  }

  private static void assertNoAdapter(Path folder, String... parts) {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(folder.toString())
          .hasMessageContainingAll(parts);
      assertThat(model.adapters()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "adapter_config.json, it is an adapter, base_model_name_or_path",
    "pytorch_model-00001-of-00002.bin, shards without pytorch_model.bin.index.json, fetch",
    "consolidated.00.pth, authors' own format, safetensors",
    "tf_model.h5, TensorFlow, safe_serialization=True",
    "model.onnx, ONNX, safetensors",
    "model_index.json, diffusers, images",
    "weights.npz, MLX, safetensors",
    "snapshots, cache, snapshots",
    "0_Transformer, sentence-transformers, 0_Transformer",
    "model-00001-of-00002.safetensors, shards without model.safetensors.index.json, fetch",
  })
  void foldersOfOthers(String file, String what, String advice) throws IOException {
    Path folder = Files.createDirectories(temporary.resolve("foreign"));
    Files.writeString(folder.resolve(file), "x");
    assertNoModel(folder, "has no config.json", what, advice);
    if (!file.equals("adapter_config.json")) {
      Files.copy(
          TinyModels.golden("tiny-llama").resolve("config.json"), folder.resolve("config.json"));
      assertNoModel(folder, "found none of them", what, advice);
    }
  }

  @Test
  void whatIsNoFolder() throws IOException {
    assertNoModel(Files.writeString(temporary.resolve("model.txt"), "text"), "is not a folder");
    assertNoModel(Files.writeString(temporary.resolve("model.gguf"), "GGUF"), "has 4 bytes");
    assertNoModel(temporary.resolve("nowhere"), "does not exist");
    assertNoAdapter(temporary.resolve("nowhere"), "does not exist");
  }

  @ParameterizedTest
  @CsvSource({
    "adapters.npz, mlx-lm, mlx_lm.fuse",
    "adapters.safetensors, mlx-lm, mlx_lm.fuse",
    "pytorch_lora_weights.safetensors, diffusers, image",
    "ggml-adapter-model.bin, llama.cpp, PEFT",
    "adapter_model.safetensors, not its adapter_config.json, fetch",
    "llama_adapter_len10_layer30_release.pth, LLaMA-Adapter, convert",
    "adapter_0.pt, torchtune, convert",
    "config.json, whole model, as a model",
    "my_style.safetensors, kohya, adapter_config.json",
  })
  void adaptersOfOthers(String file, String what, String advice) throws IOException {
    Path folder = Files.createDirectories(temporary.resolve("foreign"));
    Files.writeString(folder.resolve(file), "x");
    assertNoAdapter(folder, "has no adapter_config.json", what, advice);
  }

  @ParameterizedTest
  @CsvSource({
    "'{\"fine_tune_type\":\"lora\",\"num_layers\":3,\"lora_parameters\":{\"rank\":4}}', mlx-lm",
    "'{\"lora_layers\":3,\"lora_parameters\":{\"rank\":4,\"scale\":2.0}}', mlx-lm",
    "'{\"model_type\":\"llama\"}', whole model",
    "'{\"rank\":4}', '[rank]'",
  })
  void configsOfOthers(String json, String what) throws IOException {
    Path folder = Files.createDirectories(temporary.resolve("foreign"));
    Files.writeString(folder.resolve("adapter_config.json"), json);
    assertNoAdapter(folder, "'peft_type' is missing", what);
  }

  @Test
  void mlxAdaptersOfPeftsConfigLackTheTensors() throws IOException {
    Path folder = adapter();
    Files.move(folder.resolve("adapter_model.safetensors"), folder.resolve("adapters.safetensors"));
    assertNoAdapter(folder, "has neither adapter_model.safetensors nor", "mlx-lm");
  }

  @Test
  void adaptersBelowTheFolder() {
    adapter();
    assertNoAdapter(temporary, "folders below it: pass one of adapter");
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.safetensors", "config.json", "tokenizer.json"})
  void pointersOfGitLfsAndEmptyFiles(String file) throws IOException {
    Path folder = model();
    Files.writeString(folder.resolve(file), LFS);
    assertNoModel(folder, file, "pointer of Git LFS", "git lfs pull");
    Files.writeString(folder.resolve(file), "");
    assertNoModel(folder, file, "fetch it again");
  }

  @ParameterizedTest
  @ValueSource(strings = {"adapter_model.safetensors", "adapter_config.json", "adapter_model.bin"})
  void pointersInPlaceOfAnAdapter(String file) throws IOException {
    Path folder = adapter();
    if (file.endsWith(".bin")) {
      Files.delete(folder.resolve("adapter_model.safetensors"));
    }
    Files.writeString(folder.resolve(file), LFS);
    assertNoAdapter(folder, file, "pointer of Git LFS", "git lfs pull");
  }

  @Test
  void missingShardsAreNamedTogether() throws IOException {
    Path folder = model();
    Files.delete(folder.resolve("model.safetensors"));
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        """
        {"weight_map": {"a": "model-00001-of-00003.safetensors", "b": "model-00002-of-00003.safetensors",
                        "c": "model-00003-of-00003.safetensors", "d": "model-00003-of-00003.safetensors"}}
        """);
    assertNoModel(
        folder,
        "3 of the 3 files",
        "model-00001-of-00003.safetensors, model-00002-of-00003.safetensors, model-00003");
  }

  private static void set(Path folder, String field, String value) throws IOException {
    Path file = folder.resolve("config.json");
    JsonObject config = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    config.add(field, JsonParser.parseString(value));
    Files.writeString(file, config.toString());
  }

  private static void assertQuantised(Path folder, String... parts) {
    assertThatThrownBy(() -> Peft.load(folder.toString()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll(parts)
        .hasMessageContaining("Load the plain model");
  }

  @ParameterizedTest
  @CsvSource({
    "'{\"quant_method\":\"gptq\",\"bits\":3}', 3-bit by gptq",
    "'{\"quant_method\":\"gptq\",\"bits\":4,\"checkpoint_format\":\"marlin\"}', '4-bit by gptq, ''checkpoint_format'' \"marlin\"'",
    "'{\"quant_method\":\"awq\",\"w_bit\":4,\"version\":\"GEMV\"}', '4-bit by awq, ''version'' \"GEMV\"'",
    "'{\"quant_method\":\"awq\",\"bits\":4,\"backend\":\"llm-awq\"}', 4-bit by awq",
    "'{\"quant_method\":\"hqq\",\"weight_quant_params\":{\"nbits\":4}}', 4-bit by hqq",
    "'{\"quant_method\":\"eetq\",\"weights\":\"int8\"}', quantised by eetq",
    "'{\"quant_method\":\"aqlm\",\"nbits_per_codebook\":16}', quantised by aqlm",
    "'{\"quant_method\":\"torchao\",\"quant_type\":\"int4_weight_only\"}', quantised by torchao",
    "'{\"quant_method\":\"fp8\",\"activation_scheme\":\"dynamic\"}', 8-bit by fp8",
    "'{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"group_0\":{\"weights\":{\"num_bits\":4}}}}', 4-bit by compressed-tensors",
    "'{\"quant_method\":\"quanto\",\"weights\":\"int8\"}', quantised by quanto",
  })
  void quantisedModels(String settings, String what) throws IOException {
    Path folder = model();
    Files.delete(folder.resolve("model.safetensors")); // it is said before the weights are opened
    set(folder, "quantization_config", settings);
    assertQuantised(folder, folder.toString(), "quantization_config", what);
  }

  @ParameterizedTest
  @CsvSource({
    "model.layers.0.self_attn.q_proj.qweight, I32, GPTQ",
    "model.layers.0.self_attn.q_proj.weight, U8, U8",
    "model.layers.0.self_attn.q_proj.weight, I8, I8",
    "model.layers.0.self_attn.q_proj.SCB, F32, 8-bit by bitsandbytes",
    "model.layers.0.self_attn.q_proj.weight.absmax, U8, 4-bit by bitsandbytes",
    "model.layers.0.self_attn.q_proj.weight_scale_inv, F32, fp8",
    "model.layers.0.self_attn.q_proj.weight_packed, I32, compressed-tensors",
  })
  void quantisedTensorsWithoutAConfig(String tensor, DType type, String what) throws IOException {
    Path folder = model();
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source =
        Safetensors.open(TinyModels.golden("tiny-llama").resolve("model.safetensors"))) {
      for (String name : source.names()) {
        if (!name.equals(tensor)) {
          writer.add(name, source.info(name).shape(), source.floats(name));
        }
      }
      writer.add(
          new TensorInfo(tensor, type, new long[] {4}),
          sink -> sink.accept(ByteBuffer.allocate(4 * type.bytes())));
      writer.write(folder.resolve("model.safetensors"));
    }
    assertQuantised(folder, folder.toString(), tensor, what);
  }

  @Test
  void codeOfItsOwnIsNamedWhereNothingElseLoadsTheModel() throws IOException {
    Path folder = model();
    set(folder, "auto_map", "{\"AutoModelForCausalLM\": \"modeling_x.XForCausalLM\"}");
    try (PeftModel known = Peft.load(folder.toString())) { // as transformers loads it
      assertThat(known.base().architecture()).isEqualTo("LlamaForCausalLM");
    }
    set(folder, "model_type", "\"x\"");
    assertNoModel(folder, "'model_type'", "code of its own (auto_map), which is not run");
  }

  private static void addToken(Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    Files.writeString(
        file,
        Files.readString(file)
            .replaceFirst(
                "\"added_tokens\": \\[",
                """
                "added_tokens": [{"id": 40, "content": "<more>", "special": true, "single_word": false,
                  "lstrip": false, "rstrip": false, "normalized": false},"""));
    Files.writeString(
        folder.resolve("special_tokens_map.json"),
        "{\"pad_token\": \"<more>\", \"eos_token\": \"<more>\"}");
  }

  @Test
  void aTokenMoreThanTheModelKnowsIsAMistakeOfTheTextThatHasIt() throws IOException {
    Path folder = model();
    addToken(folder);
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(3);
    try (PeftModel model = Peft.load(folder.toString());
        PeftModel plain = llama()) {
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(41);
      assertThat(plain.base().config().size("vocab_size")).isEqualTo(40);
      assertThat(model.tokenizer().padId()).isLessThan(40);
      assertThat(model.tokenizer().eosId()).isEmpty();
      assertThat(model.generate("w3 w4", config).text()).isNotEmpty();
      assertThatThrownBy(() -> model.generate("w3 <more>", config))
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("'<more>' with the id 40", "ids 0 to 39");
      model.adapt(LoraConfig.ofRank(2));
      FineTuner tuner = FineTuner.of(model).batchSize(2).steps(2).quiet();
      tuner.on(Examples.of(new PromptExample("w3", " w4 w5"), new PromptExample("w6 w7", " w8")));
      assertThat(tuner.run().finalLoss()).isFinite();
      tuner.on(Examples.of(new PromptExample("w3", " w4 <more>")));
      assertThatThrownBy(tuner::run).hasMessageContaining("'<more>' with the id 40");
    }
  }
}
