package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * SmolLM3: every fourth layer has no positions (Bakouch et al. 2025; Yang et al. 2025,
 * arXiv:2501.18795).
 */
public final class SmolLm3 {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY
          .like("smollm3", DecoderHeads.llamaWithTransformer("SmolLM3"), SmolLm3::change)
          .ignores("max_window_layers");

  private SmolLm3() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    int layers = stack.sizes().layers();
    int interval = config.size("no_rope_layer_interval", 4);
    List<Long> given = config.integers("no_rope_layers"); // 0 for a layer without positions
    if (!given.isEmpty() && given.size() != layers) {
      throw config.error("no_rope_layers", given, "0 or 1 for each of " + layers + " layers");
    }
    IntPredicate rotates = i -> given.isEmpty() ? (i + 1) % interval != 0 : given.get(i) != 0;
    Integer size = Windows.size(config, null);
    boolean used = config.flag("use_sliding_window", false);
    IntFunction<@Nullable Integer> window =
        Windows.of(Windows.sliding(config, layers, rotates.negate()), used ? size : null);
    return stack.eachAttention(
        (i, a) -> a.rope(rotates.test(i) ? a.rope() : null).window(window.apply(i)));
  }
}
