package io.github.peft4j.data.tokenizer;

import io.github.peft4j.data.DataException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The merges that a SentencePiece vocabulary implies. Every way to make a token of two tokens is a
 * merge, and better tokens are made first.
 */
public final class Merges {

  /**
   * Characters of a token, at most: a run of spaces or lines has some 250 in known vocabularies.
   */
  private static final int LONGEST = 1024;

  /** Two tokens that become one. */
  public record Merge(String left, String right) {}

  private Merges() {}

  /**
   * The merges of a vocabulary.
   *
   * @param tokens the tokens, the best one first
   * @param source the file's name in errors
   * @return the merges in the order in which they are tried
   * @throws DataException if a token is longer than those of any vocabulary: its merges would take
   *     time and memory by the square of its length
   */
  public static List<Merge> of(List<String> tokens, String source) {
    Map<String, Integer> ranks = new HashMap<>();
    for (int rank = 0; rank < tokens.size(); rank++) {
      ranks.put(tokens.get(rank), rank);
    }
    Comparator<Merge> order =
        Comparator.<Merge>comparingInt(way -> codePoints(way.left()))
            .thenComparing(way -> codePoints(way.right()));
    List<Merge> merges = new ArrayList<>();
    for (String token : tokens) {
      if (token.length() > LONGEST) {
        throw new DataException(
            "%s: the token '%s…' has %d characters; expected at most %d. Fetch the file again"
                .formatted(source, token.substring(0, 20), token.length(), LONGEST));
      }
      List<Merge> ways = new ArrayList<>();
      for (int at = 1; at < token.length(); at++) {
        Integer left = ranks.get(token.substring(0, at));
        Integer right = left == null ? null : ranks.get(token.substring(at));
        if (left != null && right != null) {
          ways.add(new Merge(tokens.get(left), tokens.get(right))); // no copies of texts are kept
        }
      }
      ways.sort(order);
      merges.addAll(ways);
    }
    return merges;
  }

  private static int codePoints(String text) {
    return text.codePointCount(0, text.length());
  }
}
