package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A config of AdapterHub's LoRAConfig or IA3Config ({@code adapters} 1.3.0,
 * configuration/adapter_config.py). It is converted to the config of LoRA, of gated LoRA or of
 * (IA)³, and back. The names of the stored tensors decide which modules have an adapter, because
 * AdapterHub confuses the two maps of Llama's feed-forward network.
 *
 * @param selfattnLora whether the attention has adapters
 * @param intermediateLora whether the first map of the feed-forward network has an adapter
 * @param outputLora whether the last map of the feed-forward network has an adapter
 * @param leaveOut indices of the layers without adapters
 * @param attnMatrices the attention projections with an adapter: q, k, v
 * @param r the rank, above 0; 8
 * @param alpha α, the numerator of the scale; 8
 * @param dropout probability that an element of the input is dropped, in [0, 1); 0
 * @param useGating whether a gate takes the place of the scale; false
 * @param compositionMode "add" for LoRA, "scale" for (IA)³
 * @param initWeights how the tensors were initialised
 * @param initWeightsSeed the seed of the initialisation, or null
 * @param dtype the data type of the tensors, or null
 */
@Withers
public record AdapterHubLoraConfig(
    boolean selfattnLora,
    boolean intermediateLora,
    boolean outputLora,
    List<Integer> leaveOut,
    List<String> attnMatrices,
    int r,
    double alpha,
    double dropout,
    boolean useGating,
    String compositionMode,
    String initWeights,
    @Nullable Integer initWeightsSeed,
    @Nullable String dtype)
    implements PeftConfig, AdapterHubLoraConfigWithers {

  /** The value of {@code architecture} for both methods in AdapterHub. */
  public static final String ARCHITECTURE = "lora";

  /** Checks the values. */
  public AdapterHubLoraConfig {
    Configs.check(AdapterHubLoraConfig.class)
        .finite("alpha", alpha)
        .finite("dropout", dropout)
        .that(
            compositionMode.equals("add") || compositionMode.equals("scale"),
            "composition_mode",
            compositionMode,
            "add or scale");
  }

  /** Null: fully trained modules belong to a head, which has a file of its own. */
  @Override
  public @Nullable List<String> modulesToSave() {
    return null;
  }

  /**
   * Reads a config.
   *
   * @param source name of the file in error messages
   */
  public static AdapterHubLoraConfig of(JsonObject json, String source) {
    return Configs.read(AdapterHubLoraConfig.class, json, source);
  }

  /** The default of each field. */
  static AdapterHubLoraConfig defaults() {
    return Configs.withDefaults(AdapterHubLoraConfig.class);
  }

  /** The config as AdapterHub's library writes it. */
  JsonObject json() {
    JsonObject json = new JsonObject();
    new TreeMap<>(ConfigJson.fields(this)).forEach(json::add);
    return json;
  }

  /** Whether the config's adapters have a gate. */
  public static boolean gates(JsonObject json) {
    return json.has("use_gating") && json.get("use_gating").getAsBoolean();
  }

  /** Whether the config's adapters scale, as in (IA)³, rather than add, as in LoRA. */
  public static boolean scales(JsonObject json) {
    return json.has("composition_mode")
        && json.get("composition_mode").getAsString().equals("scale");
  }
}
