package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite.Part;
import java.util.List;

/** Where the tensors of a stack's layers come from. */
interface Weights {

  /** The tensor of this name, of this shape. */
  NDArray tensor(String name, long... shape);

  /**
   * The same for a tensor that may be stored in parts.
   *
   * @param parts what is stored if the whole is not
   */
  default NDArray tensor(String name, List<Part> parts, long... shape) {
    return tensor(name, shape);
  }

  /** A linear map. */
  default Linear linear(
      String name, Role role, long in, long out, boolean bias, boolean transposed) {
    return new Linear(
        name,
        role,
        transposed ? tensor(name + ".weight", in, out) : tensor(name + ".weight", out, in),
        bias ? tensor(name + ".bias", out) : null,
        transposed);
  }

  /** A norm. */
  default Norm norm(String name, long dimension, NormSpec spec) {
    return new Norm(
        name,
        spec.kind(),
        tensor(name + ".weight", dimension),
        spec.bias() ? tensor(name + ".bias", dimension) : null,
        spec.epsilon());
  }
}
