package io.github.peft4j.methods.spiel;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.sparse.SparseSites;
import io.github.peft4j.train.optimizer.EntryAdamW;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.Sm3;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * SpIEL (Ansell et al. 2024): W + S, where S is zero but for some entries. During training, those
 * that have changed least since they were grown are dropped, and others are grown in their place:
 * by accumulated gradients (AG), or by the moments of SM3 (MA).
 */
public final class Spiel extends BaseMethod<SpielConfig> {

  /** The method. */
  public Spiel() {
    super("SPIEL", SpielConfig.class);
  }

  /** Spreads the entries over the modules by the sizes of their weights. */
  @Override
  public SpielConfig complete(SpielConfig config, Sites sites) {
    if (!sites.isFresh() || !config.entries().isEmpty()) {
      return config;
    }
    List<ParameterSite> weights = weights(config, sites);
    long targets = elements(weights);
    Integer count = config.numTunableWeights();
    long all = elements(sites.all(ParameterSite.class));
    long wanted = count != null ? count : (long) (all * config.density());
    String field = count != null ? "num_tunable_weights" : "density";
    Configs.require(
        wanted <= targets,
        SpielConfig.class,
        field,
        count != null ? count : config.density(),
        "at most the %,d weights of the targets, but that would be %,d of the model's %,d"
            .formatted(targets, wanted, all));
    Map<String, Integer> entries = new LinkedHashMap<>();
    for (ParameterSite weight : weights) {
      int k = (int) ((double) wanted * weight.shape().size() / targets);
      if (k > 0) {
        entries.put(weight.name(), k);
      }
    }
    Configs.require(
        !entries.isEmpty(),
        SpielConfig.class,
        field,
        count != null ? count : config.density(),
        "enough for an entry in one of %d modules: these are %,d entries for %,d weights"
            .formatted(weights.size(), wanted, targets));
    return config.entries(entries);
  }

  /** The weights of the linear modules that the config selects. */
  private static List<ParameterSite> weights(SpielConfig config, Sites sites) {
    TargetModules named = config.targetModules();
    return sites
        .linear(named == null ? TargetModules.of(TargetModules.ALL_LINEAR) : named)
        .excluding(config.excludeModules())
        .required()
        .stream()
        .map(LinearSite::weight)
        .filter(weight -> sites.layer(weight) == null)
        .distinct()
        .toList();
  }

  private static long elements(List<ParameterSite> tensors) {
    return tensors.stream().mapToLong(tensor -> tensor.shape().size()).sum();
  }

  @Override
  public void inject(SpielConfig config, Sites sites) {
    IdentityHashMap<Trainable, ExchangedEntries> byValues = new IdentityHashMap<>();
    Optimizer.Settings optimizer =
        config.selectionAlgorithm() == SelectionAlgorithm.MOMENT_APPROXIMATION
            ? new Sm3.Settings(Sm3.DEFAULT.epsilon(), tensor -> cover(byValues.get(tensor)))
            : EntryAdamW.DEFAULT;
    List<ExchangedEntries> layers =
        SparseSites.inject(
            config,
            sites,
            (site, count, initial, chosen) ->
                new ExchangedEntries(site, count, initial, chosen, optimizer));
    for (ExchangedEntries layer : layers) {
      byValues.put(layer.values(), layer);
      if (sites.isFresh()) {
        layer.choose(random(layer, config.seed()));
      }
    }
    sites.atSteps(new Reselection(config, layers));
  }

  private static Sm3.@Nullable Cover cover(@Nullable ExchangedEntries layer) {
    return layer == null ? null : new Sm3.Cover(layer.trained(), layer.rows(), layer.columns());
  }

  /** Entries drawn without replacement (Floyd), in ascending order. */
  private static int[] random(ExchangedEntries layer, int seed) {
    SplittableRandom random = new SplittableRandom(seed * 31L + layer.site().name().hashCode());
    int size = (int) (layer.rows() * layer.columns());
    BitSet chosen = new BitSet(size);
    for (int last = size - (int) layer.values().size(); last < size; last++) {
      int place = random.nextInt(last + 1);
      chosen.set(chosen.get(place) ? last : place);
    }
    return chosen.stream().toArray();
  }
}
