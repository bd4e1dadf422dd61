package io.github.peft4j.methods.adaptionprompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.SublayerSite;

/** W attention(q, K, V) + g · softmax(q Kpᵀ / √d) Vp, added after the output projection W. */
final class GatedPromptBehind extends TunerLayer<SublayerSite.Input, NDArray> {

  private final AttentionSite site;
  private final Prompts prompts;

  GatedPromptBehind(AttentionSite site, int length, long dimension, Initializer initial) {
    this.site = site;
    this.prompts =
        new Prompts(
            site,
            trainable("adaption_prompt", initial.normal(1, 1, length, dimension)),
            trainable("adaption_gate", initial.zeros(1)));
  }

  @Override
  public NDArray forward(SublayerSite.Input in, Forward<SublayerSite.Input, NDArray> base) {
    NDArray query = site.project(in.hidden(), base.context()).get(0);
    return prompts.addTo(base.forward(in), query, base.context());
  }
}
