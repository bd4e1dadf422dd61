package io.github.peft4j.adapter.layout;

import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Token tables in a file of Hugging Face PEFT that are neither targets nor modules to save. PEFT
 * saves tables that may have changed with the tokenizer ({@code save_embedding_layers}). PEFT
 * replaces the model's tables with them. In peft4j they belong to the adapter and are not trained;
 * the model keeps its own tables for when the adapter is not active.
 */
public final class BroughtTables {

  private BroughtTables() {}

  /**
   * Uses the tables of a file that have the size of the model's.
   *
   * @param names of the file's tensors; none for a fresh adapter
   * @return the used tables by output, for outputs that share the input's table and that the file
   *     stores under their own name as well
   */
  public static Map<LinearSite, Trainable> use(PeftNames<?> names, Sites sites) {
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
            .filter(site -> sites.layer(site) == null)
            .map(site -> site.weightSiteRequired());
    List<ParameterSite> published = sites.all(ParameterSite.class);
    List<ParameterSite> brought =
        Stream.concat(
                tables, outputs.filter(site -> sites.layer(site) == null).map(LinearSite::weight))
            .filter(table -> published.contains(table) && sites.layer(table) == null)
            .filter(table -> names.isStored(table, table.shape().getShape()))
            .toList();
    brought.forEach(sites::bring);
    if (!brought.isEmpty()) {
      followed.putAll(sites.followTables());
      followed.keySet().removeIf(output -> !names.isStored(output, "weight"));
    }
    return followed;
  }
}
