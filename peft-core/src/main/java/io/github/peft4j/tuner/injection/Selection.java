package io.github.peft4j.tuner.injection;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A selection of sites of one kind. */
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

  /** The selected sites whose name is accepted. */
  public Selection<S> where(Predicate<String> names) {
    return new Selection<>(
        chosen.stream().filter(site -> names.test(site.name())).toList(),
        candidates,
        wanted,
        targets);
  }

  /** The selected sites without those that {@code excluded} selects; null excludes none. */
  public Selection<S> excluding(@Nullable TargetModules excluded) {
    return excluded == null
        ? this
        : where(name -> !excluded.matches(name))
            .emptiedBy(this, "without exclude_modules " + excluded);
  }

  /**
   * The selected sites in some layers, see {@link TargetModules#inLayers}. Sites that the targets
   * list by full name stay, whatever their layer.
   */
  public Selection<S> inLayers(@Nullable List<Integer> indices, @Nullable List<String> patterns) {
    Predicate<String> inLayers = TargetModules.inLayers(indices, patterns);
    return where(name -> (targets != null && targets.isNamed(name)) || inLayers.test(name))
        .emptiedBy(this, "in layers_to_transform " + indices);
  }

  /** This selection; if it is empty and that before it was not, its error gives the reason. */
  private Selection<S> emptiedBy(Selection<S> before, String reason) {
    return chosen.isEmpty() && !before.chosen.isEmpty()
        ? new Selection<>(chosen, candidates, wanted + " " + reason, targets)
        : this;
  }

  /** The selected sites, in the model's order. */
  public List<S> list() {
    return chosen;
  }

  /** Targets that select exactly these sites. */
  public TargetModules targets() {
    return TargetModules.naming(names(chosen), names(candidates));
  }

  private static List<String> names(List<? extends Site<?, ?>> sites) {
    return sites.stream().map(Site::name).toList();
  }

  /** Whether no site is selected. */
  public boolean isEmpty() {
    return chosen.isEmpty();
  }

  /**
   * The selected sites, at least one.
   *
   * @throws IllegalArgumentException if no site is selected; the message lists modules with similar
   *     names
   */
  public List<S> required() {
    if (chosen.isEmpty()) {
      throw new IllegalArgumentException(
          NearNames.nothingMatches(wanted, names(candidates)) + hint());
    }
    return chosen;
  }

  private String hint() {
    return targets == null || targets.expression() == null || targets.isAllLinear()
        ? ""
        : ". A regular expression has to match a module's whole name, such as .*\\.q_proj; a list"
            + " has the last parts of names";
  }
}
