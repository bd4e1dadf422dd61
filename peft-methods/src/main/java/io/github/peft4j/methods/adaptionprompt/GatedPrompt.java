package io.github.peft4j.methods.adaptionprompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.AttentionSite;

/** attention(q, K, V) + g · softmax(q Kpᵀ / √d) Vp, before the output projection. */
final class GatedPrompt extends TunerLayer<AttentionSite.Input, NDArray> {

  private final Prompts prompts;

  GatedPrompt(AttentionSite site, int length, long dimension, Initializer initial) {
    this.prompts =
        new Prompts(
            site,
            trainable("adaption_prompt", initial.normal(1, 1, length, dimension)),
            trainable("adaption_gate", initial.zeros(1)));
  }

  @Override
  public NDArray forward(AttentionSite.Input in, Forward<AttentionSite.Input, NDArray> base) {
    return prompts.addTo(base.forward(in), in.query(), base.context());
  }
}
