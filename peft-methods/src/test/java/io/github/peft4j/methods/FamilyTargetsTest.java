package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.c3a.C3aConfig;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.methods.waveft.WaveFtConfig;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The modules that Hugging Face PEFT adapts in each family if a file names none. */
class FamilyTargetsTest {

  private static final Map<String, TargetedConfig<?>> METHODS =
      Map.of(
          "LORA", LoraConfig.ofRank(2),
          "ADALORA", AdaLoraConfig.ofRanks(2, 1),
          "IA3", Ia3Config.defaults(),
          "LN_TUNING", LnTuningConfig.defaults(),
          "VERA", VeraConfig.ofRank(2),
          "FOURIERFT", FourierFtConfig.ofFrequencies(4),
          "SHIRA", ShiraConfig.ofRank(1),
          "C3A", C3aConfig.ofBlockSize(1),
          "WAVEFT", WaveFtConfig.ofFrequencies(4),
          "VBLORA", VbLoraConfig.ofRank(1).numVectors(4).vectorLength(1));

  @TempDir Path folder;

  static Iterable<String> types() throws IOException {
    return TinyFamily.all().keySet();
  }

  /** What make_targets.py found for a type: modules by method. */
  private static JsonObject theirs(String type) throws IOException {
    try (InputStreamReader text =
        new InputStreamReader(
            requireNonNull(FamilyTargetsTest.class.getResourceAsStream("/families/targets.json")),
            StandardCharsets.UTF_8)) {
      return JsonParser.parseReader(text).getAsJsonObject().getAsJsonObject(type);
    }
  }

  @SuppressWarnings({
    "unchecked",
    "rawtypes"
  }) // a layout and the config of its type belong together
  private static PeftConfig asRead(String method, String type) {
    PeftLayout layout =
        ServiceLoader.load(PeftLayout.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(found -> found.types().contains(method))
            .findFirst()
            .orElseThrow();
    return layout.asRead(requireNonNull(METHODS.get(method)), type);
  }

  @ParameterizedTest
  @MethodSource("types")
  void aFileWithoutModulesMeansThoseOfPeftsTable(String type) throws IOException {
    JsonObject theirs = theirs(type);
    requireNonNull(TinyFamily.all().get(type)).write(folder);
    try (PeftModel model = TinyFamily.load(folder)) {
      for (String method : new TreeSet<>(METHODS.keySet())) {
        JsonElement modules = theirs.get(method);
        if (modules == null) {
          assertThatThrownBy(() -> asRead(method, type))
              .as("%s on %s", method, type)
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("target_modules")
              .hasMessageContaining("'" + type + "'");
        } else if (modules instanceof JsonArray names) {
          model.adapt(method, asRead(method, type));
          Set<String> ours =
              model.adapter(method).rewrites().stream()
                  .map(rewrite -> rewrite.site().name().replaceAll("\\.\\d+\\.", ".*."))
                  .map(name -> name.replaceAll("\\.(weight|bias)$", ""))
                  .filter(name -> !name.startsWith("classifier"))
                  .collect(Collectors.toSet());
          assertThat(ours)
              .as("%s on %s", method, type)
              .isEqualTo(
                  names.asList().stream()
                      .map(JsonElement::getAsString)
                      .collect(Collectors.toSet()));
          model.remove(method);
        }
      }
    }
  }
}
