package io.github.peft4j.train.report;

/**
 * A training is over.
 *
 * @param step the number of steps done
 * @param tokens the tokens read since the training started or went on, without padding
 * @param seconds the time since then
 */
public record EndEvent(long step, long tokens, double seconds) {}
