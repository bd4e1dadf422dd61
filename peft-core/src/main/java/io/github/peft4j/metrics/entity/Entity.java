package io.github.peft4j.metrics.entity;

/**
 * An entity in a row of tagged words.
 *
 * @param type the type, such as {@code PER}; {@code _} of a tag that names none
 * @param start the index of the first word
 * @param end the index after the last word
 */
public record Entity(String type, int start, int end) {}
