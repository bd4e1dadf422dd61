package io.github.peft4j.train.report;

import io.github.peft4j.train.evaluation.Truncated;

/**
 * A training is started or resumed.
 *
 * @param stepsDone the number of steps done before: 0, or more if it is resumed
 * @param totalSteps the total number of steps
 * @param epochs the total number of epochs
 * @param data counts of the training data
 * @param truncated counts of the training examples that are too long
 * @param validationTruncated counts of the validation examples that are too long
 */
public record StartEvent(
    long stepsDone,
    long totalSteps,
    int epochs,
    DataCounts data,
    Truncated truncated,
    Truncated validationTruncated) {}
