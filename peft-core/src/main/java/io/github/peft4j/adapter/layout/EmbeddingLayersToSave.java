package io.github.peft4j.adapter.layout;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;
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
import org.jspecify.annotations.Nullable;

/**
 * The frozen token tables that Hugging Face PEFT saves with an adapter ({@code
 * save_embedding_layers}): the input's table and a language model's output. If they were resized,
 * they are always saved, since the base model's files lack their new rows. Otherwise those are
 * saved that the adapter rewrites, if its targets select one of them by a name that PEFT
 * recognizes.
 */
final class EmbeddingLayersToSave {

  private static final List<String> NAMES = List.of("embed_tokens", "lm_head");

  private EmbeddingLayersToSave() {}

  /**
   * The tables, by their names in PEFT's file.
   *
   * @param targets null if no target can select a table
   */
  static Map<String, ParameterSite> of(
      @Nullable TargetModules targets, String prefix, Sites sites, boolean resized) {
    Map<String, ParameterSite> tables = new LinkedHashMap<>();
    if (!resized && (targets == null || !isMeant(targets, sites))) {
      return tables;
    }
    Stream<EmbeddingSite> inputs =
        sites.all(InputSite.class).stream().map(InputSite::embedding).distinct();
    Stream<LinearSite> outputs =
        sites.all(LinearSite.class).stream()
            .filter(s -> s.role() == LinearSite.Role.HEAD)
            .filter(s -> !resized || s.outFeatures() == tokens(sites));
    Stream.<Site<NDArray, NDArray>>concat(inputs, outputs)
        .filter(site -> !sites.isReserved(site.name()) && !isReplaced(site, sites))
        .filter(site -> resized || isRewritten(site, sites))
        .forEach(
            site ->
                tables.put(
                    prefix + site.name() + "." + below(site, sites) + "weight",
                    site.weightSiteRequired()));
    return tables;
  }

  private static long tokens(Sites sites) {
    return sites.tokenTable().embedding().entries();
  }

  /** Whether the adapter has a table of its own in place of the model's. */
  private static boolean isReplaced(Site<NDArray, NDArray> site, Sites sites) {
    boolean follows =
        site instanceof LinearSite output
            && sites.layer(site) != null
            && output.table().filter(table -> isCopied(table.weight(), sites)).isPresent();
    return follows || isCopied(site.weightSiteRequired(), sites);
  }

  private static boolean isCopied(ParameterSite table, Sites sites) {
    return sites.layer(table) instanceof TrainableCopy;
  }

  private static boolean isRewritten(Site<NDArray, NDArray> site, Sites sites) {
    return sites.layer(site) != null || sites.layer(site.weightSiteRequired()) != null;
  }

  private static String below(Site<NDArray, NDArray> site, Sites sites) {
    TunerLayer<NDArray, NDArray> layer = sites.layer(site);
    if (!isRewritten(site, sites)) {
      return "";
    }
    return layer != null && layer.trainables().stream().anyMatch(EmbeddingLayersToSave::isOfTokens)
        ? PeftNames.TOKENS_TABLE_BELOW
        : PeftNames.TABLE_BELOW;
  }

  private static boolean isOfTokens(Trainable tensor) {
    return tensor.key().startsWith("token_adapter.");
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
