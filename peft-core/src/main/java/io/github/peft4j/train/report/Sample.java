package io.github.peft4j.train.report;

/**
 * A prediction to look at.
 *
 * @param input what the model was given
 * @param expected the right answer; empty if nobody knows it
 * @param predicted the model's answer
 */
public record Sample(String input, String expected, String predicted) {}
