package io.github.peft4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonParser;
import io.github.peft4j.hub.FakeHub;
import io.github.peft4j.hub.HubException;
import io.github.peft4j.hub.HubModel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** Models and adapters by their names on the hub, which system properties put on loopback. */
@ResourceLock(Resources.SYSTEM_PROPERTIES)
class HubLoadingTest {

  private static final long[][] IDS = {{1, 5, 7, 9}};

  @TempDir Path folder;
  @TempDir Path home;
  private final Map<String, @Nullable String> former = new HashMap<>();
  private FakeHub hub;

  @BeforeEach
  void start() throws IOException {
    hub = new FakeHub().folder(TinyLlama.write(folder));
    set("HF_ENDPOINT", hub.endpoint().toString());
    set("HF_HOME", home.toString());
    for (String unset :
        new String[] {
          "HF_HUB_CACHE",
          "HUGGINGFACE_HUB_CACHE",
          "HF_TOKEN",
          "HUGGING_FACE_HUB_TOKEN",
          "HF_TOKEN_PATH",
          "HF_HUB_OFFLINE",
          "TRANSFORMERS_OFFLINE"
        }) {
      set(unset, "");
    }
  }

  private void set(String name, String value) {
    former.put(name, System.setProperty(name, value));
  }

  @AfterEach
  void stop() {
    hub.close();
    former.forEach(
        (name, value) -> {
          if (value == null) {
            System.clearProperty(name);
          } else {
            System.setProperty(name, value);
          }
        });
  }

  private static float[] logits(TextModel model) {
    try (NDArray logits = model.logits(ModelInput.of(model.base().manager(), IDS, null))) {
      return Tensors.floats(logits);
    }
  }

  @Test
  void aModelByItsNameIsTheModelOfTheFolder() throws IOException {
    try (PeftModel there = Peft.load(FakeHub.ID);
        PeftModel here = Peft.load(folder.toString())) {
      assertThat(logits(there)).isEqualTo(logits(here));
      assertThat(there.tokenizer().encode("a b")).isEqualTo(here.tokenizer().encode("a b"));
      assertThat(there.origin()).isEqualTo(FakeHub.ID);

      Path adapter = home.resolve("adapter");
      there.adapt(ToyConfig.of(2, 0.5).targetModules("q_proj")).save(adapter.toString());
      assertThat(
              JsonParser.parseString(Files.readString(adapter.resolve("adapter_config.json")))
                  .getAsJsonObject()
                  .get("base_model_name_or_path")
                  .getAsString())
          .isEqualTo(FakeHub.ID);

      hub.folder(adapter);
      here.loadAdapter(FakeHub.ID);
      assertThat(logits(here)).isEqualTo(logits(there));
      here.loadAdapter("second", HubModel.of(FakeHub.ID).revision("v1"));
      assertThat(here.adapters()).containsOnlyKeys("default", "second");

      there.saveMerged(home.resolve("merged").toString()); // companions come from the cache
      assertThat(home.resolve("merged/tokenizer.json")).exists();
    }
    assertThat(home.resolve("hub/models--org--name/snapshots").resolve(FakeHub.COMMIT)).exists();
    assertThat(HubModel.isInCache(FakeHub.ID)).isTrue();
    assertThat(HubModel.isInCache("org/missing")).isFalse();
  }

  @Test
  void aRevisionIsLoaded() {
    try (PeftModel model = Peft.from(HubModel.of(FakeHub.ID).revision("v1")).load()) {
      assertThat(model.origin()).isEqualTo(FakeHub.ID);
    }
    assertThat(home.resolve("hub/models--org--name/refs/v1")).exists();
  }

  @Test
  void aGgufFileOfARepositoryIsNamedAfterAColon() throws IOException {
    Path files = Path.of("src/test/resources/io/github/peft4j/gguf");
    hub.close();
    hub = new FakeHub();
    for (String name : new String[] {"gpt2", "qwen2"}) {
      hub.file(name + "-Q8_0.gguf", Files.readAllBytes(files.resolve(name + ".gguf")), true);
    }
    set("HF_ENDPOINT", hub.endpoint().toString());
    assertThatThrownBy(() -> Peft.load(FakeHub.ID))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("org/name has 2 GGUF files")
        .hasMessageContaining("org/name:gpt2-Q8_0.gguf");
    try (PeftModel model = Peft.load("org/name:qwen2-Q8_0.gguf")) {
      assertThat(model.base().config().text("model_type", "")).isEqualTo("qwen2");
      assertThat(model.origin()).isEqualTo("org/name:qwen2-Q8_0.gguf");
    }
  }

  @Test
  void aFolderWins() {
    assertThatThrownBy(() -> Peft.load("src")).hasMessageContaining("src has no config.json");
    assertThat(hub.requests).isEmpty();
  }

  @Test
  void whatIsNeitherSaysBoth() {
    assertThatThrownBy(() -> Peft.load("org/missing"))
        .isInstanceOf(HubException.class)
        .hasMessageStartingWith("org/missing on 127.0.0.1: there is no such repository")
        .hasMessageContaining("No folder has the name 'org/missing' either in ");
    assertThatThrownBy(() -> Peft.load("models/org/missing"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'models/org/missing' is not a folder")
        .hasMessageContaining("org/name");
    try (PeftModel model = Peft.load(folder.toString())) {
      assertThatThrownBy(() -> model.loadAdapter("org/missing"))
          .isInstanceOf(HubException.class)
          .hasMessageStartingWith("org/missing on 127.0.0.1: there is no such repository")
          .hasMessageContaining("No folder has the name 'org/missing' either");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void aFileThatIsMissingIsNotLookedForOnTheHub() {
    assertThatThrownBy(() -> Peft.load("models/missing.gguf"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("there is no file 'models/missing.gguf' in ");
    assertThat(hub.requests).isEmpty();
  }

  @Test
  void aGatedModelIsSaidToBeGatedFirst() {
    hub.misbehave("listing", FakeHub.status(403, "X-Error-Code", "GatedRepo"));
    assertThatThrownBy(() -> Peft.load(FakeHub.ID))
        .isInstanceOf(HubException.class)
        .hasMessageStartingWith("org/name on 127.0.0.1: it is gated. Accept its licence at ")
        .hasMessageContaining("No folder has the name 'org/name' either in ");
  }

  @Test
  void offlineNamesTheModel() {
    set("HF_HUB_OFFLINE", "1");
    assertThatThrownBy(() -> Peft.load(FakeHub.ID))
        .hasMessageContaining("org/name is not in the cache")
        .hasMessageContaining("HF_HUB_OFFLINE");
    assertThat(hub.requests).isEmpty();
  }
}
