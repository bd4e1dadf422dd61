package io.github.peft4j.data.batch;

import io.github.peft4j.data.Permutation;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which examples share a row of a batch.
 *
 * @param rows by row, the indices of its examples in the order in which they stand
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
public record Packing(int[][] rows) {

  /**
   * Puts examples into as few rows as best-fit-decreasing finds: the longest first, each into the
   * fullest row that has room for it (Ding et al. 2024, arXiv:2404.10830). It takes O(n log n)
   * time. The result depends only on the arguments: examples of equal length come in an order that
   * the seed decides, and rows of equal room are filled in the order in which they got that room.
   *
   * @param lengths the number of tokens of each example, from 1 to {@code width}
   * @param width the most tokens of a row
   */
  public static Packing bestFitDecreasing(int[] lengths, int width, long seed) {
    List<int[]> placed = new ArrayList<>(); // of each row: the last example in it, and how many
    int[] before = new int[lengths.length]; // the example before this one in its row
    TreeMap<Integer, Deque<Integer>> rowsByRoom = new TreeMap<>();
    for (int example : longestFirst(lengths, width, Permutation.of(lengths.length, seed))) {
      int length = lengths[example];
      Map.Entry<Integer, Deque<Integer>> best = rowsByRoom.ceilingEntry(length);
      int room;
      int row;
      if (best == null) {
        room = width;
        row = placed.size();
        placed.add(new int[] {-1, 0});
      } else {
        room = best.getKey();
        row = best.getValue().remove();
        if (best.getValue().isEmpty()) {
          rowsByRoom.remove(room);
        }
      }
      int[] last = placed.get(row);
      before[example] = last[0];
      last[0] = example;
      last[1]++;
      if (room > length) {
        rowsByRoom.computeIfAbsent(room - length, r -> new ArrayDeque<>()).add(row);
      }
    }
    return new Packing(
        placed.stream().map(last -> chain(last[0], last[1], before)).toArray(int[][]::new));
  }

  private static int[] chain(int last, int count, int[] before) {
    int[] row = new int[count];
    int example = last;
    for (int i = count - 1; i >= 0; i--) {
      row[i] = example;
      example = before[example];
    }
    return row;
  }

  /** A counting sort, which keeps the order of examples of equal length. */
  private static int[] longestFirst(int[] lengths, int width, int[] order) {
    int[] starts = new int[width + 1]; // of each length: how many examples are longer
    for (int length : lengths) {
      if (length < 1 || length > width) {
        throw new IllegalArgumentException(
            "an example has "
                + length
                + " tokens; expected 1 to "
                + width
                + ", the length of a row");
      }
      starts[length]++;
    }
    int longer = 0;
    for (int length = width; length > 0; length--) {
      int count = starts[length];
      starts[length] = longer;
      longer += count;
    }
    int[] sorted = new int[lengths.length];
    for (int example : order) {
      sorted[starts[lengths[example]]++] = example;
    }
    return sorted;
  }

  /**
   * The number of tokens of each row.
   *
   * @param lengths the number of tokens of each example
   */
  public int[] lengths(int[] lengths) {
    return Arrays.stream(rows)
        .mapToInt(row -> Arrays.stream(row).map(example -> lengths[example]).sum())
        .toArray();
  }
}
