package io.github.peft4j.train.report;

/**
 * A training starts, or goes on after an interruption.
 *
 * @param stepsDone the number of steps done before: 0, or more if it goes on
 * @param totalSteps the number of steps in all
 * @param epochs the number of epochs in all
 */
public record StartEvent(long stepsDone, long totalSteps, int epochs) {}
