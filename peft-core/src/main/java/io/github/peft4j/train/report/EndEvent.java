package io.github.peft4j.train.report;

/**
 * A training has ended.
 *
 * @param step the number of steps done
 * @param tokens the number of tokens read since the training was started or resumed, without
 *     padding
 * @param seconds the time since then
 */
public record EndEvent(long step, long tokens, double seconds) {}
