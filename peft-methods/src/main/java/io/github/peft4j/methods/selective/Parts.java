package io.github.peft4j.methods.selective;

import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LayerSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.NormSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.StackSite;
import io.github.peft4j.tuner.site.SublayerSite;
import io.github.peft4j.tuner.site.WeightedSite;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The tensors of a model by the part that they belong to, as its sites tell. */
final class Parts {

  private final Sites sites;

  Parts(Sites sites) {
    this.sites = sites;
  }

  Set<ParameterSite> all() {
    return tensors(name -> true);
  }

  Set<ParameterSite> tensors(Predicate<String> names) {
    return set(sites.all(ParameterSite.class).stream().filter(site -> names.test(site.name())));
  }

  /** What is published between a stack and its first layer. */
  Set<ParameterSite> embeddings() {
    Set<ParameterSite> found = new LinkedHashSet<>();
    boolean before = false;
    for (Site<?, ?> site : sites.all(Site.class)) {
      if (site instanceof StackSite || site instanceof LayerSite) {
        before = site instanceof StackSite;
      } else if (before && site instanceof ParameterSite tensor) {
        found.add(tensor);
      }
    }
    found.removeAll(below(layerSites())); // T5's table of relative positions, one of layer 0
    return found;
  }

  /**
   * One side of an encoder-decoder.
   *
   * @param index 0 for the encoder, 1 for the decoder
   */
  Set<ParameterSite> side(int index) {
    List<StackSite> stacks = twoStacks();
    return stack(stacks.get(index));
  }

  private Set<ParameterSite> stack(StackSite stack) {
    Set<ParameterSite> found = below(List.of(stack));
    sites.all(InputSite.class).stream()
        .filter(input -> input.stack().equals(stack.name()))
        .forEach(input -> found.add(input.embedding().weight()));
    return found;
  }

  Set<ParameterSite> crossAttention() {
    twoStacks();
    Set<ParameterSite> found =
        below(
            sites.all(AttentionSite.class).stream().filter(site -> site.place().cross()).toList());
    Set<String> norms =
        sites.all(SublayerSite.class).stream()
            .filter(site -> site.kind() == SublayerSite.Kind.CROSS_ATTENTION)
            .flatMap(site -> site.norms().stream())
            .collect(Collectors.toSet());
    found.addAll(below(norms::contains));
    return found;
  }

  private List<StackSite> twoStacks() {
    List<StackSite> stacks = sites.all(StackSite.class);
    if (stacks.size() != 2) {
      throw new UnsupportedMethodException(
          "SelectiveConfig: field 'select' has encoder, decoder or cross_attention, and this model is no encoder-decoder; expected other parts");
    }
    return stacks;
  }

  Set<ParameterSite> norms() {
    return set(sites.all(NormSite.class).stream().flatMap(Parts::weightAndBias));
  }

  Set<ParameterSite> biases() {
    return tensors(name -> name.endsWith(".bias"));
  }

  /** What is in no stack, and the pooler, which BERT has in its body. */
  Set<ParameterSite> head() {
    Set<ParameterSite> found = all();
    sites.all(StackSite.class).forEach(stack -> found.removeAll(stack(stack)));
    sites.all(LinearSite.class).stream()
        .filter(site -> site.role() == LinearSite.Role.POOLER)
        .forEach(site -> weightAndBias(site).forEach(found::add));
    return found;
  }

  Set<ParameterSite> layers(List<Integer> indices) {
    List<LayerSite> layers = layerSites();
    Set<Integer> present =
        layers.stream().map(layer -> layer.place().index()).collect(Collectors.toSet());
    if (indices.isEmpty() || !present.containsAll(indices)) {
      throw new IllegalArgumentException(
          "SelectiveConfig: field 'select' has layers %s; expected some of %s"
              .formatted(indices, present.stream().sorted().toList()));
    }
    return below(layers.stream().filter(layer -> indices.contains(layer.place().index())).toList());
  }

  Set<ParameterSite> topLayers(int count) {
    Set<ParameterSite> found = new LinkedHashSet<>();
    for (StackSite stack : sites.all(StackSite.class)) {
      List<LayerSite> layers =
          layerSites().stream()
              .filter(layer -> layer.place().stack().equals(stack.name()))
              .toList();
      if (count < 1 || count > layers.size()) {
        throw new IllegalArgumentException(
            "SelectiveConfig: field 'select' has top_layers %d; expected 1 to %d, the layers of %s"
                .formatted(count, layers.size(), stack.name()));
      }
      found.addAll(below(layers.subList(layers.size() - count, layers.size())));
    }
    return found;
  }

  private List<LayerSite> layerSites() {
    return sites.all(LayerSite.class);
  }

  private static Stream<ParameterSite> weightAndBias(WeightedSite site) {
    return Stream.concat(Stream.of(site.weight()), site.bias().stream());
  }

  private Set<ParameterSite> below(List<? extends Site<?, ?>> modules) {
    Set<String> names = modules.stream().map(Site::name).collect(Collectors.toSet());
    return below(names::contains);
  }

  /** The tensors that are in one of these modules. */
  private Set<ParameterSite> below(Predicate<String> modules) {
    return tensors(
        name -> {
          for (int end = name.indexOf('.'); end > 0; end = name.indexOf('.', end + 1)) {
            if (modules.test(name.substring(0, end))) {
              return true;
            }
          }
          return false;
        });
  }

  private static Set<ParameterSite> set(Stream<ParameterSite> tensors) {
    return tensors.collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /** The parts that the model has, for messages. */
  @Override
  public String toString() {
    return Stream.of(
            head().isEmpty() ? "" : "head, ",
            norms().isEmpty() ? "" : "norms, ",
            biases().isEmpty() ? "" : "biases, ",
            head().isEmpty() ? "(the output shares the token table, one of the embeddings) " : "",
            sites.all(StackSite.class).size() == 2 ? "encoder, decoder, cross_attention, " : "",
            "embeddings, all, layers 0 to %d"
                .formatted(layerSites().stream().mapToInt(l -> l.place().index()).max().orElse(0)))
        .collect(Collectors.joining());
  }
}
