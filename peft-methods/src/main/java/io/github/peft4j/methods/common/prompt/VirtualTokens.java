package io.github.peft4j.methods.common.prompt;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The fields that all configs of virtual tokens have in Hugging Face PEFT.
 *
 * @param numVirtualTokens number n of virtual tokens, above 0. PEFT has no default; here it is 20
 * @param tokenDim length of a token's vector or, for prefixes, of a layer's keys over all heads;
 *     null to read it from the model
 * @param numLayers number of layers; null to read it from the model
 * @param numAttentionHeads number of heads, those of keys and values for prefixes; null to read it
 *     from the model
 * @param numTransformerSubmodules 2 for an encoder-decoder, else 1; null to read it from the model
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record VirtualTokens(
    int numVirtualTokens,
    @Nullable Integer tokenDim,
    @Nullable Integer numLayers,
    @Nullable Integer numAttentionHeads,
    @Nullable Integer numTransformerSubmodules,
    @Nullable List<String> modulesToSave)
    implements ConfigPart, VirtualTokensWithers {

  /** The number of vectors: n for each submodule, or n while the submodules are unknown. */
  public int rows() {
    return numVirtualTokens * Objects.requireNonNull(numTransformerSubmodules);
  }
}
