package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.modality.Classifications;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A classifier says the same of a text by name, whatever order a model's labels have. */
class LabelOrderTest {

  private static final String TEXT = "w4 w9 w30 w5";
  private static final String[] NAMES = {"billing", "shipping", "technical"};
  private static final String[] TURNED = {"technical", "billing", "shipping"};

  @TempDir Path folder;
  private Path saved;

  @BeforeEach
  void copyTheModels() {
    saved = folder.resolve("saved");
    for (String model : List.of("tiny-bert", "tiny-llama-classifier")) {
      TinyModels.copy(model, folder.resolve(model));
    }
  }

  private PeftModel load(String model, String... labels) {
    return labels.length == 0
        ? Peft.load(folder.resolve(model).toString())
        : Peft.load(folder.resolve(model).toString(), Task.classification(labels));
  }

  private static PeftConfig config(String method) {
    return switch (method) {
      case "full" -> FullConfig.defaults();
      case "bottleneck" -> BottleneckConfig.pfeiffer();
      default -> LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM);
    };
  }

  private static Map<String, Double> byName(Classifications verdict) {
    Map<String, Double> probabilities = new HashMap<>();
    verdict.items().forEach(item -> probabilities.put(item.getClassName(), item.getProbability()));
    return probabilities;
  }

  private static void assertSame(Classifications actual, Map<String, Double> expected) {
    assertThat(byName(actual).keySet()).isEqualTo(expected.keySet());
    byName(actual)
        .forEach((name, p) -> assertThat(p).as(name).isCloseTo(expected.get(name), within(1e-6)));
  }

  /** Saves an adapter and returns its probabilities for the text, by label. */
  private Map<String, Double> save(String base, String method, String... labels) {
    try (PeftModel model = load(base, labels).adapt(config(method))) {
      model.save(saved.toString());
      assertThat(Provenance.read(saved).orElseThrow().labels())
          .isEqualTo(model.base().task().labels());
      return byName(model.classify(TEXT));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-bert", "tiny-llama-classifier"})
  void theRowsFollowTheNames(String base) {
    for (String method : new String[] {"lora", "bottleneck", "full"}) {
      Map<String, Double> before = save(base, method, NAMES);
      try (PeftModel model = load(base, TURNED).loadAdapter(saved.toString())) {
        assertSame(model.classify(TEXT), before);
        assertThat(model.classify(TEXT).getClassNames()).containsExactly(TURNED);
        model.save(folder.resolve("again").toString()); // now in the model's order
      }
      try (PeftModel model = load(base, NAMES).loadAdapter(folder.resolve("again").toString())) {
        assertSame(model.classify(TEXT), before);
      }
    }
  }

  @Test
  void numbersInAnotherOrderAreFollowedToo() {
    Map<String, Double> before = save("tiny-bert", "lora", "LABEL_1", "LABEL_0", "LABEL_2");
    try (PeftModel model =
        load("tiny-bert", "LABEL_0", "LABEL_1", "LABEL_2").loadAdapter(saved.toString())) {
      assertSame(model.classify(TEXT), before);
    }
  }

  @Test
  void aNameIsOfOneClass() {
    assertThatThrownBy(() -> Task.classification("a", "b", "a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("label 'a' is given twice, in [a, b, a]");
    assertThatThrownBy(() -> Task.classification("a", " "))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("label ' ' is blank");
  }

  @Test
  void otherClassesAreRefusedWithBothNamed() {
    save("tiny-bert", "lora", NAMES);
    try (PeftModel model = load("tiny-bert", "billing", "shipping", "praise")) {
      assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(
              saved.toString(),
              "[billing, shipping, technical]",
              "[billing, shipping, praise]",
              "Task.classification(\"billing\", \"shipping\", \"technical\")");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void severalLabelsAreNotClasses() {
    String base = folder.resolve("tiny-bert").toString();
    Map<String, Task> tasks =
        Map.of(
            "single_label_classification", Task.classification(NAMES),
            "multi_label_classification", Task.multiLabel(NAMES));
    tasks.forEach(
        (name, task) -> {
          try (PeftModel model = Peft.load(base, task).adapt(config("lora"))) {
            model.save(saved.toString());
            assertThat(Provenance.read(saved).orElseThrow().problemType()).isEqualTo(name);
          }
          tasks.forEach(
              (other, its) -> {
                try (PeftModel model = Peft.load(base, its)) {
                  if (other.equals(name)) {
                    assertThat(model.loadAdapter(saved.toString()).adapters()).hasSize(1);
                  } else {
                    assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
                        .hasMessageContainingAll(
                            "a classifier for " + name, "is loaded for " + other);
                    assertThat(model.adapters()).isEmpty();
                  }
                }
              });
        });
  }

  /** A copy of tiny-bert without a classifier, so that any number of labels gets a new one. */
  private void withoutHead() throws IOException {
    Path file = folder.resolve("tiny-bert/model.safetensors");
    var writer = new io.github.peft4j.io.safetensors.SafetensorsWriter();
    try (var source =
        io.github.peft4j.io.safetensors.Safetensors.open(
            TinyModels.golden("tiny-bert").resolve("model.safetensors"))) {
      for (String name : source.names()) {
        if (!name.startsWith("classifier.")) {
          writer.add(name, source.info(name).shape(), source.floats(name));
        }
      }
      writer.write(file);
    }
  }

  @Test
  void anotherNumberOfClasses() throws IOException {
    withoutHead();
    save("tiny-bert", "lora", NAMES);
    try (PeftModel model = load("tiny-bert", "a", "b")) {
      assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
          .hasMessageContainingAll("a classifier of 3 classes", "the model's 2 are [a, b]");
      Files.delete(saved.resolve(Provenance.FILE));
      assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
          .hasMessageContainingAll("a classifier of 3 classes", "the model's 2 are [a, b]");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void withoutNamesTheOrderIsTakenOnTrustAndItIsSaid() throws IOException {
    save("tiny-bert", "lora", NAMES);
    Files.delete(saved.resolve(Provenance.FILE)); // as Hugging Face PEFT saves it
    try (PeftModel model = load("tiny-bert", TURNED)) {
      assertThat(Logged.by(() -> model.loadAdapter(saved.toString())))
          .contains("WARN", "its files name no labels", "[technical, billing, shipping]");
    }
    try (PeftModel model = load("tiny-bert")) { // LABEL_0, LABEL_1, LABEL_2 by config.json
      assertThat(Logged.by(() -> model.loadAdapter(saved.toString()))).isEmpty();
    }
  }

  @Test
  void numbersAreNoNames() {
    Map<String, Double> before = save("tiny-bert", "lora");
    try (PeftModel model = load("tiny-bert", NAMES).loadAdapter(saved.toString())) {
      assertThat(model.classify(TEXT).get("billing").getProbability())
          .isCloseTo(before.get("LABEL_0"), within(1e-6));
    }
    before = save("tiny-bert", "lora", NAMES);
    try (PeftModel model = load("tiny-bert")) {
      assertThat(Logged.by(() -> model.loadAdapter(saved.toString())))
          .contains("its classes are [billing, shipping, technical], which the model calls");
      assertThat(model.classify(TEXT).get("LABEL_0").getProbability())
          .isCloseTo(before.get("billing"), within(1e-6));
    }
  }

  @Test
  void aConfigBesidePeftsFilesNamesThem() throws IOException {
    Map<String, Double> before = save("tiny-bert", "lora", NAMES);
    Files.delete(saved.resolve(Provenance.FILE));
    JsonObject config = new JsonObject();
    JsonObject names = new JsonObject();
    for (int i = 0; i < NAMES.length; i++) {
      names.addProperty("" + i, NAMES[i]);
    }
    config.add("id2label", names);
    config.add("architectures", new JsonArray());
    Files.writeString(saved.resolve("config.json"), config.toString());
    try (PeftModel model = load("tiny-bert", TURNED).loadAdapter(saved.toString())) {
      assertSame(model.classify(TEXT), before);
    }
  }

  @Test
  void adapterHubsHeadsNameThem() throws IOException {
    Map<String, Double> before;
    try (PeftModel model = load("tiny-bert", NAMES).adapt(config("bottleneck"))) {
      model.saveAdapterHub("default", saved);
      before = byName(model.classify(TEXT));
    }
    Files.delete(saved.resolve(Provenance.FILE)); // as AdapterHub's library saves it
    try (PeftModel model = load("tiny-bert", TURNED).loadAdapter(saved.toString())) {
      assertSame(model.classify(TEXT), before);
    }
    try (PeftModel model = load("tiny-bert", "a", "b", "c")) {
      assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
          .hasMessageContainingAll("[billing, shipping, technical]", "[a, b, c]");
    }
    Path head = saved.resolve("head_config.json");
    JsonObject json = JsonParser.parseString(Files.readString(head)).getAsJsonObject();
    JsonObject numbers = json.getAsJsonObject("label2id");
    (numbers == null ? json.getAsJsonObject("config").getAsJsonObject("label2id") : numbers)
        .addProperty("billing", 7);
    Files.writeString(head, json.toString());
    try (PeftModel model = load("tiny-bert", TURNED)) {
      assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
          .hasMessageContainingAll("head_config.json", "'label2id'", "expected an id of its own");
    }
  }
}
