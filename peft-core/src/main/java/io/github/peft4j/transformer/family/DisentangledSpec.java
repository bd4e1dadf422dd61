package io.github.peft4j.transformer.family;

import org.jspecify.annotations.Nullable;

/**
 * The terms of attention scores by relative positions (He et al. 2020, arXiv:2006.03654).
 *
 * @param table full name of the table of relative positions' vectors, which all layers share; null
 *     if there are none
 * @param norm full name of the norm of these vectors, or null
 * @param span k, half the number of these vectors
 * @param farthest the distance of the last bucket, if far distances share logarithmically wider
 *     buckets; 0 if each distance has a vector of its own
 * @param contentToPosition whether there is the term of queries and positions
 * @param positionToContent whether there is the term of positions and keys
 * @param query name of the map from these vectors to queries, relative to the attention's module;
 *     null if it is the map of the tokens' queries
 * @param key the same for keys
 * @param dropout probability with which an element of these vectors is dropped in training
 */
public record DisentangledSpec(
    @Nullable String table,
    @Nullable String norm,
    int span,
    int farthest,
    boolean contentToPosition,
    boolean positionToContent,
    @Nullable String query,
    @Nullable String key,
    double dropout) {}
