package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.HiddenSite;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What AdapterHub's library computes with an adapter of its own is computed here too. */
class AdapterHubTest {

  private static final List<String> LABELS = List.of("LABEL_0", "LABEL_1", "LABEL_2");

  @TempDir Path folder;

  private static Path cases() {
    try {
      return Path.of(
          Objects.requireNonNull(AdapterHubTest.class.getResource("/golden-adapterhub")).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static List<String> adapters() throws IOException {
    try (Stream<Path> files = Files.walk(cases())) {
      List<String> found =
          files
              .filter(file -> file.endsWith("expected.safetensors"))
              .map(file -> cases().relativize(file.getParent()).toString())
              .sorted()
              .toList();
      assertThat(found).hasSizeGreaterThan(20);
      return found;
    }
  }

  private static PeftModel model(String adapter) {
    String name = adapter.substring(0, adapter.indexOf('/'));
    Path own = cases().resolve(name);
    Path base = Files.exists(own.resolve("config.json")) ? own : TinyModels.golden(name);
    return adapter.endsWith("tagging_head")
        ? Peft.load(base.toString(), Task.tokenClassification(LABELS))
        : Peft.load(base.toString());
  }

  private static NDArray longs(NDManager manager, TensorSource source, String name) {
    return manager.create(source.longs(name), new Shape(source.info(name).shape()));
  }

  private static void assertExpected(String adapter, PeftModel model) {
    assertExpected(cases().resolve(adapter).resolve("expected.safetensors"), model);
  }

  private static void assertExpected(Path file, PeftModel model) {
    try (TensorSource expected = Safetensors.open(file);
        NDManager manager = model.base().manager().newSubManager()) {
      NDArray ids = longs(manager, expected, "input_ids");
      NDArray mask = longs(manager, expected, "attention_mask");
      NDArray decoder =
          expected.names().contains("decoder_input_ids")
              ? longs(manager, expected, "decoder_input_ids")
              : null;
      float[] theirs = expected.floats("logits");
      float[] ours = Tensors.floats(model.logits(new ModelInput(ids, mask, null, decoder)));
      float largest = 0;
      for (float value : theirs) {
        largest = Math.max(largest, Math.abs(value));
      }
      int classes =
          (int) expected.info("logits").shape()[expected.info("logits").shape().length - 1];
      long[] real = expected.longs("attention_mask");
      boolean eachToken = decoder == null && theirs.length == real.length * classes;
      for (int i = 0; i < theirs.length; i++) {
        if (!eachToken || real[i / classes] == 1) {
          assertThat(ours[i]).as("logit " + i).isCloseTo(theirs[i], within(1e-5f * largest));
        }
      }
    }
  }

  /** As in MAD-X: the task's adapter has been trained on another language's. */
  @ParameterizedTest
  @ValueSource(strings = {"tiny-bert", "tiny-gpt2", "tiny-llama", "tiny-t5"})
  void aTaskAdapterStandsOnALanguageAdapter(String name) {
    try (PeftModel model = model(name + "/inv")) {
      model.loadAdapter("language", cases().resolve(name).resolve("inv"));
      model.loadAdapter("task", cases().resolve(name).resolve("seq_bn"));
      model.activate("language", "task");
      assertExpected(cases().resolve(name).resolve("stack.safetensors"), model);
    }
  }

  private static TensorSource weights(Path folder) {
    Path file = folder.resolve("adapter.safetensors");
    return Files.exists(file)
        ? Safetensors.open(file)
        : TorchFile.open(folder.resolve("pytorch_adapter.bin"));
  }

  /**
   * Names by those of the model with its usual head: without what the library's own heads put in
   * front of T5's, and without the copies that attentions have of a prefix.
   */
  private static Map<String, String> names(TensorSource source, String adapter) {
    String more = adapter.startsWith("tiny-t5") ? "^transformer\\." : "^$";
    return source.names().stream()
        .filter(name -> !name.contains(".pool."))
        .collect(Collectors.toMap(name -> name.replaceFirst(more, ""), name -> name));
  }

  @ParameterizedTest
  @MethodSource("adapters")
  void computesWhatTheLibraryComputes(String adapter) {
    try (PeftModel model = model(adapter)) {
      model.loadAdapter("mine", cases().resolve(adapter));
      assertExpected(adapter, model);
    }
  }

  @ParameterizedTest
  @MethodSource("adapters")
  void writesWhatTheLibraryWrote(String adapter) throws IOException {
    Path theirs = cases().resolve(adapter);
    try (PeftModel model = model(adapter)) {
      model.loadAdapter("task", theirs);
      model.saveAdapterHub("task", folder);
    }
    assertThat(JsonParser.parseString(config(folder)).getAsJsonObject().get("config"))
        .isEqualTo(JsonParser.parseString(config(theirs)).getAsJsonObject().get("config"));
    try (TensorSource ours = weights(folder);
        TensorSource wanted = weights(theirs)) {
      Map<String, String> theirNames = names(wanted, adapter);
      assertThat(ours.names()).containsExactlyInAnyOrderElementsOf(theirNames.keySet());
      theirNames.forEach(
          (name, theirName) -> {
            assertThat(ours.info(name).shape()).isEqualTo(wanted.info(theirName).shape());
            assertThat(ours.info(name).dtype()).isEqualTo(wanted.info(theirName).dtype());
            assertThat(ours.floats(name)).as(name).isEqualTo(wanted.floats(theirName));
          });
    }
    try (PeftModel again = model(adapter)) {
      again.loadAdapter("again", folder);
      assertExpected(adapter, again);
    }
  }

  private static String config(Path folder) throws IOException {
    return Files.readString(folder.resolve("adapter_config.json"));
  }

  @ParameterizedTest
  @MethodSource("adapters")
  void isKeptInPeftsFolderToo(String adapter) {
    try (PeftModel model = model(adapter)) {
      model.loadAdapter("task", cases().resolve(adapter)).save("task", folder);
    }
    try (PeftModel again = model(adapter)) {
      again.loadAdapter("again", folder);
      assertExpected(adapter, again);
    }
  }

  @Test
  void anAdapterOfTheModelWithoutAHeadIsFound() throws IOException {
    Path theirs = cases().resolve("tiny-bert/seq_bn");
    try (Safetensors source = Safetensors.open(theirs.resolve("adapter.safetensors"))) {
      var writer = new SafetensorsWriter();
      for (String name : source.names()) {
        writer.add(
            name.substring("bert.".length()), source.info(name).shape(), source.floats(name));
      }
      writer.write(folder.resolve("adapter.safetensors"));
    }
    Files.copy(theirs.resolve("adapter_config.json"), folder.resolve("adapter_config.json"));
    try (PeftModel model = model("tiny-bert/seq_bn")) {
      model.loadAdapter("mine", folder);
      assertExpected("tiny-bert/seq_bn", model);
    }
  }

  @Test
  void ofLoraAndIa3IsReadWhatPeftHasToo() throws IOException {
    Path theirs = cases().resolve("tiny-bert/lora");
    Files.copy(theirs.resolve("adapter.safetensors"), folder.resolve("adapter.safetensors"));
    String text = config(theirs);
    for (String change : List.of("\"use_dora\": true", "\"composition_mode\": \"mix\"")) {
      String field = change.substring(0, change.indexOf(':'));
      String changed = text.replaceFirst(field + ": [^,]*", change);
      assertThat(changed).isNotEqualTo(text);
      Files.writeString(folder.resolve("adapter_config.json"), changed);
      try (PeftModel model = model("tiny-bert/lora")) {
        assertThatThrownBy(() -> model.loadAdapter("mine", folder))
            .hasMessageContaining(field.replace("\"", "'"));
      }
    }
    Files.writeString(
        folder.resolve("adapter_config.json"), text.replace("adapters.1.3.0", "adapters.1.0.1"));
    try (PeftModel model = model("tiny-bert/lora")) {
      model.loadAdapter("mine", folder);
      assertThat(model.adapter("mine").parts().get(0).configText()).contains("\"lora_alpha\": 3");
    }
  }

  @Test
  void aHeadOfTheLibrarysOwnIsWrittenAsItWas() throws IOException {
    Path theirs = cases().resolve("tiny-bert/head");
    try (PeftModel model = model("tiny-bert/head")) {
      model.loadAdapter("task", theirs);
      model.saveAdapterHub("task", folder);
    }
    assertThat(headConfig(folder).get("config")).isEqualTo(headConfig(theirs).get("config"));
    assertThat(headConfig(folder).get("name")).isEqualTo(headConfig(theirs).get("name"));
    try (Safetensors ours = Safetensors.open(folder.resolve("model_head.safetensors"));
        Safetensors wanted = Safetensors.open(theirs.resolve("model_head.safetensors"))) {
      assertThat(ours.names()).isEqualTo(wanted.names());
      for (String name : ours.names()) {
        assertThat(ours.floats(name)).as(name).isEqualTo(wanted.floats(name));
      }
    }
  }

  private static JsonObject headConfig(Path folder) throws IOException {
    return JsonParser.parseString(Files.readString(folder.resolve("head_config.json")))
        .getAsJsonObject();
  }

  /** As the folders of language adapters that the hub's first users uploaded are. */
  @Test
  void theFormerNamesOfTensorsAndFieldsAreRead() throws IOException {
    Path theirs = cases().resolve("tiny-bert/inv");
    try (Safetensors source = Safetensors.open(theirs.resolve("adapter.safetensors"))) {
      var writer = new SafetensorsWriter();
      for (String name : source.names()) {
        String former =
            name.replace(".output.adapters.", ".output.layer_text_lang_adapters.")
                .replace("invertible_adapters", "invertible_lang_adapters");
        assertThat(former).isNotEqualTo(name);
        writer.add(former, source.info(name).shape(), source.floats(name));
      }
      writer.write(folder.resolve("adapter.safetensors"));
    }
    String text =
        config(theirs)
            .replace("\"inv_adapter\": \"nice\",", "")
            .replace(
                "\"inv_adapter_reduction_factor\": 2,",
                """
                "attention_type": "sent-lvl-static", "new_attention_norm": false,
                "invertible_adapter":
                  {"block_type": "nice", "non_linearity": "relu", "reduction_factor": 2},
                """)
            .replace("\"name\": \"task\"", "\"name\": \"task\", \"type\": \"text_lang\"");
    Files.writeString(folder.resolve("adapter_config.json"), text);
    try (PeftModel model = model("tiny-bert/inv")) {
      model.loadAdapter("mine", folder);
      assertExpected("tiny-bert/inv", model);
    }
    Files.writeString(
        folder.resolve("adapter_config.json"), text.replace("text_lang", "text_task"));
    try (PeftModel model = model("tiny-bert/inv")) {
      assertThatThrownBy(() -> model.loadAdapter("mine", folder))
          .hasMessageContaining("invertible_lang_adapters.task.F.0.weight finds no place");
    }
  }

  @Test
  void anInverseTakesHiddenStatesBack() {
    try (PeftModel model = model("tiny-llama/inv")) {
      model.loadAdapter("mine", cases().resolve("tiny-llama/inv"));
      HiddenSite first = end(model, HiddenSite.Kind.FIRST);
      HiddenSite last = end(model, HiddenSite.Kind.LAST);
      try (NDManager manager = model.base().manager().newSubManager();
          ModelCall call = model.newCall();
          Pass pass = call.pass()) {
        NDArray x = manager.randomNormal(new Shape(2, 3, first.dimension()));
        float[] back =
            Autograd.without(() -> Tensors.floats(last.forward(first.forward(x, pass), pass)));
        float[] there = Autograd.without(() -> Tensors.floats(first.forward(x, pass)));
        assertThat(there).isNotEqualTo(Tensors.floats(x));
        assertThat(back).usingComparatorWithPrecision(1e-5f).containsExactly(Tensors.floats(x));
      }
    }
  }

  private static HiddenSite end(PeftModel model, HiddenSite.Kind kind) {
    return model
        .base()
        .sites()
        .filter(HiddenSite.class::isInstance)
        .map(HiddenSite.class::cast)
        .filter(site -> site.kind() == kind)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void refusesByNameWhatIsNotSupported() throws IOException {
    Path theirs = cases().resolve("tiny-bert/seq_bn");
    Files.copy(theirs.resolve("adapter.safetensors"), folder.resolve("adapter.safetensors"));
    String text = config(theirs);
    for (List<String> change :
        List.of(
            List.of("\"original_ln_after\": true", "\"original_ln_after\": false"),
            List.of("\"stochastic_depth\": 0.0", "\"stochastic_depth\": 0.1"),
            List.of("\"phm_c_init\": \"normal\"", "\"phm_c_init\": \"zeros\""),
            List.of("\"non_linearity\": \"relu\"", "\"non_linearity\": \"maxout\""),
            List.of("\"scaling\": 1.0", "\"scaling\": NaN"),
            List.of("\"reduction_factor\": 4", "\"reduction_factor\": 0"),
            List.of("\"inv_adapter\": null", "\"inv_adapter\": \"glow\""))) {
      assertThat(text).contains(change.get(0));
      Files.writeString(
          folder.resolve("adapter_config.json"), text.replace(change.get(0), change.get(1)));
      String field = change.get(0).substring(0, change.get(0).indexOf(':')).replace("\"", "'");
      try (PeftModel model = model("tiny-bert/seq_bn")) {
        assertThatThrownBy(() -> model.loadAdapter("mine", folder))
            .hasMessageContainingAll("adapter_config.json", field, "expected");
        assertThat(model.adapters()).isEmpty();
      }
    }
    Files.writeString(
        folder.resolve("adapter_config.json"),
        text.replace("\"config\": {", "\"config\": {\"architecture\": \"mtl_lora\","));
    try (PeftModel model = model("tiny-bert/seq_bn")) {
      assertThatThrownBy(() -> model.loadAdapter("mine", folder))
          .isInstanceOf(UnsupportedMethodException.class)
          .hasMessageContaining("'mtl_lora' is not supported");
      model.adapt(LokrConfig.ofRank(2));
      assertThatThrownBy(() -> model.saveAdapterHub("default", folder))
          .isInstanceOf(UnsupportedMethodException.class)
          .hasMessageContaining("AdapterHub's files of LOKR");
    }
  }

  @Test
  void aDamagedPickleIsRefusedAndNothingInItIsRun() throws IOException {
    Path theirs = cases().resolve("tiny-bert/prefix/pytorch_adapter.bin");
    byte[] whole = Files.readAllBytes(theirs);
    Path file = folder.resolve("pytorch_adapter.bin");
    for (int length : new int[] {0, 10, whole.length / 2, whole.length - 30}) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> TorchFile.open(file))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(file.toString());
    }
    String text = new String(whole, StandardCharsets.ISO_8859_1);
    Files.write(
        file,
        text.replace("torch._utils\n_rebuild_tensor_v2\n", "posix_utilsx\nsystem_of_tensors_v2\n")
            .getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> TorchFile.open(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(file.toString());
  }
}
