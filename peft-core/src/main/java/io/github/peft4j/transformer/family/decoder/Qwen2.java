package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Qwen2 and Qwen2.5: queries, keys and values have biases; later layers may have a window (Yang et
 * al. 2024, arXiv:2407.10671).
 */
public final class Qwen2 {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY.like(
          "qwen2",
          DecoderHeads.llamaWithTransformer("Qwen2"),
          (stack, config) ->
              windowed(stack, config).eachAttention((i, a) -> a.bias(true).outputBias(false)));

  private Qwen2() {}

  /** A stack whose layers from {@code max_window_layers} on have a window, if the config asks. */
  static StackSpec windowed(StackSpec stack, ModelConfig config) {
    int first = config.integer("max_window_layers", 28);
    IntPredicate sliding = Windows.sliding(config, stack.sizes().layers(), i -> i >= first);
    Integer size = Windows.size(config, 4096);
    boolean used = config.flag("use_sliding_window", false);
    IntFunction<@Nullable Integer> window = Windows.of(sliding, used ? size : null);
    return stack.eachAttention((i, attention) -> attention.window(window.apply(i)));
  }
}
