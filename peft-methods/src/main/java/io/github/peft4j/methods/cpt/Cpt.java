package io.github.peft4j.methods.cpt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.WordVectors;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;

/** CPT: the vectors of in-context examples, each trained within a ball (Blau et al. 2024). */
public final class Cpt extends BaseMethod<CptConfig> {

  /** The method. */
  public Cpt() {
    super("CPT", CptConfig.class);
  }

  @Override
  public CptConfig complete(CptConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites);
    return shape.settle(config.withMasks(), shape.tokenDim(), shape.numAttentionHeads());
  }

  @Override
  public void inject(CptConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    sites.rewrite(input, new CptPrompt(initial(config, input, sites), config));
  }

  private static NDArray initial(CptConfig config, InputSite input, Sites sites) {
    long entries = input.embedding().entries();
    Configs.require(
        config.cptTokenIds().stream().allMatch(id -> id < entries),
        CptConfig.class,
        "cpt_token_ids",
        config.cptTokenIds(),
        "ids below " + entries + ", the model's number of tokens");
    return sites.isFresh()
        ? WordVectors.of(
            config.cptTokenIds().stream().mapToLong(Integer::longValue).toArray(), input, sites)
        : sites.initial().zeros(config.cptTokenIds().size(), input.embedding().dimension());
  }
}
