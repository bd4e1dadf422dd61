package io.github.peft4j.methods.lora;

import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Converts a LoRA that started from the frozen weights (PiSSA, OLoRA) to a plain LoRA: s (B A − B₀
 * A₀) is itself of rank 2r, with A of [A; A₀] and B of [B, −B₀].
 *
 * <p>When saved, it is the adapter that PEFT writes with {@code
 * path_initial_model_for_weight_conversion}. It leaves the model's weights unchanged, can be
 * combined with other adapters, and needs no decomposition when it is loaded. Only publish an
 * adapter of {@code pissa_niter_N} in this form: PEFT decomposes the weights again when it loads
 * one, with other random numbers.
 *
 * <pre>{@code
 * PlainLora.of(model, "default", "plain").save("plain", Path.of("plain-adapter"));
 * }</pre>
 */
public final class PlainLora {

  private PlainLora() {}

  /**
   * Adds a plain copy of an adapter and makes it the active one.
   *
   * @param from name of a LoRA adapter
   * @param to name of the copy, which must be new
   * @return the model
   * @throws IllegalArgumentException if {@code from} is not a LoRA
   */
  public static PeftModel of(PeftModel model, String from, String to) {
    Adapter source = model.adapter(from);
    if (!(source.config() instanceof LoraConfig config)) {
      throw new IllegalArgumentException(
          "'" + from + "' is of type " + source.type() + "; expected an adapter of LoRA");
    }
    boolean doubled = config.initLoraWeights().isTakenOff();
    Adapter copy = model.adapt(to, doubled ? twice(config) : config).adapter(to);
    copy.tensors().forEach((name, tensor) -> copy(source.tensors().get(name), tensor));
    List<Rewrite> parts = source.rewrites();
    for (int i = 0; i < parts.size(); i++) {
      if (parts.get(i).layer() instanceof Factored stacked
          && copy.rewrites().get(i).layer() instanceof Factored plain) {
        stack(stacked.factors(), plain.factors());
      }
    }
    return model;
  }

  /** The config with twice the ranks, and with alphas that keep the scales. */
  private static LoraConfig twice(LoraConfig config) {
    double factor = config.useRslora() ? Math.sqrt(2) : 2;
    Map<String, Integer> ranks = new LinkedHashMap<>();
    Map<String, Double> alphas = new LinkedHashMap<>();
    config.rankPattern().forEach((name, rank) -> ranks.put(name, 2 * rank));
    config.alphaPattern().forEach((name, alpha) -> alphas.put(name, factor * alpha));
    return config
        .r(2 * config.r())
        .loraAlpha(factor * config.loraAlpha())
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .initLoraWeights(LoraInitialization.DEFAULT);
  }

  private static void copy(@Nullable Trainable from, Trainable to) {
    if (from != null && from.value().getShape().equals(to.value().getShape())) {
      Tensors.copy(to.value(), from.value());
    }
  }

  private static void stack(Factors from, Factors to) {
    try (Scope scope = new Scope()) {
      Tensors.copy(to.trainedA().value(), Autograd.without(from::a));
      Tensors.copy(to.trainedB().value(), Autograd.without(from::b));
    }
  }
}
