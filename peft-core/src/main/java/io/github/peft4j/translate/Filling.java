package io.github.peft4j.translate;

/**
 * A token in the place of a mask.
 *
 * @param token the token's text
 * @param score its probability, 0 to 1
 * @param id the token's id
 * @param text the whole text with the token; other masks stay
 */
public record Filling(String token, double score, long id, String text) {}
