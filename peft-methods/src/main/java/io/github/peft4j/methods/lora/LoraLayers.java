package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.config.Configs;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.linear.Ranks;
import io.github.peft4j.methods.lora.dora.DoraEmbedding;
import io.github.peft4j.methods.lora.dora.DoraLinear;
import io.github.peft4j.methods.lora.dora.WeightNorms;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.methods.lora.factors.OffsetFactors;
import io.github.peft4j.methods.lora.factors.PlainFactors;
import io.github.peft4j.methods.lora.factors.TableFactors;
import io.github.peft4j.methods.lora.factors.TiedFactors;
import io.github.peft4j.methods.lora.init.InitialFactors;
import io.github.peft4j.methods.lora.init.LoftqConfig;
import io.github.peft4j.methods.lora.init.LoftqStart;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.ExpertsSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Creates the layers of one adapter, plain LoRA or DoRA, from its config. */
final class LoraLayers {

  private final LoraConfig config;
  private final Ranks ranks;
  private final LoraInitialization how;
  private final Sites sites;
  private final @Nullable WeightNorms norms;

  LoraLayers(LoraConfig config, Sites sites) {
    this.config = config;
    this.ranks = config.ranks();
    this.how = config.initLoraWeights();
    this.sites = sites;
    this.norms = config.useDora() ? new WeightNorms(sites.initial()) : null;
  }

  /** The layer of a linear site. */
  TunerLayer<NDArray, NDArray> linear(LinearSite site) {
    return linear(site, null);
  }

  /**
   * The layer of an output that shares the factors of an embedding. The embedding's layer must
   * exist.
   */
  TunerLayer<NDArray, NDArray> tied(LinearSite output) {
    EmbeddingSite embedding = output.table().orElseThrow();
    if (sites.layer(embedding) instanceof TableFactors table) {
      return linear(output, table);
    }
    throw new IllegalArgumentException(
        "LoraConfig: field 'ensure_weight_tying' is true, and "
            + embedding.name()
            + ", whose factors "
            + output.name()
            + " is to share, is no target; do not exclude it");
  }

  private TunerLayer<NDArray, NDArray> linear(LinearSite site, @Nullable TableFactors table) {
    try (Scope scope = new Scope()) {
      Factors.Source factors =
          how.equals(LoraInitialization.LOFTQ) ? loftq(site) : factors(site, table);
      double dropout = config.loraDropout();
      return norms != null
          ? new DoraLinear(site, factors, norms, dropout)
          : new LoraLinear(
              site,
              factors,
              dropout,
              config.loraBias() ? sites.initial(site).zeros(site.outFeatures()) : null);
    }
  }

  /**
   * The factors of LoftQ, which also puts the quantised weight in place of the plain one. A weight
   * that is kept so already is right for an adapter out of a file.
   */
  private Factors.Source loftq(LinearSite site) {
    int r = ranks.of(site.name());
    double scale = ranks.scaleOf(site.name());
    LoftqConfig settings = config.loftqConfig();
    Quantization kept = site.weight().quantization();
    if (kept == null) {
      LoftqStart start = LoftqStart.of(site, r, scale, settings, sites.initial(site));
      sites.rewrite(site.weight(), new LoftqWeight(site, start.matrix()));
      return PlainFactors.of(start.factors(), scale);
    }
    boolean same = kept.equals(settings.quantization()) && settings.loftqIter() == 1;
    Configs.require(
        same && !sites.isFresh(),
        LoraConfig.class,
        "init_lora_weights",
        how,
        "another start, since "
            + site.weight().name()
            + " is kept in fewer bits already ("
            + kept.named()
            + "): Loftq.of(config).adapt(model, plain) takes A and B out of what that has lost, and a"
            + " model that is loaded without quantize(…) is quantised by \"loftq\" itself");
    return PlainFactors.of(LoraInitialization.zeros(site, r, sites.initial(site)), scale);
  }

  private Factors.Source factors(LinearSite site, @Nullable TableFactors table) {
    int r = ranks.of(site.name());
    double scale = ranks.scaleOf(site.name());
    Initializer initial = sites.initial(site);
    Supplier<InitialFactors> again = () -> how.start(site, r, scale, initial);
    InitialFactors start =
        sites.isFresh() ? again.get() : LoraInitialization.zeros(site, r, initial);
    Factors.Source trained =
        table == null
            ? PlainFactors.of(start, scale)
            : TiedFactors.of(table, start, sites.isFresh() && how.isPlain(), scale);
    return how.isTakenOff() ? OffsetFactors.of(trained, start, again) : trained;
  }

  /**
   * The layer of an embedding: B is normal, and A is zero, or random if the config asks for both to
   * be.
   */
  TunerLayer<NDArray, NDArray> embedding(EmbeddingSite site) {
    int r = ranks.of(site.name());
    double scale = ranks.scaleOf(site.name());
    Initializer initial = sites.initial(site);
    NDArray a =
        isRandom() ? initial.normal(1, r, site.entries()) : initial.zeros(r, site.entries());
    NDArray b = initial.normal(1, site.dimension(), r);
    return norms != null
        ? new DoraEmbedding(site, a, b, scale, norms)
        : new LoraEmbedding(a, b, scale);
  }

  /** The layer of a single tensor of any module: PEFT's {@code target_parameters}. */
  TunerLayer<NDArray, NDArray> tensor(ParameterSite site) {
    Shape shape = site.shape();
    Configs.require(
        shape.dimension() == 2,
        LoraConfig.class,
        "target_parameters",
        config.targetParameters(),
        "tensors of two dimensions: " + site.name() + " is " + shape);
    int r = ranks.of(site.name());
    Initializer initial = sites.initial(site);
    NDArray a = startA(initial, r, r, shape.get(1));
    NDArray b = startB(initial, shape.get(0), r);
    return new LoraParameter(a, b, ranks.scaleOf(site.name()));
  }

  /**
   * The layer of a map of experts: PEFT's {@code target_parameters} on a tensor of three
   * dimensions. PEFT wraps a module once for each of its tensors. The names of tensors of inner
   * wrappers start with {@code base_layer}.
   *
   * @param all the maps that are adapted, in the model's order
   */
  TunerLayer<ExpertsSite.Input, NDArray> experts(ExpertsSite site, List<ExpertsSite> all) {
    List<ExpertsSite> wrapped =
        all.stream().filter(other -> other.module().equals(site.module())).toList();
    int wrappers = wrapped.size() - 1 - wrapped.indexOf(site);
    int r = ranks.of(site.name());
    long experts = site.experts();
    Initializer initial = sites.initial(site);
    return new LoraExperts(
        "base_layer.".repeat(wrappers),
        startA(initial, r, r * experts, site.inFeatures()),
        startB(initial, site.outFeatures(), r * experts),
        experts,
        ranks.scaleOf(site.name()));
  }

  /** The initial A of a tensor. */
  private NDArray startA(Initializer initial, int r, long rows, long columns) {
    return how.equals(LoraInitialization.GAUSSIAN)
        ? initial.normal(1.0 / r, rows, columns)
        : initial.kaimingUniform(rows, columns);
  }

  /** The initial B of a tensor. */
  private NDArray startB(Initializer initial, long rows, long columns) {
    return isRandom() ? initial.kaimingUniform(rows, columns) : initial.zeros(rows, columns);
  }

  private boolean isRandom() {
    return how.equals(LoraInitialization.RANDOM);
  }
}
