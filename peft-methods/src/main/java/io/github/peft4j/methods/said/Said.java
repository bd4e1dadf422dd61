package io.github.peft4j.methods.said;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.TiedTable;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * SAID (Aghajanyan et al. 2020, structure-aware intrinsic dimension): every tensor W is W + λᵢ
 * Pᵢ(θ), with one trained θ for all, a trained scale λᵢ for each, and a fixed random projection Pᵢ,
 * the Fastfood transform.
 */
public final class Said extends BaseMethod<SaidConfig> {

  /** The method. */
  public Said() {
    super("SAID", SaidConfig.class);
  }

  @Override
  public void inject(SaidConfig config, Sites sites) {
    List<ParameterSite> tensors = tensors(config.targetModules(), sites);
    int scales = config.said() ? tensors.size() : 0;
    int d = config.intrinsicDimension();
    long elements = tensors.stream().mapToLong(tensor -> tensor.shape().size()).sum();
    Configs.require(
        d > scales && d <= scales + elements,
        SaidConfig.class,
        "intrinsic_dimension",
        d,
        "more than "
            + scales
            + ", the number of tensors, each of which has a scale, and no more numbers than the "
            + elements
            + " of the tensors");
    int size = d - scales;
    SubspaceTensor first =
        SubspaceTensor.first(
            size,
            scales,
            hadamard(sites),
            projection(tensors.get(0), config, size, sites),
            sites.initial());
    rewrite(tensors.get(0), first, sites);
    for (int i = 1; i < tensors.size(); i++) {
      ParameterSite tensor = tensors.get(i);
      Fastfood projection = projection(tensor, config, size, sites);
      rewrite(tensor, new SubspaceTensor(first.subspace(), projection, i), sites);
    }
  }

  private static Fastfood projection(
      ParameterSite tensor, SaidConfig config, int size, Sites sites) {
    // PyTorch's generator takes the lower 32 bits of a seed.
    int seed = tensor.name().hashCode() ^ (config.projectionSeed() * 0x9e3779b1);
    try (NDArray like = sites.initial(tensor).zeros(1)) {
      return Fastfood.draw(
          tensor.shape().size(), size, Integer.toUnsignedLong(seed), like.getManager());
    }
  }

  private static Hadamard hadamard(Sites sites) {
    try (NDArray like = sites.initial().zeros(1)) {
      return Hadamard.create(like.getManager());
    }
  }

  /** Output maps that share a table move with it. */
  private static void rewrite(ParameterSite tensor, SubspaceTensor layer, Sites sites) {
    sites.rewrite(tensor, layer);
    TiedTable table = sites.tokenTable();
    if (tensor == table.embedding().weight()) {
      table.outputs().forEach(output -> sites.rewrite(output, layer.output()));
    }
  }

  /** The tensors that move, by name. */
  private static List<ParameterSite> tensors(@Nullable TargetModules targets, Sites sites) {
    List<ParameterSite> tensors =
        sites.parametersOf(targets, null).required().stream()
            .filter(site -> !sites.isReserved(site.module()) && sites.layer(site) == null)
            .sorted(Comparator.comparing(ParameterSite::name))
            .toList();
    Configs.require(
        !tensors.isEmpty(),
        SaidConfig.class,
        "target_modules",
        targets,
        "names of modules that have tensors");
    return tensors;
  }
}
