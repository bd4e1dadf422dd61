package io.github.peft4j.transformer.block;

import java.util.List;

/**
 * What texts are written from: a row each.
 *
 * @param source what an encoder reads; none if there is no encoder
 * @param texts the ids that the texts go on from, one at least
 */
public record Opening(List<long[]> source, List<long[]> texts) {}
