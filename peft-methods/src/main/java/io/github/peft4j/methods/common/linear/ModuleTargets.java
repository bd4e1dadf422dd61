package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The modules that a method adapts, in the fields that most of Hugging Face PEFT's configs have.
 *
 * @param targetModules the modules that get an adapter: name suffixes, a regular expression over
 *     whole names, or {@code all-linear}; null for queries and values
 * @param excludeModules modules to leave out of those, or null for none
 * @param modulesToSave modules that are fully trained and saved with the adapter, by name suffix,
 *     or null for none
 * @param layersToTransform indices of the layers that are adapted, from 0, or null for all
 * @param layersPattern name parts before a layer's index, such as {@code layers}, or null for any
 */
@Withers
public record ModuleTargets(
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern)
    implements ConfigPart, ModuleTargetsWithers {

  /** The linear layers that targetModules selects, before the choice of layers. */
  public Selection<LinearSite> named(Sites sites) {
    return named(targetModules, sites);
  }

  /** The linear layers that these names select, in all layers; queries and values for null. */
  public static Selection<LinearSite> named(@Nullable TargetModules targets, Sites sites) {
    return sites.linear(targets, Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  /** The linear layers that get an adapter. */
  public Selection<LinearSite> linear(Sites sites) {
    return chosen(named(sites));
  }

  /** The embeddings that get an adapter. */
  public Selection<EmbeddingSite> embeddings(Sites sites) {
    return chosen(sites.embeddings(targetModules));
  }

  private <S extends Site<?, ?>> Selection<S> chosen(Selection<S> named) {
    return named.excluding(excludeModules).inLayers(layersToTransform, layersPattern);
  }
}
