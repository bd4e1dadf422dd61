package io.github.peft4j.examples;

import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.Site;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The modules of a model that the recipes use, by the ends of their names.
 *
 * @param attention queries and values, or the map that computes them together
 * @param scaled the modules that (IA)³ scales: keys, values and the second map of the feed-forward
 *     block
 * @param feedForward those of them whose input is scaled
 * @param head the new modules of a classifier, as targets
 */
record ModelModules(
    List<String> attention, List<String> scaled, List<String> feedForward, List<String> head) {

  private static final List<ModelModules> LAYOUTS =
      List.of(
          of("query,value", "key,value,output.dense", "output.dense"),
          of("q_proj,v_proj", "k_proj,v_proj,down_proj", "down_proj"),
          of("c_attn", "c_attn,mlp.c_proj", "mlp.c_proj"),
          of("q,v", "k,v,wo", "wo"));
  private static final List<String> HEADS = List.of("pooler.dense", "classifier", "score");

  private static ModelModules of(String attention, String scaled, String feedForward) {
    return new ModelModules(split(attention), split(scaled), split(feedForward), List.of());
  }

  private static List<String> split(String names) {
    return Arrays.asList(names.split(",", -1));
  }

  /**
   * The modules of a model.
   *
   * @throws IllegalArgumentException if the model has none of the known names
   */
  static ModelModules of(TransformerModel model) {
    Set<String> names = model.sites().map(Site::name).collect(Collectors.toUnmodifiableSet());
    for (ModelModules layout : LAYOUTS) {
      if (has(names, layout.attention().get(0)) && has(names, layout.scaled().get(0))) {
        List<String> head = HEADS.stream().filter(module -> has(names, module)).toList();
        return new ModelModules(layout.attention, layout.scaled, layout.feedForward, head);
      }
    }
    throw new IllegalArgumentException(
        "the recipes know no modules of "
            + model.architecture()
            + "; they know "
            + LAYOUTS.stream().map(ModelModules::attention).toList());
  }

  private static boolean has(Set<String> names, String module) {
    return names.stream().anyMatch(name -> name.equals(module) || name.endsWith("." + module));
  }

  /** The head's modules as {@code modules_to_save} names them. */
  List<String> saved() {
    return head.stream().map(module -> module.equals("pooler.dense") ? "pooler" : module).toList();
  }
}
