package io.github.peft4j.adapter.layout;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The frozen token tables that Hugging Face PEFT saves with an adapter whose targets select one of
 * them by a name that PEFT recognizes ({@code save_embedding_layers}): the rewritten ones among the
 * input's table and a language model's output.
 */
final class EmbeddingLayersToSave {

  private static final List<String> NAMES = List.of("embed_tokens", "lm_head");

  private EmbeddingLayersToSave() {}

  /** The tables, by their names in PEFT's file. */
  static Map<String, ParameterSite> of(TargetModules targets, String prefix, Sites sites) {
    Map<String, ParameterSite> tables = new LinkedHashMap<>();
    if (!isMeant(targets, sites)) {
      return tables;
    }
    Stream<EmbeddingSite> inputs =
        sites.all(InputSite.class).stream().map(InputSite::embedding).distinct();
    Stream<LinearSite> outputs =
        sites.all(LinearSite.class).stream().filter(s -> s.role() == LinearSite.Role.HEAD);
    Stream.<Site<NDArray, NDArray>>concat(inputs, outputs)
        .filter(site -> !sites.isReserved(site.name()) && isRewritten(site, sites))
        .forEach(
            site ->
                tables.put(prefix + site.name() + ".base_layer.weight", site.weightSiteRequired()));
    return tables;
  }

  private static boolean isRewritten(Site<NDArray, NDArray> site, Sites sites) {
    return sites.layer(site) != null || sites.layer(site.weightSiteRequired()) != null;
  }

  /**
   * A list has to contain one of the names exactly; an expression has to match a module with the
   * name.
   */
  private static boolean isMeant(TargetModules targets, Sites sites) {
    List<String> listed = targets.suffixes();
    if (listed != null) {
      return listed.stream().anyMatch(NAMES::contains);
    }
    return !targets.isAllLinear()
        && Stream.concat(
                sites.all(EmbeddingSite.class).stream(), sites.all(LinearSite.class).stream())
            .map(Site::name)
            .anyMatch(
                name ->
                    NAMES.contains(name.substring(name.lastIndexOf('.') + 1))
                        && targets.matches(name));
  }
}
