package io.github.peft4j.transformer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.Heads;
import io.github.peft4j.transformer.family.StackSpec;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The config.json of models on the hub: every field of them is read or known to change nothing. */
class HubConfigsTest {

  /** Models whose head is not supported, so that they are loaded for a task of one's own. */
  private static final Set<String> BODIES = Set.of("electra-small-discriminator");

  private static JsonObject all() {
    try (InputStreamReader text =
        new InputStreamReader(
            HubConfigsTest.class.getResourceAsStream("configs.json"), StandardCharsets.UTF_8)) {
      return JsonParser.parseReader(text).getAsJsonObject();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static Stream<String> models() {
    return all().keySet().stream();
  }

  private static ModelConfig config(String model) {
    return Models.effective(ModelConfig.of(all().getAsJsonObject(model), model));
  }

  private static Map<String, String> unread(ModelConfig config) {
    Family family = Families.of(config);
    Heads heads = family.heads(config);
    Task.Type task = BODIES.contains(config.source()) ? heads.usual() : heads.task(config).type();
    for (StackSpec stack : family.stacks(config, heads.body(task))) {
      for (int i = 0; i < stack.sizes().layers(); i++) {
        assertThat(stack.layer().apply(i)).isNotNull();
      }
    }
    config.size("vocab_size");
    return UnreadFields.of(config, family);
  }

  @ParameterizedTest
  @MethodSource("models")
  void noFieldIsUnknown(String model) {
    Map<String, String> unread = new TreeMap<>(unread(config(model)));
    // code of the model's own, which transformers does not run either unless it is told to trust it
    unread.remove("auto_map");
    assertThat(unread).isEmpty();
  }

  @Test
  void codeOfTheModelsOwnIsNamed() {
    assertThat(unread(config("falcon-7b"))).containsOnlyKeys("auto_map");
  }

  @Test
  void aHeadThatIsNotSupportedIsNamed() {
    assertThatThrownBy(
            () -> {
              ModelConfig config = config("electra-small-discriminator");
              Families.of(config).heads(config).task(config);
            })
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("ElectraForPreTraining");
  }

  @Test
  void aBodyOfAFamilyWithOneHeadGetsThatHead() {
    ModelConfig config = config("bart-base");
    assertThat(Families.of(config).heads(config).task(config)).isEqualTo(Task.sequenceToSequence());
  }

  @Test
  void aFieldThatNobodyReadsIsNamedWithItsValue() {
    ModelConfig config = config("gpt2").with("use_magic", new JsonPrimitive("dark"));
    assertThat(unread(config)).containsExactly(Map.entry("use_magic", "\"dark\""));
  }

  @Test
  void aFieldWithinRopeParametersIsNamedToo() {
    JsonObject json = all().getAsJsonObject("Llama-3.2-1B");
    json.getAsJsonObject("rope_scaling").addProperty("spin", 2);
    assertThat(unread(ModelConfig.of(json, "x")))
        .containsExactly(Map.entry("rope_scaling.spin", "2"));
  }

  @Test
  void anUnknownTypeNamesTheNearest() {
    ModelConfig config = config("gpt2").with("model_type", new JsonPrimitive("gemma4"));
    assertThatThrownBy(() -> Families.of(config))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("nearest is 'gemma'");
  }

  @Test
  void anUnknownTypeThatIsNearToNoneNamesNoNearest() {
    ModelConfig config = config("gpt2").with("model_type", new JsonPrimitive("mamba"));
    assertThatThrownBy(() -> Families.of(config))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("'model_type' is 'mamba'; expected one of [albert, ")
        .hasMessageNotContaining("nearest");
  }

  @Test
  void aMissingTypeIsNamed() {
    assertThatThrownBy(() -> Families.of(ModelConfig.of(new JsonObject(), "config.json")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("config.json: field 'model_type' is missing; ");
  }

  @Test
  void anUnknownActivationNamesTheKnownOnes() {
    ModelConfig config = config("gpt2").with("hidden_act", new JsonPrimitive("swoosh"));
    assertThatThrownBy(() -> Activation.of(config, "hidden_act", "gelu"))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessage(
            config.source()
                + ": field 'hidden_act' is 'swoosh'; expected one of "
                + Activation.names());
  }
}
