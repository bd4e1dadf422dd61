package io.github.peft4j.train.parallel;

import io.github.peft4j.data.batch.Batch;

/**
 * What is computed at once: a batch of a step, or a part of it.
 *
 * @param seed of its dropout. It belongs to the part, whatever device computes it
 */
public record Part(Batch batch, long seed) {}
