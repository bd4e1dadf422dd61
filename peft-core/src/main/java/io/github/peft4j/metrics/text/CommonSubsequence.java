package io.github.peft4j.metrics.text;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** One of the longest common subsequences of two lists: the one that rouge-score finds. */
final class CommonSubsequence {

  private CommonSubsequence() {}

  /** The length. */
  static int length(List<String> first, List<String> second) {
    int[] lengths = new int[second.size() + 1];
    for (String token : first) {
      row(token, second, lengths);
    }
    return lengths[second.size()];
  }

  /** The indices in the first list. */
  static BitSet indices(List<String> first, List<String> second) {
    // shorter.get(i).get(j): the subsequence gets no shorter without the second's token j.
    List<BitSet> shorter = new ArrayList<>();
    int[] lengths = new int[second.size() + 1];
    for (String token : first) {
      shorter.add(row(token, second, lengths));
    }
    BitSet indices = new BitSet();
    int i = first.size() - 1;
    int j = second.size() - 1;
    while (i >= 0 && j >= 0) {
      if (first.get(i).equals(second.get(j))) {
        indices.set(i);
        i--;
        j--;
      } else if (shorter.get(i).get(j)) {
        j--;
      } else {
        i--;
      }
    }
    return indices;
  }

  /**
   * Turns the lengths with each beginning of the second list into those with one more token of the
   * first. The result says for which ends of the second list the length without its last token is
   * more than the length without the token of the first.
   */
  private static BitSet row(String token, List<String> second, int[] lengths) {
    BitSet longer = new BitSet();
    int diagonal = 0;
    for (int j = 0; j < second.size(); j++) {
      int above = lengths[j + 1];
      if (token.equals(second.get(j))) {
        lengths[j + 1] = diagonal + 1;
      } else {
        longer.set(j, lengths[j] > above);
        lengths[j + 1] = Math.max(lengths[j], above);
      }
      diagonal = above;
    }
    return longer;
  }
}
