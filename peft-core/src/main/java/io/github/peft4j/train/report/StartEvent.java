package io.github.peft4j.train.report;

/**
 * A training is started or resumed.
 *
 * @param stepsDone the number of steps done before: 0, or more if it is resumed
 * @param totalSteps the total number of steps
 * @param epochs the total number of epochs
 */
public record StartEvent(long stepsDone, long totalSteps, int epochs) {}
