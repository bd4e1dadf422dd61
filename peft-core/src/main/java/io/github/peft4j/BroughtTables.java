package io.github.peft4j;

import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.Trainable;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The token tables that a file of Hugging Face PEFT brings along though they are neither targets
 * nor modules to save: it saves those that may have been changed with the tokenizer ({@code
 * save_embedding_layers}). PEFT puts them in the place of the model's; here they are the adapter's,
 * not trained, and the model keeps its own for when the adapter is not active.
 */
final class BroughtTables {

  private BroughtTables() {}

  /**
   * Uses the tables of a file that are as large as the model's.
   *
   * @param stored shapes of the tensors that the file holds, by name
   */
  static void use(PeftMethod<?> method, Sites sites, Map<String, long[]> stored) {
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
            .filter(table -> isStored(table, method, stored))
            .toList();
    brought.forEach(sites::bring);
    if (!brought.isEmpty()) {
      sites
          .followTables()
          .forEach((map, table) -> alias(method.tensorName(map, "weight"), table, sites, stored));
    }
  }

  private static boolean isStored(
      ParameterSite table, PeftMethod<?> method, Map<String, long[]> stored) {
    return Arrays.equals(stored.get(method.tensorName(table, "")), table.shape().getShape());
  }

  /**
   * A model whose output shares the table of its input has one, whatever name it is stored under.
   */
  private static void alias(String name, Trainable table, Sites sites, Map<String, long[]> stored) {
    if (stored.containsKey(name)) {
      sites.alias(name, table);
    }
  }
}
