package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A config of AdapterHub's LoRAConfig or IA3Config ({@code adapters} 1.3.0,
 * configuration/adapter_config.py), which is read into those of the methods that it means. Which
 * modules have an adapter is told by the tensors beside: for Llama the library confuses the two
 * maps of the feed-forward network.
 *
 * @param selfattnLora whether attention has adapters
 * @param intermediateLora whether the first map of the feed-forward network has one
 * @param outputLora whether the last has
 * @param leaveOut indices of layers without adapters
 * @param attnMatrices which projections of attention have one: q, k, v
 * @param r the rank, above 0; 8
 * @param alpha the scale's numerator; 8
 * @param dropout probability of an input element to be dropped, in [0, 1); 0
 * @param compositionMode "add" for LoRA, "scale" for (IA)³
 * @param initWeights how the tensors started
 * @param initWeightsSeed from which seed, or null
 * @param dtype in which type, or null
 */
public record AdapterHubLoraConfig(
    boolean selfattnLora,
    boolean intermediateLora,
    boolean outputLora,
    List<Integer> leaveOut,
    List<String> attnMatrices,
    int r,
    double alpha,
    double dropout,
    String compositionMode,
    String initWeights,
    @Nullable Integer initWeightsSeed,
    @Nullable String dtype)
    implements PeftConfig {

  /** {@code architecture} of both methods in the library. */
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

  /** The modules that are trained whole are a head's, which has a file of its own. */
  @Override
  public @Nullable List<String> modulesToSave() {
    return null;
  }

  /**
   * Reads a config.
   *
   * @param source what errors call the file
   */
  public static AdapterHubLoraConfig of(JsonObject json, String source) {
    return Configs.read(AdapterHubLoraConfig.class, json, source);
  }

  /** Whether a config's adapters scale, as (IA)³, and do not add, as LoRA. */
  public static boolean scales(JsonObject json) {
    return json.has("composition_mode")
        && json.get("composition_mode").getAsString().equals("scale");
  }
}
