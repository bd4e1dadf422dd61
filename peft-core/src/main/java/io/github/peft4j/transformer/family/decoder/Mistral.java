package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import org.jspecify.annotations.Nullable;

/** Mistral 7B and its kin, whose layers all have a window (Jiang et al. 2023, arXiv:2310.06825). */
public final class Mistral {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY.like(
          "mistral",
          DecoderHeads.llama("Mistral"),
          (stack, config) -> windowed(stack, config, 4096));

  private Mistral() {}

  /** A stack all of whose layers have the window of the config. */
  static StackSpec windowed(StackSpec stack, ModelConfig config, @Nullable Integer usual) {
    Integer window = Windows.size(config, usual);
    return stack.eachAttention((i, attention) -> attention.window(window));
  }
}
