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
 * The output maps that share the token table, and what Hugging Face PEFT 0.21 makes of module names
 * when {@code ensure_weight_tying} is set: who names one of those modules means all, and the names
 * that are kept are those of the embedding.
 */
public final class WeightTying {

  /** The names that PEFT knows token tables by. */
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

  /** The embedding that the model's input goes through. */
  public EmbeddingSite embedding() {
    return embedding;
  }

  /** The maps that share its table; none if the model has a table of its own for its output. */
  public List<LinearSite> outputs() {
    return outputs;
  }

  /** Whether names mean a table that is shared: PEFT tells by the last part of a name. */
  public boolean concerns(List<String> names) {
    return !outputs.isEmpty()
        && names.stream().anyMatch(n -> TABLES.contains(n.substring(n.lastIndexOf('.') + 1)));
  }

  /** Whether targets mean a table that is shared. */
  public boolean concerns(TargetModules targets) {
    List<String> names = targets.suffixes();
    return names != null
        ? concerns(names)
        : !outputs.isEmpty()
            && !targets.isAllLinear()
            && TABLES.stream().anyMatch(targets::matches);
  }

  /** The names with the embedding's, and without those of the outputs that share its table. */
  public List<String> withTable(List<String> names) {
    List<String> kept = new ArrayList<>(names);
    if (!kept.contains(embedding.name())) {
      kept.add(embedding.name());
    }
    kept.removeIf(name -> outputs.stream().anyMatch(output -> isPartOf(name, output.name())));
    return List.copyOf(kept);
  }

  /** The targets with the embedding, and without the outputs where they are named. */
  public TargetModules withTable(TargetModules targets) {
    List<String> names = targets.suffixes();
    return names != null
        ? TargetModules.of(withTable(names))
        : TargetModules.matching(
            "(?:%s|^%s$)".formatted(targets, embedding.name().replace(".", "\\.")));
  }

  /** Whether names of modules are those of the table, seen from any of its modules. */
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
