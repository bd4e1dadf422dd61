package io.github.peft4j.adapter.layout;

import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.WeightedSite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Token tables in a file of Hugging Face PEFT that are neither targets nor modules to save. PEFT
 * saves tables that may have changed with the tokenizer ({@code save_embedding_layers}). PEFT
 * replaces the model's tables with them. In peft4j they belong to the adapter and are not trained;
 * the model keeps its own tables for when the adapter is not active.
 */
public final class BroughtTables {

  private static final Logger LOG = LoggerFactory.getLogger(BroughtTables.class);

  private BroughtTables() {}

  /**
   * Uses the tables of a file that have the size of the model's.
   *
   * @param names of the file's tensors; none for a fresh adapter
   * @param resized whether the model's tables were resized. Then new rows of the file, which the
   *     model lacks, are used below layers of the adapter as well
   * @return the used tables by output, for outputs that share the input's table and that the file
   *     stores under their own name as well
   */
  public static Map<LinearSite, Trainable> use(PeftNames<?> names, Sites sites, boolean resized) {
    Map<LinearSite, Trainable> followed = new LinkedHashMap<>();
    if (names.stored() == null) {
      return followed;
    }
    Stream<LinearSite> outputs =
        sites.all(LinearSite.class).stream().filter(s -> s.role() == LinearSite.Role.HEAD);
    Stream<ParameterSite> tables =
        sites.all(InputSite.class).stream()
            .map(InputSite::embedding)
            .distinct()
            .filter(site -> resized || sites.layer(site) == null)
            .map(site -> site.weightSiteRequired());
    List<ParameterSite> published = sites.all(ParameterSite.class);
    List<ParameterSite> brought =
        Stream.concat(
                tables,
                outputs
                    .filter(site -> resized || sites.layer(site) == null)
                    .map(LinearSite::weight))
            .filter(table -> published.contains(table) && sites.layer(table) == null)
            .filter(table -> names.isStored(table, resized, table.shape().getShape()))
            .toList();
    brought.forEach(sites::bring);
    if (!brought.isEmpty()) {
      followed.putAll(sites.followTables());
      followed.keySet().removeIf(output -> !names.holds(output));
    }
    if (resized) {
      bringOutputs(names, sites);
      warnOfMissing(names, sites);
    }
    return followed;
  }

  /** Outputs that share a table which the adapter trains for the input alone. */
  private static void bringOutputs(PeftNames<?> names, Sites sites) {
    sites.tokenTable().outputs().stream()
        .filter(output -> sites.layer(output) == null && names.holds(output))
        .filter(output -> sites.layer(sites.tokenTable().embedding().weight()) != null)
        .forEach(sites::bring);
  }

  /** PEFT does not save an output's new rows if a table is among the targets. */
  private static void warnOfMissing(PeftNames<?> names, Sites sites) {
    long tokens = sites.tokenTable().embedding().entries();
    sites.all(LinearSite.class).stream()
        .filter(site -> site.role() == LinearSite.Role.HEAD && site.outFeatures() == tokens)
        .filter(site -> site.table().isEmpty() && !sites.isReserved(site.name()))
        .filter(site -> !names.holds(site))
        .forEach(
            site ->
                LOG.warn(
                    "the adapter's file has no {}.weight: rows of tokens that were added are those"
                        + " of this model, not those that the adapter was trained with",
                    site.name()));
  }

  /**
   * Refuses tables of other sizes than the model's.
   *
   * @param file the file's name in errors
   * @param shapes of the file's tensors, by name
   */
  public static void requireSizes(
      String file, Map<String, long[]> shapes, PeftLayout<?> layout, TransformerModel model) {
    Stream<InputSite> inputs = sites(model, InputSite.class);
    Stream<LinearSite> outputs =
        sites(model, LinearSite.class).filter(s -> s.role() == LinearSite.Role.HEAD);
    Stream.concat(
            inputs.map(InputSite::embedding).distinct(),
            outputs.filter(output -> model.task().labels().isEmpty()))
        .forEach(site -> requireSize(file, shapes, layout.prefix() + site.name() + ".", site));
  }

  private static <S extends Site<?, ?>> Stream<S> sites(TransformerModel model, Class<S> type) {
    return model.sites().filter(type::isInstance).map(type::cast);
  }

  private static void requireSize(
      String file, Map<String, long[]> shapes, String module, WeightedSite site) {
    long rows = site.weight().shape().get(0);
    for (String below : List.of("", PeftNames.TABLE_BELOW, PeftNames.TOKENS_TABLE_BELOW)) {
      long[] shape = shapes.get(module + below + "weight");
      if (shape != null && shape.length == 2 && shape[0] != rows) {
        throw new AdvisedException(
            ("%s: %sweight has %d rows, but the model's token table has %d: the tables were"
                    + " resized before the adapter was trained")
                .formatted(file, module + below, shape[0], rows),
            Remedy.RESIZE_TOKENS.with(
                ("Call model.resizeTokens(%d) before loadAdapter, and use the tokenizer that the"
                        + " adapter was trained with")
                    .formatted(shape[0]),
                shape[0]));
      }
    }
  }
}
