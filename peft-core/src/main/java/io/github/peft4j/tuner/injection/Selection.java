package io.github.peft4j.tuner.injection;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.site.Site;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A selection of sites of one kind. */
public final class Selection<S extends Site<?, ?>> {

  private final List<S> chosen;
  private final List<String> candidates;
  private final String field;
  private final String wanted;
  private final @Nullable TargetModules targets;

  Selection(List<S> chosen, List<S> candidates, String wanted, @Nullable TargetModules targets) {
    this(chosen, names(candidates), "target_modules", wanted, targets);
  }

  /**
   * @param candidates the names that could have been selected, for errors
   * @param field the name of the setting that selects, for errors
   */
  Selection(
      List<S> chosen,
      List<String> candidates,
      String field,
      String wanted,
      @Nullable TargetModules targets) {
    this.chosen = chosen;
    this.candidates = candidates;
    this.field = field;
    this.wanted = wanted;
    this.targets = targets;
  }

  /** The selected sites whose name is accepted. */
  public Selection<S> where(Predicate<String> names) {
    return with(chosen.stream().filter(site -> names.test(site.name())).toList(), wanted);
  }

  /** The selected sites without those that {@code excluded} selects; null excludes none. */
  public Selection<S> excluding(@Nullable TargetModules excluded) {
    return excluding(excluded, Site::name);
  }

  /**
   * The same by another name of a site than its own.
   *
   * @param name gives the name of a site's module
   */
  Selection<S> excluding(@Nullable TargetModules excluded, Function<? super S, String> name) {
    return excluded == null
        ? this
        : with(chosen.stream().filter(s -> !excluded.matches(name.apply(s))).toList(), wanted)
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
        ? with(chosen, wanted + " " + reason)
        : this;
  }

  private Selection<S> with(List<S> sites, String description) {
    return new Selection<>(sites, candidates, field, description, targets);
  }

  /** The selected sites, in the model's order. */
  public List<S> list() {
    return chosen;
  }

  /** Targets that select exactly these sites. */
  public TargetModules targets() {
    return TargetModules.naming(names(chosen), candidates);
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
          NearNames.nothingMatches(field, wanted, candidates) + hint());
    }
    return chosen;
  }

  private String hint() {
    if (targets == null || targets.isAllLinear()) {
      return "";
    }
    if (targets.expression() != null) {
      return ". A regular expression has to match a module's whole name, such as .*\\.q_proj; a list"
          + " has the last parts of names";
    }
    List<String> suffixes = targets.suffixes();
    for (String part : suffixes == null ? List.<String>of() : suffixes) {
      for (String name : candidates) {
        int at = name.indexOf("." + part + ".");
        if (at >= 0) {
          String module = name.substring(at + 1);
          return ". %s is a group of modules: name its modules, such as %s".formatted(part, module);
        }
      }
    }
    return "";
  }
}
