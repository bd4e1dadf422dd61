package io.github.peft4j.methods.fisher;

import io.github.peft4j.methods.common.sparse.Largest;
import io.github.peft4j.methods.common.sparse.SparseEntries;
import io.github.peft4j.methods.common.sparse.SparseSites;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/** How methods with a fixed mask make their layers. {@link Fisher} chooses the entries. */
public final class FisherMask {

  /** Of random masks, which are the same for each adapter. */
  private static final long SEED = 42;

  private FisherMask() {}

  /**
   * The config with the numbers of entries, if it chooses them at random.
   *
   * @throws IllegalArgumentException if a fresh adapter's entries are still to be chosen
   */
  public static <C extends FisherConfig<C>> C complete(C config, Sites sites) {
    if (!sites.isFresh() || !config.entries().isEmpty()) {
      return config;
    }
    if (config.needsExamples()) {
      throw new IllegalArgumentException(
          config.getClass().getSimpleName()
              + ": what is trained is chosen by examples: make the adapter with"
              + " Fisher.of(config).adapt(model, examples), or set sample_type to random");
    }
    List<ParameterSite> targets = SparseSites.targets(config, sites);
    long k = SparseSites.budget(config, config.partField(), config.part(), targets, sites);
    Map<String, Integer> counts = new LinkedHashMap<>();
    random(targets, k).forEach((name, places) -> counts.put(name, places.length));
    return config.entries(counts);
  }

  /** Puts layers into the tensors that have entries. */
  public static void inject(FisherConfig<?> config, Sites sites) {
    if (!sites.isFresh() || config.sampleType() != SampleType.RANDOM) {
      SparseSites.inject(config, sites);
      return;
    }
    long k = config.entries().values().stream().mapToLong(count -> count).sum();
    Map<String, int[]> chosen = random(SparseSites.targets(config, sites), k);
    for (SparseEntries layer : SparseSites.inject(config, sites)) {
      layer.choose(Objects.requireNonNull(chosen.get(layer.site().name())));
    }
  }

  /** The entries with the largest of random scores. */
  private static Map<String, int[]> random(List<ParameterSite> targets, long k) {
    Map<String, Supplier<float[]>> scores = new LinkedHashMap<>();
    targets.forEach(
        site -> scores.put(site.name(), () -> random(site.name(), (int) site.shape().size())));
    return Largest.of(scores, k);
  }

  private static float[] random(String name, int size) {
    SplittableRandom random = new SplittableRandom(SEED * 31 + name.hashCode());
    float[] scores = new float[size];
    for (int i = 0; i < size; i++) {
      scores[i] = (float) random.nextDouble();
    }
    return scores;
  }
}
