package io.github.peft4j.methods.adapterhub;

import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.LayerSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The places of a LoRA or (IA)³ as AdapterHub's config names them: kinds of maps, the same in every
 * layer that is not left out.
 *
 * @param roles the roles of the maps
 * @param leaveOut indices of the layers without adapters. A decoder's layers are counted after its
 *     encoder's
 * @param swapped whether the library calls the two maps of the feed-forward network by each other's
 *     names
 */
record LoraPlaces(Set<Role> roles, List<Integer> leaveOut, boolean swapped) {

  private static final Map<Role, String> ATTENTION =
      Map.of(Role.QUERY, "q", Role.KEY, "k", Role.VALUE, "v");

  private static final List<Role> ALL =
      List.of(Role.QUERY, Role.KEY, Role.VALUE, Role.UP, Role.DOWN);

  /**
   * The places of an adapter.
   *
   * @throws UnsupportedMethodException if the library's config cannot name them
   */
  static LoraPlaces of(List<Rewrite> rewrites, TransformerModel model) {
    List<LayerSite> layers =
        model.sites().filter(LayerSite.class::isInstance).map(LayerSite.class::cast).toList();
    Set<String> adapted = new TreeSet<>();
    Set<Role> roles = EnumSet.noneOf(Role.class);
    Set<Integer> inLayers = new LinkedHashSet<>();
    for (Rewrite rewrite : rewrites) {
      if (!(rewrite.site() instanceof ParameterSite)) {
        Site<?, ?> site = rewrite.site();
        int layer = layer(site, layers);
        if (!(site instanceof LinearSite map) || !ALL.contains(map.role()) || layer < 0) {
          throw refused(site.name() + " is none of " + ALL + " in a layer");
        }
        adapted.add(site.name());
        roles.add(map.role());
        inLayers.add(layer);
      }
    }
    linear(model)
        .filter(map -> roles.contains(map.role()) && inLayers.contains(layer(map, layers)))
        .filter(map -> !adapted.contains(map.name()))
        .findFirst()
        .ifPresent(
            map -> {
              throw refused(map.name() + " has none, but a map of its kind has one");
            });
    return new LoraPlaces(
        roles,
        IntStream.range(0, layers.size()).filter(l -> !inLayers.contains(l)).boxed().toList(),
        AdapterHubModules.swapsFeedForward(model.config().text("model_type", "")));
  }

  private static Stream<LinearSite> linear(TransformerModel model) {
    return model.sites().filter(LinearSite.class::isInstance).map(LinearSite.class::cast);
  }

  private static int layer(Site<?, ?> site, List<LayerSite> layers) {
    return IntStream.range(0, layers.size())
        .filter(l -> site.name().startsWith(layers.get(l).name() + "."))
        .findFirst()
        .orElse(-1);
  }

  private static UnsupportedMethodException refused(String why) {
    return new UnsupportedMethodException(
        "AdapterHub's library adapts the same maps in every layer that has adapters: "
            + why
            + ". Save the adapter as Hugging Face PEFT does, by save(folder)");
  }

  /** A config with these places. */
  AdapterHubLoraConfig in(AdapterHubLoraConfig config) {
    List<String> attention =
        ALL.stream()
            .filter(roles::contains)
            .filter(ATTENTION::containsKey)
            .map(ATTENTION::get)
            .toList();
    return config
        .selfattnLora(!attention.isEmpty())
        .attnMatrices(attention.isEmpty() ? config.attnMatrices() : attention)
        .intermediateLora(roles.contains(swapped ? Role.DOWN : Role.UP))
        .outputLora(roles.contains(swapped ? Role.UP : Role.DOWN))
        .leaveOut(leaveOut);
  }
}
