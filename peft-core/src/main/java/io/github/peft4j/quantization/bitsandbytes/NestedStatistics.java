package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.ndarray.NDArray;

/**
 * What the codes of largest numbers stand for: {@code map[code] · absmax + offset}.
 *
 * @param absmax (⌈m / block⌉) in 32 bits, of blocks of the m codes
 * @param map (256) in 32 bits
 * @param offset one number in 32 bits, of shape () or (1)
 * @param block the number of codes of a block
 */
public record NestedStatistics(NDArray absmax, NDArray map, NDArray offset, int block) {}
