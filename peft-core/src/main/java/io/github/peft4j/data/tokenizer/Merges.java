package io.github.peft4j.data.tokenizer;

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

  /** Two tokens that become one. */
  public record Merge(String left, String right) {}

  private Merges() {}

  /**
   * The merges of a vocabulary.
   *
   * @param tokens the tokens, the best one first
   * @return the merges in the order in which they are tried
   */
  public static List<Merge> of(List<String> tokens) {
    Map<String, Integer> ranks = new HashMap<>();
    for (int rank = 0; rank < tokens.size(); rank++) {
      ranks.put(tokens.get(rank), rank);
    }
    Comparator<Merge> order =
        Comparator.<Merge>comparingInt(way -> codePoints(way.left()))
            .thenComparing(way -> codePoints(way.right()));
    List<Merge> merges = new ArrayList<>();
    for (String token : tokens) {
      List<Merge> ways = new ArrayList<>();
      for (int at = 1; at < token.length(); at++) {
        Merge way = new Merge(token.substring(0, at), token.substring(at));
        if (ranks.containsKey(way.left()) && ranks.containsKey(way.right())) {
          ways.add(way);
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
