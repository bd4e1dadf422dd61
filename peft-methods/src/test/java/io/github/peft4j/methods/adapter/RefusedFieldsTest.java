package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.Records;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.method.PeftMethod;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Which fields of Hugging Face PEFT's configs say what peft4j cannot do: all others work. */
class RefusedFieldsTest {

  /** Fields of LoRA's relatives, that are methods of their own, and of other libraries. */
  private static final Set<String> OF_LORA =
      Set.of(
          "alora_invocation_tokens",
          "arrow_config",
          "kasa_config",
          "layer_replication",
          "lora_ga_config",
          "megatron_config",
          "megatron_core",
          "monteclora_config",
          "qalora_group_size",
          "use_bdlora",
          "use_qalora",
          "velora_config");

  /** AdaLoRA's config is a LoRA's in PEFT too, and its layers know little of it. */
  private static final Set<String> OF_ADALORA =
      union(
          OF_LORA,
          Set.of(
              "alpha_pattern",
              "corda_config",
              "ensure_weight_tying",
              "eva_config",
              "loftq_config",
              "lora_bias",
              "target_parameters",
              "trainable_token_indices",
              "use_dora",
              "use_rslora"));

  private static final Map<String, Set<String>> REFUSED =
      Map.of(
          "LORA",
          OF_LORA,
          "ADALORA",
          OF_ADALORA,
          "PROMPT_TUNING",
          Set.of("tokenizer_kwargs"),
          "SHIRA",
          Set.of("mask_type"),
          "POLY",
          Set.of("poly_type"),
          "XLORA",
          Set.of("scaling_pass_value", "use_trainable_adapters"));

  /** Of other libraries or of our own. */
  private static final Set<String> NOT_OF_PEFT =
      Set.of(
          "ADAMIX",
          "BOTTLENECK",
          "ADAPTER_FUSION",
          "ADAPTERHUB_PREFIX_TUNING",
          "ADAPTERHUB_PROMPT_TUNING",
          "BITFIT",
          "FISH",
          "CHILD_TUNING",
          "LT_SFT",
          "DIFF_PRUNING",
          "GATED_LORA",
          "REFT",
          "FULL");

  private static Set<String> union(Set<String> some, Set<String> others) {
    Set<String> all = new TreeSet<>(some);
    all.addAll(others);
    return all;
  }

  @Test
  void whatIsNotHonouredIsRefused() {
    Map<String, Set<String>> refused = new LinkedHashMap<>();
    for (PeftMethod<?> method : ServiceLoader.load(PeftMethod.class)) {
      Set<String> fields = refusedBy(method.configType());
      if (!fields.isEmpty() && !NOT_OF_PEFT.contains(method.type())) {
        refused.put(method.type(), fields);
      }
    }
    assertThat(refused).isEqualTo(REFUSED);
  }

  private static <C extends PeftConfig> Set<String> refusedBy(Class<C> type) {
    Map<String, JsonElement> defaults = ConfigJson.fields(ConfigJson.withDefaults(type));
    Set<String> known =
        Records.fields(type).stream().map(ConfigJson::field).collect(Collectors.toSet());
    Set<String> refused = new TreeSet<>();
    defaults.forEach(
        (field, usual) -> {
          JsonObject json = new JsonObject();
          json.add(field, other(usual));
          try {
            ConfigJson.read(type, json, "a file");
          } catch (UnsupportedMethodException e) {
            assertThat(e).hasMessageContaining("field '" + field + "' is " + other(usual));
            refused.add(field);
          } catch (IllegalArgumentException e) {
            assertThat(known).as("%s, which has a value of another kind", e).contains(field);
          }
        });
    return refused;
  }

  /** A value that is not this one. */
  private static JsonElement other(JsonElement usual) {
    if (usual.isJsonPrimitive() && usual.getAsJsonPrimitive().isBoolean()) {
      return new JsonPrimitive(!usual.getAsBoolean());
    }
    if (usual.isJsonPrimitive() && usual.getAsJsonPrimitive().isNumber()) {
      return new JsonPrimitive(usual.getAsInt() + 1);
    }
    JsonObject some = new JsonObject();
    some.addProperty("key", "value");
    return some;
  }
}
