package io.github.peft4j.tuner.injection;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.ConfigValues;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The model's biases that are trained together with an adapter's own tensors: Hugging Face PEFT's
 * field {@code bias}.
 *
 * @param value {@code none}; {@code all}; or the method's name and {@code _only}, such as {@code
 *     lora_only}, for the biases of rewritten modules
 */
public record Bias(String value) {

  private static final String EXPECTED = "none, all, or a name such as lora_only";

  /** No bias. */
  public static final Bias NONE = new Bias("none");

  /** Every bias of the model. */
  public static final Bias ALL = new Bias("all");

  /** The key of a rewritten module's bias. */
  private static final String REWRITTEN = "base_layer.bias";

  /** Checks the value. */
  public Bias {
    if (!value.equals("none") && !value.equals("all") && !value.endsWith("_only")) {
      throw new IllegalArgumentException("field 'bias' is '" + value + "'; expected " + EXPECTED);
    }
  }

  /** Parses the value of adapter_config.json. */
  public static Bias of(String value) {
    return new Bias(value);
  }

  /** The value in adapter_config.json. */
  public JsonElement toJson() {
    return new JsonPrimitive(value);
  }

  /** Reads the value of adapter_config.json. */
  public static Bias fromJson(JsonElement json) {
    try {
      return new Bias(ConfigValues.text(json));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(EXPECTED, e);
    }
  }

  /**
   * Makes the selected biases trainable.
   *
   * @param rewritten the modules that the method rewrites
   */
  public void train(List<LinearSite> rewritten, Sites sites) {
    Set<String> modules = rewritten.stream().map(Site::name).collect(Collectors.toSet());
    for (ParameterSite bias : meant(rewritten, sites)) {
      if (sites.layer(bias) instanceof TrainableCopy) {
        sites.overlap(bias);
      } else {
        String module = bias.name().replaceAll("\\.bias$", "");
        sites.train(bias, modules.contains(module) ? REWRITTEN : "");
      }
    }
  }

  private List<ParameterSite> meant(List<LinearSite> rewritten, Sites sites) {
    return switch (value) {
      case "none" -> List.of();
      case "all" -> sites.parameters(name -> name.endsWith(".bias"));
      default -> rewritten.stream().flatMap(site -> site.bias().stream()).toList();
    };
  }

  @Override
  public String toString() {
    return value;
  }
}
