package io.github.peft4j.transformer.block;

import java.util.List;

/**
 * The start of texts to be generated, one row for each.
 *
 * @param source ids for the encoder; empty if there is no encoder
 * @param texts ids from which the decoder continues, at least one per row
 */
public record Opening(List<long[]> source, List<long[]> texts) {}
