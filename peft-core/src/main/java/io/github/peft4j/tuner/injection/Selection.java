package io.github.peft4j.tuner.injection;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Some of the sites of one kind, chosen among all that an adapter may rewrite. */
public final class Selection<S extends Site<?, ?>> {

  private final List<S> chosen;
  private final List<S> candidates;
  private final String wanted;
  private final @Nullable TargetModules targets;

  Selection(List<S> chosen, List<S> candidates, String wanted, @Nullable TargetModules targets) {
    this.chosen = chosen;
    this.candidates = candidates;
    this.wanted = wanted;
    this.targets = targets;
  }

  /** Those among them whose name is accepted. */
  public Selection<S> where(Predicate<String> names) {
    return new Selection<>(
        chosen.stream().filter(site -> names.test(site.name())).toList(),
        candidates,
        wanted,
        targets);
  }

  /** Those whose name is not meant by these; all of them for null. */
  public Selection<S> excluding(@Nullable TargetModules excluded) {
    return excluded == null ? this : where(name -> !excluded.matches(name));
  }

  /**
   * Those in some layers, see {@link TargetModules#inLayers}, and those whose whole names are
   * listed, in whatever layer.
   */
  public Selection<S> inLayers(@Nullable List<Integer> indices, @Nullable List<String> patterns) {
    Predicate<String> inLayers = TargetModules.inLayers(indices, patterns);
    return where(name -> (targets != null && targets.isNamed(name)) || inLayers.test(name));
  }

  /** The sites. */
  public List<S> list() {
    return chosen;
  }

  /** Targets that mean just these sites. */
  public TargetModules targets() {
    return TargetModules.naming(names(chosen), names(candidates));
  }

  private static List<String> names(List<? extends Site<?, ?>> sites) {
    return sites.stream().map(Site::name).toList();
  }

  /** Whether there is none. */
  public boolean isEmpty() {
    return chosen.isEmpty();
  }

  /**
   * The sites, of which there must be one at least.
   *
   * @throws IllegalArgumentException naming modules whose names are near
   */
  public List<S> required() {
    if (chosen.isEmpty()) {
      throw new IllegalArgumentException(NearNames.nothingMatches(wanted, names(candidates)));
    }
    return chosen;
  }
}
