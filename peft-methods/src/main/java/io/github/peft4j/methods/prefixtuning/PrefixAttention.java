package io.github.peft4j.methods.prefixtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.prompt.PastKeyValues;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AttentionSite;

/** attention(q, [Kp; K], [Vp; V]), with Kp and Vp (K, n, d) from the prefix. */
final class PrefixAttention extends TunerLayer<AttentionSite.Input, NDArray> {

  private final PastKeyValues prefix;

  /**
   * Creates the attention of one layer.
   *
   * @param prefix the prefix of all layers
   * @param layer index of the layer in the prefix
   */
  PrefixAttention(SharedTensor prefix, int layer) {
    this.prefix = new PastKeyValues(reads(prefix), layer);
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(AttentionSite.Input in, Forward<AttentionSite.Input, NDArray> base) {
    return base.forward(in.after(prefix.keys(base.context()), prefix.values(base.context())));
  }
}
