package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.types.Shape;
import io.github.peft4j.transformer.block.MixtureOfExperts;
import io.github.peft4j.transformer.block.MixtureOfExperts.Experts;
import io.github.peft4j.transformer.block.MixtureOfExperts.Router;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network.Mixture;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.ParameterSite.Part;
import java.util.ArrayList;
import java.util.List;

/** Builds a {@link MixtureOfExperts}, whose experts a checkpoint stores one by one. */
final class MixtureBuilder {

  private final String layer;
  private final Mixture mixture;
  private final FeedForwardSpec spec;
  private final int hidden;
  private final Weights weights;

  /**
   * Creates a builder.
   *
   * @param layer the layer's name
   * @param hidden D
   */
  MixtureBuilder(String layer, Mixture mixture, FeedForwardSpec spec, int hidden, Weights weights) {
    this.layer = layer + ".";
    this.mixture = mixture;
    this.spec = spec;
    this.hidden = hidden;
    this.weights = weights;
  }

  MixtureOfExperts build() {
    String experts = layer + mixture.experts();
    return new MixtureOfExperts(
        layer + mixture.module(),
        router(layer + mixture.router()),
        new Experts(
            experts,
            parameter(
                experts + ".gate_up_proj", gateUp(), mixture.count(), 2L * spec.inner(), hidden),
            parameter(experts + ".down_proj", down(), mixture.count(), hidden, spec.inner()),
            spec.activation()));
  }

  private Router router(String name) {
    Part stored = part(mixture.stored().router(), 0, mixture.count(), hidden);
    return new Router(
        name,
        parameter(name + ".weight", List.of(stored), mixture.count(), hidden),
        mixture.perToken(),
        mixture.normalised());
  }

  private ParameterSite parameter(String name, List<Part> parts, long... shape) {
    return new ParameterSite(name, weights.tensor(name, parts, shape), parts);
  }

  /** W_gate above W_up, expert by expert. */
  private List<Part> gateUp() {
    long size = (long) spec.inner() * hidden;
    List<Part> parts = new ArrayList<>();
    for (int e = 0; e < mixture.count(); e++) {
      parts.add(part(mixture.stored().gate().formatted(e), 2L * e * size, spec.inner(), hidden));
      parts.add(
          part(mixture.stored().up().formatted(e), (2L * e + 1) * size, spec.inner(), hidden));
    }
    return parts;
  }

  private List<Part> down() {
    long size = (long) hidden * spec.inner();
    List<Part> parts = new ArrayList<>();
    for (int e = 0; e < mixture.count(); e++) {
      parts.add(part(mixture.stored().down().formatted(e), e * size, hidden, spec.inner()));
    }
    return parts;
  }

  private Part part(String map, long offset, long... shape) {
    return new Part(layer + map + ".weight", offset, new Shape(shape));
  }
}
