package io.github.peft4j.methods.common.sparse;

import io.github.peft4j.config.Configs;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Puts {@link SparseEntries} into the tensors of a model. */
public final class SparseSites {

  private SparseSites() {}

  /** The targets of a config: its tensors without those of modules that are trained whole. */
  public static List<ParameterSite> targets(SparseConfig<?> config, Sites sites) {
    List<ParameterSite> targets =
        sites.parametersOf(config.targetModules(), config.excludeModules()).required().stream()
            .filter(site -> sites.layer(site) == null && !sites.isReserved(site.module()))
            .toList();
    Configs.require(
        !targets.isEmpty(),
        config.getClass(),
        "target_modules",
        config.targetModules(),
        "modules beside those of modules_to_save, which are trained whole");
    return targets;
  }

  /** The trained tensors of the modules that are trained whole. */
  public static List<Trainable> whole(Sites sites) {
    return sites.rewrites().stream()
        .filter(rewrite -> !(rewrite.layer() instanceof TensorDelta))
        .flatMap(rewrite -> rewrite.layer().trainables().stream())
        .filter(tensor -> !tensor.isBuffer())
        .toList();
  }

  /**
   * The number of entries to train: a part of the whole model's, less the tensors that are trained
   * whole.
   *
   * @param field the name of the part in the config, for errors
   * @param part of the model's parameters, from 0 to 1
   * @throws IllegalArgumentException if nothing is left, or more than the targets have
   */
  public static long budget(
      SparseConfig<?> config, String field, double part, List<ParameterSite> targets, Sites sites) {
    List<ParameterSite> all = sites.all(ParameterSite.class);
    long parameters = elements(all);
    long whole = elements(all.stream().filter(site -> sites.layer(site) != null).toList());
    long budget = (long) (parameters * part) - whole;
    long most = elements(targets);
    if (budget <= 0 || budget > most) {
      throw new IllegalArgumentException(
          "%s: field '%s' is %s, so that %,d of the model's %,d parameters are trained; the modules that are trained whole have %,d of them, the targets %,d: expected a part that leaves 1 to %,d entries"
              .formatted(
                  config.getClass().getSimpleName(),
                  field,
                  part,
                  (long) (parameters * part),
                  parameters,
                  whole,
                  most,
                  most));
    }
    return budget;
  }

  private static long elements(List<ParameterSite> sites) {
    return sites.stream().mapToLong(site -> site.shape().size()).sum();
  }

  /**
   * Puts a layer into each tensor of which the config trains entries. An output map that shares a
   * table follows it.
   *
   * @return the layers
   */
  public static List<SparseEntries> inject(SparseConfig<?> config, Sites sites) {
    return inject(config, sites, SparseEntries::new);
  }

  /** Creates the layer of a tensor. */
  @FunctionalInterface
  public interface Factory<L extends SparseEntries> {

    /**
     * Creates it.
     *
     * @param count the number of entries
     * @param chosen whether the entries are about to be read from a file
     */
    L layer(ParameterSite site, int count, Initializer initial, boolean chosen);
  }

  /**
   * Puts a layer of the method's own into each tensor of which the config trains entries.
   *
   * @return the layers
   */
  public static <L extends SparseEntries> List<L> inject(
      SparseConfig<?> config, Sites sites, Factory<L> factory) {
    if (sites.isFresh()) {
      check(config, sites);
    }
    Map<ParameterSite, L> layers = new LinkedHashMap<>();
    for (ParameterSite site : sites.all(ParameterSite.class)) {
      Integer count = config.entries().get(site.name());
      if (count != null && sites.layer(site) == null) {
        L layer = factory.layer(site, count, sites.initial(site), !sites.isFresh());
        sites.rewrite(site, layer);
        layers.put(site, layer);
      }
    }
    follow(layers, sites);
    return new ArrayList<>(layers.values());
  }

  private static void check(SparseConfig<?> config, Sites sites) {
    Map<String, Long> sizes =
        sites.all(ParameterSite.class).stream()
            .collect(
                Collectors.toMap(ParameterSite::name, site -> site.shape().size(), (a, b) -> a));
    config
        .entries()
        .forEach(
            (name, count) -> {
              Long size = sizes.get(name);
              Configs.require(
                  size != null && count > 0 && count <= size,
                  config.getClass(),
                  "entries." + name,
                  count,
                  size == null
                      ? "the name of a tensor of the model"
                      : "a number from 1 to " + size);
            });
  }

  /** Makes output maps that share a table use its change. */
  public static void follow(Map<ParameterSite, ? extends TensorDelta> tables, Sites sites) {
    for (LinearSite output : sites.all(LinearSite.class)) {
      output
          .table()
          .flatMap(table -> Optional.ofNullable(tables.get(table.weight())))
          .ifPresent(table -> sites.rewrite(output.weight(), table.follower()));
    }
  }
}
