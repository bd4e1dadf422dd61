package io.github.peft4j.methods.xlora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of X-LoRA (Buehler and Buehler 2024, arXiv:2402.07148), with the names and defaults of
 * Hugging Face PEFT's XLoraConfig.
 *
 * @param adapters the LoRA adapters to mix, by their names on the model; the values are where PEFT
 *     read them from, for the record
 * @param hiddenSize size of the model's hidden states; null to read it from the model
 * @param layerwiseScalings whether each module has weights of its own; false
 * @param xloraDepth number of linear maps of the classifier, above 0; 1
 * @param xloraSize width between them, above 0; 2,048
 * @param xloraDropoutP dropout probability between them, in [0, 1); 0.2
 * @param enableSoftmax whether the weights are a softmax over the adapters; true
 * @param enableSoftmaxTopk whether those that {@code topKLora} keeps are a softmax; false
 * @param softmaxTemperature what logits are divided by before the softmax, above 0; 1
 * @param topKLora how many adapters count for a token, those with the largest weights; null for all
 * @param globalScalingWeight factor of all weights; 1
 */
@Withers
public record XLoraConfig(
    Map<String, String> adapters,
    @Nullable Integer hiddenSize,
    boolean layerwiseScalings,
    int xloraDepth,
    int xloraSize,
    double xloraDropoutP,
    boolean enableSoftmax,
    boolean enableSoftmaxTopk,
    double softmaxTemperature,
    @Nullable Integer topKLora,
    double globalScalingWeight)
    implements PeftConfig, XLoraConfigWithers {

  /** Checks the values. */
  public XLoraConfig {
    Configs.check(XLoraConfig.class)
        .positive("xlora_depth", xloraDepth)
        .positive("xlora_size", xloraSize)
        .probability("xlora_dropout_p", xloraDropoutP)
        .positive("softmax_temperature", softmaxTemperature)
        .that(
            topKLora == null || (topKLora > 0 && topKLora <= Math.max(1, adapters.size())),
            "top_k_lora",
            topKLora,
            "null, or from 1 to the number of adapters, " + adapters.size())
        .finite("global_scaling_weight", globalScalingWeight);
    adapters = Configs.inOrder(adapters);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static XLoraConfig defaults() {
    return Configs.withDefaults(XLoraConfig.class);
  }

  /** PEFT's defaults for these adapters, in the order of the mixture. */
  public static XLoraConfig of(String... adapters) {
    Map<String, String> named = new LinkedHashMap<>();
    for (String adapter : adapters) {
      named.put(adapter, adapter);
    }
    return defaults().adapters(named);
  }

  /** The adapters' names, in the order of the mixture. */
  List<String> names() {
    return List.copyOf(adapters.keySet());
  }

  @Override
  public @Nullable List<String> modulesToSave() {
    return null;
  }
}
