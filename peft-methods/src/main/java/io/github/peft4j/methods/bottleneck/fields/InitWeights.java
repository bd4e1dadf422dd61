package io.github.peft4j.methods.bottleneck.fields;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.JsonChoice;
import io.github.peft4j.tuner.injection.Initializer;

/** How the two matrices are initialised. Biases start at zero. */
public enum InitWeights implements JsonChoice {
  /** Normal with standard deviation 0.02: nearly no effect at the start. */
  BERT("bert"),
  /** The first is Kaiming-uniform, the second zero: no effect at the start. */
  MAM_ADAPTER("mam_adapter"),
  /** Normal with standard deviation 0.01, cut at two deviations: nearly no effect at the start. */
  HOULSBY("houlsby");

  private final String json;

  InitWeights(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }

  /** W₁ [m, d]. */
  public NDArray down(Initializer initial, long m, long d) {
    return this == MAM_ADAPTER ? initial.kaimingUniform(m, d) : small(initial, m, d);
  }

  /** W₂ [d, m]. */
  public NDArray up(Initializer initial, long d, long m) {
    return this == MAM_ADAPTER ? initial.zeros(d, m) : small(initial, d, m);
  }

  /** A gate's weight [1, d]. For Houlsby, AdapterHub initialises it as PyTorch does a Linear. */
  public NDArray gate(Initializer initial, long d) {
    return this == HOULSBY ? initial.kaimingUniform(1, d) : initial.normal(0.02, 1, d);
  }

  /** A gate's bias [1]. */
  public NDArray gateBias(Initializer initial, long d) {
    return this == HOULSBY ? initial.uniform(1 / Math.sqrt((double) d), 1) : initial.zeros(1);
  }

  private NDArray small(Initializer initial, long rows, long columns) {
    return this == BERT
        ? initial.normal(0.02, rows, columns)
        : initial.truncatedNormal(0.01, rows, columns);
  }
}
