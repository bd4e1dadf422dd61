package io.github.peft4j.methods.common.prompt;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.HiddenSite;
import io.github.peft4j.tuner.site.InputSite;
import java.util.List;

/**
 * The model's dimensions, as configs of virtual tokens store them.
 *
 * @param tokenDim length of a token's vector
 * @param numLayers number of layers in the stack that the tokens enter first
 * @param numAttentionHeads number of query heads
 * @param numKeyValueHeads number of key and value heads
 * @param headDimension length of one head's key
 * @param numTransformerSubmodules 2 for an encoder-decoder, else 1
 */
public record ModelShape(
    int tokenDim,
    int numLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    int headDimension,
    int numTransformerSubmodules) {

  /** The shape of a model. */
  public static ModelShape of(Sites sites) {
    List<InputSite> inputs = sites.all(InputSite.class);
    InputSite input = inputs.get(0);
    List<AttentionSite> attentions = selfAttention(sites, input);
    AttentionSite.Heads heads = attentions.get(0).heads();
    return new ModelShape(
        Math.toIntExact(input.embedding().dimension()),
        attentions.size(),
        Math.toIntExact(heads.queries()),
        Math.toIntExact(heads.keyValues()),
        Math.toIntExact(heads.dimension()),
        inputs.size());
  }

  /** The size of the hidden states after an input, which a token's vector may be projected to. */
  public static long hidden(Sites sites, InputSite input) {
    return sites.all(HiddenSite.class).stream()
        .filter(site -> site.kind() == HiddenSite.Kind.FIRST && site.stack().equals(input.stack()))
        .mapToLong(HiddenSite::dimension)
        .findFirst()
        .orElse(input.embedding().dimension());
  }

  /** The self-attentions of the stack after an input, from the first layer on. */
  public static List<AttentionSite> selfAttention(Sites sites, InputSite input) {
    return sites.all(AttentionSite.class).stream()
        .filter(site -> site.place().stack().equals(input.stack()) && !site.place().cross())
        .toList();
  }

  /**
   * The cross-attentions of the stack after an input. Only decoders of encoder-decoders have them.
   */
  public static List<AttentionSite> crossAttention(Sites sites, InputSite input) {
    return sites.all(AttentionSite.class).stream()
        .filter(site -> site.place().stack().equals(input.stack()) && site.place().cross())
        .toList();
  }

  /**
   * This shape as a config counts it. For an encoder-decoder, a config counts either the encoder's
   * tokens only, or as many again for the decoder, which nothing reads.
   *
   * @param tokens the fields of the config, which may be null
   */
  public ModelShape counting(VirtualTokens tokens) {
    Integer submodules = tokens.numTransformerSubmodules();
    return submodules == null || submodules != 1
        ? this
        : new ModelShape(
            tokenDim, numLayers, numAttentionHeads, numKeyValueHeads, headDimension, submodules);
  }

  /** A copy of a config in which these values replace null components. */
  public <C extends PromptConfig<C>> C settle(C config, int tokenDim, int numAttentionHeads) {
    Class<? extends PeftConfig> type = config.getClass();
    VirtualTokens tokens = config.tokens();
    return config.tokens(
        tokens
            .tokenDim(Configs.settle(type, "token_dim", tokens.tokenDim(), tokenDim))
            .numLayers(Configs.settle(type, "num_layers", tokens.numLayers(), numLayers))
            .numAttentionHeads(
                Configs.settle(
                    type, "num_attention_heads", tokens.numAttentionHeads(), numAttentionHeads))
            .numTransformerSubmodules(
                Configs.settle(
                    type,
                    "num_transformer_submodules",
                    tokens.numTransformerSubmodules(),
                    numTransformerSubmodules)));
  }
}
