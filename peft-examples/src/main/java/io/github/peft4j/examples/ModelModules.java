package io.github.peft4j.examples;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.Site;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The modules of a model that the recipes use, by the ends of their names.
 *
 * <p>A model that has other names gets the default modules of each method: null stands for them.
 *
 * @param attention queries and values, or the map that computes them together
 * @param scaled the modules that (IA)³ scales: keys, values and the second map of the feed-forward
 *     block
 * @param feedForward those of them whose input is scaled
 * @param head the new modules of a classifier, as targets
 */
record ModelModules(
    @Nullable TargetModules attention,
    @Nullable TargetModules scaled,
    @Nullable TargetModules feedForward,
    List<String> head) {

  /** The names of one kind of models. */
  private record Layout(List<String> attention, List<String> scaled, List<String> feedForward) {}

  private static final List<Layout> LAYOUTS =
      List.of(
          of("query,value", "key,value,output.dense", "output.dense"),
          of("q_proj,v_proj", "k_proj,v_proj,down_proj", "down_proj"),
          of("c_attn", "c_attn,mlp.c_proj", "mlp.c_proj"),
          of("q,v", "k,v,wo", "wo"));
  private static final List<String> HEADS = List.of("pooler.dense", "classifier", "score");

  private static Layout of(String attention, String scaled, String feedForward) {
    return new Layout(split(attention), split(scaled), split(feedForward));
  }

  private static List<String> split(String names) {
    return Arrays.asList(names.split(",", -1));
  }

  /** The modules of a model. */
  static ModelModules of(TransformerModel model) {
    Set<String> names = model.sites().map(Site::name).collect(Collectors.toUnmodifiableSet());
    List<String> head = HEADS.stream().filter(module -> has(names, module)).toList();
    for (Layout layout : LAYOUTS) {
      if (has(names, layout.attention().get(0)) && has(names, layout.scaled().get(0))) {
        return new ModelModules(
            TargetModules.of(layout.attention),
            TargetModules.of(layout.scaled),
            TargetModules.of(layout.feedForward),
            head);
      }
    }
    return new ModelModules(null, null, null, head);
  }

  private static boolean has(Set<String> names, String module) {
    return names.stream().anyMatch(name -> name.equals(module) || name.endsWith("." + module));
  }

  /** The head's modules as {@code modules_to_save} names them. */
  List<String> saved() {
    return head.stream().map(module -> module.equals("pooler.dense") ? "pooler" : module).toList();
  }
}
