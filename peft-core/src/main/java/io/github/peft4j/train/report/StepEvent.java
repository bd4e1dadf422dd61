package io.github.peft4j.train.report;

import java.util.Map;

/**
 * A step of the optimizer is done.
 *
 * @param step the number of steps done, this one included
 * @param totalSteps the total number of steps
 * @param epoch the epochs done, as a fraction: 1.5 is the middle of the second
 * @param loss the mean loss of the step's labels; NaN or infinite if the step was skipped
 * @param learningRate the learning rate of the step
 * @param gradNorm the norm of the gradient before it was clipped
 * @param tokens the number of tokens read since the training was started or resumed, without
 *     padding
 * @param tokensPerSecond the speed of this step
 * @param reported the numbers that the objective reports in addition to the loss, by name
 */
public record StepEvent(
    long step,
    long totalSteps,
    double epoch,
    double loss,
    double learningRate,
    double gradNorm,
    long tokens,
    double tokensPerSecond,
    Map<String, Double> reported) {}
