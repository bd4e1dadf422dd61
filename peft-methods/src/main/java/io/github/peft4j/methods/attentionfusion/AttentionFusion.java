package io.github.peft4j.methods.attentionfusion;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.StackSite;
import java.util.List;

/**
 * Attention fusion (Cao et al. 2022, Findings of NAACL, paper 64): the head reads, for each token,
 * a mixture of the states of all layers, weighted by a trained query. Nothing within the layers is
 * trained. In an encoder-decoder these are the decoder's layers.
 */
public final class AttentionFusion extends BaseMethod<AttentionFusionConfig> {

  /** The method. */
  public AttentionFusion() {
    super("ATTENTION_FUSION", AttentionFusionConfig.class);
  }

  @Override
  public void inject(AttentionFusionConfig config, Sites sites) {
    List<StackSite> stacks = sites.all(StackSite.class);
    StackSite last = stacks.get(stacks.size() - 1);
    sites.rewrite(last, new LayerFusion(config, last.dimension(), sites.initial()));
  }
}
