package io.github.peft4j.methods.lora.loftq;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.methods.lora.init.InitialFactors;
import io.github.peft4j.methods.lora.init.LoftqConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.lora.init.Residual;
import io.github.peft4j.methods.lora.probe.InputProbes;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * LoftQ for a model whose weights are kept in fewer bits already: A and B start as the best
 * approximation of W − Q, what quantising has lost (Li et al. 2023, arXiv:2310.08659; PEFT's {@code
 * replace_lora_weights_loftq}). So the model computes at the start nearly what the plain one does.
 *
 * <pre>{@code
 * try (PeftModel plain = Peft.from(folder).device(Device.cpu()).load()) {
 *   Loftq.of(LoraConfig.ofRank(16).targetModules("all-linear")).adapt(model, plain);
 * }
 * }</pre>
 *
 * <p>The frozen weights stay as they are, so Q is made once. The adapter's {@code
 * init_lora_weights} is {@code true}: PEFT reads it on the same quantised model. peft4j.json notes
 * the quantization, and loading the adapter on other weights is a warning.
 */
public final class Loftq {

  private static final Kernel AS_USED =
      Kernel.of(
          """
          def as_used(w: Tensor) -> Tensor:
              return torch.contiguous({w}.to(6))
          """);

  private final LoraConfig config;

  private Loftq(LoraConfig config) {
    this.config = config;
  }

  /** Creates LoftQ for this config, whose start becomes LoftQ's. */
  public static Loftq of(LoraConfig config) {
    return new Loftq(
        config.initLoraWeights(LoraInitialization.DEFAULT).loftqConfig(LoftqConfig.NONE));
  }

  /** Adds the adapter as {@value PeftModel#DEFAULT} and makes it the active one. */
  public PeftModel adapt(PeftModel model, PeftModel plain) {
    return adapt(PeftModel.DEFAULT, model, plain);
  }

  /**
   * Adds the adapter and makes it the active one. Targets that are plain numbers start as usual.
   *
   * @param model whose weights are kept in fewer bits
   * @param plain the same model with its plain weights, for example on the CPU; it may be closed
   *     afterwards
   * @return the model
   * @throws IllegalArgumentException if no target is kept in fewer bits, if the plain model lacks
   *     one of them, has it in another shape or in fewer bits, too, or if a rank is too large
   */
  public PeftModel adapt(String name, PeftModel model, PeftModel plain) {
    List<LinearSite> targets =
        InputProbes.targets(config, model).stream()
            .filter(site -> site.weight().isQuantized())
            .toList();
    if (targets.isEmpty()) {
      throw new IllegalArgumentException(
          "no target of the adapter is kept in fewer bits, so nothing has been lost: load the model"
              + " with quantize(…), or take initLoraWeights(LoraInitialization.LOFTQ)");
    }
    Map<String, LinearSite> weights =
        plain
            .base()
            .sites()
            .filter(LinearSite.class::isInstance)
            .map(LinearSite.class::cast)
            .collect(Collectors.toMap(LinearSite::name, Function.identity(), (a, b) -> a));
    Map<LinearSite, LinearSite> pairs = new LinkedHashMap<>();
    targets.forEach(site -> pairs.put(site, counterpart(site, weights)));
    model.adapt(name, config);
    Quantization kept = targets.get(0).weight().quantization();
    model.adapter(name).corrected(kept == null ? null : kept.named());
    for (Rewrite rewrite : model.adapter(name).rewrites()) {
      LinearSite original = rewrite.site() instanceof LinearSite site ? pairs.get(site) : null;
      if (original != null && rewrite.layer() instanceof Factored layer) {
        start((LinearSite) rewrite.site(), original, layer.factors());
      }
    }
    return model;
  }

  private LinearSite counterpart(LinearSite site, Map<String, LinearSite> weights) {
    LinearSite original = weights.get(site.name());
    if (original == null || !original.weight().shape().equals(site.weight().shape())) {
      throw new IllegalArgumentException(
          "the plain model has "
              + (original == null
                  ? "no " + site.name()
                  : site.name() + " of shape " + original.weight().shape())
              + ", and the quantised one has it with "
              + site.weight().shape()
              + "; expected the same model");
    }
    if (original.weight().isQuantized()) {
      throw new IllegalArgumentException(
          "the plain model keeps "
              + original.weight().name()
              + " in fewer bits, too; load it without quantize(…)");
    }
    int r = config.ranks().of(site.name());
    long most = Math.min(site.inFeatures(), site.outFeatures());
    if (r > most) {
      throw new IllegalArgumentException(
          "LoraConfig: field 'r' is %d, but %s has rank %d at most; expected up to %d"
              .formatted(r, site.name(), most, most));
    }
    return original;
  }

  private static void start(LinearSite site, LinearSite original, Factors factors) {
    try (Scope scope = new Scope()) {
      NDManager manager = factors.trainedA().value().getManager();
      NDArray w =
          manager.create(Tensors.floats(original.weight().frozen()), original.weight().shape());
      String used = site.isTransposed() ? "torch.t(w)" : "w";
      Kernel asUsed = AS_USED.with("w", used);
      InitialFactors start =
          Residual.largest(
              asUsed.call(w),
              asUsed.call(site.weight().frozen()),
              Math.toIntExact(factors.rank()),
              factors.scale());
      Tensors.copy(factors.trainedA().value(), start.a());
      Tensors.copy(factors.trainedB().value(), start.b());
    }
  }
}
