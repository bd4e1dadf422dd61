package io.github.peft4j.methods.common.prompt;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The fields that all configs of virtual tokens have in Hugging Face PEFT.
 *
 * @param numVirtualTokens n, above 0; PEFT has no default, here it is 20
 * @param tokenDim length of a token's vector, or of a layer's keys, all heads together; read off
 *     the model
 * @param numLayers depth; read off the model
 * @param numAttentionHeads heads, of keys and values where it is they that are trained; read off
 *     the model
 * @param numTransformerSubmodules 2 for an encoder and a decoder; read off the model
 * @param modulesToSave modules trained whole and saved with the adapter, or null
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

  /** How many vectors there are: n for each submodule, once those are known. */
  public int rows() {
    return numVirtualTokens * Objects.requireNonNull(numTransformerSubmodules);
  }
}
