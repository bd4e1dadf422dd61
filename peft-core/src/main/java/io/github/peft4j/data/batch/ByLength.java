package io.github.peft4j.data.batch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Batches of rows of similar length, for less padding, where their order does not matter. */
public final class ByLength {

  private ByLength() {}

  /**
   * Divides rows into batches, the shortest rows first.
   *
   * @param lengths the length of each row
   * @param rows the most rows of a batch, 1 or more
   * @param tokens the most tokens of a batch, padding included; a longer row is a batch of its own
   * @return the indices of the rows of each batch
   */
  public static List<int[]> batches(int[] lengths, int rows, long tokens) {
    int[] order =
        IntStream.range(0, lengths.length)
            .boxed()
            .sorted(Comparator.comparingInt(i -> lengths[i]))
            .mapToInt(i -> i)
            .toArray();
    List<int[]> batches = new ArrayList<>();
    int start = 0;
    for (int end = 1; end <= order.length; end++) {
      long grown = end + 1L - start;
      if (end == order.length || grown > rows || grown * lengths[order[end]] > tokens) {
        batches.add(Arrays.copyOfRange(order, start, end));
        start = end;
      }
    }
    return batches;
  }
}
