package io.github.peft4j.tuner.injection;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.TiedTable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The output maps that share the token table, and Hugging Face PEFT 0.21's treatment of their names
 * when {@code ensure_weight_tying} is set: each of their names stands for all of these modules and
 * is replaced with the embedding's.
 */
public final class WeightTying {

  /** The module names by which PEFT recognizes token tables. */
  private static final Set<String> TABLES = Set.of("embed_tokens", "lm_head");

  private final EmbeddingSite embedding;
  private final List<LinearSite> outputs;

  /** The ties of a model. */
  public WeightTying(Sites sites) {
    this(sites.tokenTable());
  }

  /** The ties of a table. */
  public WeightTying(TiedTable table) {
    this.embedding = table.embedding();
    this.outputs = table.outputs();
  }

  /** The model's input embedding. */
  public EmbeddingSite embedding() {
    return embedding;
  }

  /** The maps that share its table; none if the output has a weight of its own. */
  public List<LinearSite> outputs() {
    return outputs;
  }

  /** Whether names select a shared table. Like PEFT, this compares the last part of a name. */
  public boolean concerns(List<String> names) {
    return !outputs.isEmpty()
        && names.stream().anyMatch(n -> TABLES.contains(n.substring(n.lastIndexOf('.') + 1)));
  }

  /** Whether targets select a shared table. */
  public boolean concerns(TargetModules targets) {
    List<String> names = targets.suffixes();
    return names != null
        ? concerns(names)
        : !outputs.isEmpty()
            && !targets.isAllLinear()
            && TABLES.stream().anyMatch(targets::matches);
  }

  /** Adds the embedding's name and removes those of the outputs that share its table. */
  public List<String> withTable(List<String> names) {
    List<String> kept = new ArrayList<>(names);
    if (!kept.contains(embedding.name())) {
      kept.add(embedding.name());
    }
    kept.removeIf(name -> outputs.stream().anyMatch(output -> isPartOf(name, output.name())));
    return List.copyOf(kept);
  }

  /** Adds the embedding to the targets and removes named outputs that share its table. */
  public TargetModules withTable(TargetModules targets) {
    List<String> names = targets.suffixes();
    return names != null
        ? TargetModules.of(withTable(names))
        : TargetModules.matching(
            "(?:%s|^%s$)".formatted(targets, embedding.name().replace(".", "\\.")));
  }

  /** Those of these names that select the embedding or an output that shares its table. */
  public Set<String> namesOfTable(Set<String> names) {
    Set<String> found = new HashSet<>();
    for (String name : names) {
      if (embedding.name().endsWith(name)
          || outputs.stream().anyMatch(output -> isPartOf(Pattern.quote(name), output.name()))) {
        found.add(name);
      }
    }
    return found;
  }

  private static boolean isPartOf(String name, String module) {
    return module.matches("(.*\\.)?" + name + "(\\..*)?");
  }
}
