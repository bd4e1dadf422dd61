package io.github.peft4j.transformer.family;

import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * What makes the first hidden states out of tokens. Names are full names.
 *
 * @param tokens the table of tokens
 * @param ownTokens the table's second name, below the stack, if transformers has one
 * @param dimension size of the tables' vectors
 * @param tableScale factor of a token's vector
 * @param scale factor of all vectors, virtual tokens included
 * @param textScale factor of all vectors of a text without virtual tokens. With virtual tokens
 *     Hugging Face PEFT passes embeddings instead of ids, which Marian's encoder does not scale
 * @param tokenProjection the map without a bias from {@code dimension} to the hidden size, before
 *     positions are added (OPT), or null
 * @param types the table of segments, or null
 * @param typeCount number of segments
 * @param positions vectors added by position, or null
 * @param norm the norm of the sum, or null
 * @param projection the map from {@code dimension} to the hidden size, after the norm, or null
 * @param zeroPadding whether the vectors of padding are 0
 * @param dropout probability in training
 */
@Withers
public record EmbeddingSpec(
    String tokens,
    @Nullable String ownTokens,
    int dimension,
    double tableScale,
    double scale,
    double textScale,
    @Nullable String tokenProjection,
    @Nullable String types,
    int typeCount,
    @Nullable PositionSpec positions,
    @Nullable String norm,
    @Nullable String projection,
    boolean zeroPadding,
    double dropout)
    implements EmbeddingSpecWithers {

  /** A table of tokens alone. */
  public static EmbeddingSpec of(String tokens, int dimension) {
    return new EmbeddingSpec(
        tokens, null, dimension, 1, 1, 1, null, null, 0, null, null, null, false, 0);
  }
}
