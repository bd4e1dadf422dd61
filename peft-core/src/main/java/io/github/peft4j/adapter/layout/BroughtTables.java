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
 * The token tables that a file of Hugging Face PEFT brings along though they are neither targets
 * nor modules to save: it saves those that may have been changed with the tokenizer ({@code
 * save_embedding_layers}). PEFT puts them in the place of the model's; here they are the adapter's,
 * not trained, and the model keeps its own for when the adapter is not active.
 */
public final class BroughtTables {

  private BroughtTables() {}

  /**
   * Uses the tables of a file that are as large as the model's.
   *
   * @param names of the file's tensors; none for a fresh adapter
   * @return those of them that outputs follow and that are stored under the output's name too: a
   *     model whose output shares the table of its input has one, whatever name it is stored under
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
