package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * OFT (Qiu et al. 2023): W R x with a rotation R in blocks, (1 - Q)(1 + Q)⁻¹ of a skew-symmetric Q,
 * so that the angles between the rows of W stay as they are.
 */
public final class Oft extends LinearMethod<OftConfig> {

  /** The method. */
  public Oft() {
    super("OFT", OftConfig.class, Oft::linear, Oft::embedding);
  }

  private static OftLinear linear(LinearSite site, OftConfig config, Initializer initial) {
    Rotation.Shape shape = shape(site.inFeatures(), config);
    return new OftLinear(
        shape, start(shape, config, initial), config.moduleDropout(), site.isTransposed());
  }

  private static OftEmbedding embedding(EmbeddingSite site, OftConfig config, Initializer initial) {
    Rotation.Shape shape = shape(site.dimension(), config);
    return new OftEmbedding(shape, start(shape, config, initial));
  }

  private static Rotation.Shape shape(long d, OftConfig config) {
    int k = config.blockSize(d);
    return new Rotation.Shape(
        k,
        d / k,
        config.blockShare(),
        config.coft() ? config.eps() : null,
        config.useCayleyNeumann() ? config.numCayleyNeumannTerms() : null);
  }

  private static NDArray start(Rotation.Shape shape, OftConfig config, Initializer initial) {
    return config.initWeights()
        ? initial.zeros(shape.own(), shape.elements())
        : initial.normal(0.1, shape.own(), shape.elements());
  }
}
