package io.github.peft4j.train.report;

import io.github.peft4j.train.evaluation.Metrics;

/**
 * The model was evaluated on the validation data.
 *
 * @param step the number of steps done
 * @param metrics the results
 */
public record EvaluationEvent(long step, Metrics metrics) {}
