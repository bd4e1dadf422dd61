package io.github.peft4j.methods.linear;

import io.github.peft4j.PeftConfig;
import io.github.peft4j.tuner.Bias;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Settings that say which linear maps are rewritten, with Hugging Face PEFT's names. */
public interface LinearConfig extends PeftConfig {

  /** Which modules; null for queries and values. */
  @Nullable TargetModules targetModules();

  /** Which of those not, or null. */
  @Nullable TargetModules excludeModules();

  /** Indices of the layers that are meant, or null for all. */
  @Nullable List<Integer> layersToTransform();

  /** Name parts before a layer's index, or null for any. */
  @Nullable List<String> layersPattern();

  /** Which biases are trained besides; none for methods without the field. */
  default Bias bias() {
    return Bias.NONE;
  }
}
