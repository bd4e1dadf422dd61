package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.Arrays;
import java.util.LongSummaryStatistics;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * The smallest and the largest of some ids. A table of embeddings that an id is outside of ends in
 * PyTorch's own error on a CPU, and makes every later computation of the process fail on a GPU.
 */
public record IdRange(long least, long greatest) {

  private static final Kernel BOUNDS =
      Kernel.of(
          """
          def bounds(ids: Tensor) -> Tensor:                     # → (2)
              return torch.stack([torch.min(ids), torch.max(ids)]).to(4)
          """);

  /** The range of ids that the host has, one at least. */
  static IdRange of(long[][] rows) {
    LongSummaryStatistics all = Stream.of(rows).flatMapToLong(LongStream::of).summaryStatistics();
    return new IdRange(all.getMin(), all.getMax());
  }

  /** The range of ids on a device, which the host waits for. */
  static IdRange read(NDArray ids) {
    try (NDArray bounds = BOUNDS.call(ids)) {
      long[] ends = bounds.toLongArray();
      return new IdRange(ends[0], ends[1]);
    }
  }

  private boolean isBelow(int size) {
    return least >= 0 && greatest < size;
  }

  /**
   * Checks the ids of an array, which is only read to say where a wrong one stands.
   *
   * @param field of config.json with the size of the table that the ids are rows of; nothing is
   *     checked without it
   * @throws IllegalArgumentException naming the first wrong id and its place
   */
  void require(String name, NDArray ids, String field, ModelConfig config) {
    if (config.has(field) && !isBelow(config.size(field))) {
      int width = (int) ids.getShape().get(1);
      require(name, split(ids.toLongArray(), width), field, config);
    }
  }

  private static long[][] split(long[] flat, int width) {
    return Stream.iterate(0, start -> start < flat.length, start -> start + width)
        .map(start -> Arrays.copyOfRange(flat, start, start + width))
        .toArray(long[][]::new);
  }

  /**
   * Checks ids that the host has, in rows of any length.
   *
   * @param name of the ids in the error
   * @param field of config.json with the size of the table that the ids are rows of; nothing is
   *     checked without it
   * @throws IllegalArgumentException naming the first wrong id and its place
   */
  public static void require(String name, long[][] rows, String field, ModelConfig config) {
    if (!config.has(field)) {
      return;
    }
    int size = config.size(field);
    for (int row = 0; row < rows.length; row++) {
      for (int column = 0; column < rows[row].length; column++) {
        long id = rows[row][column];
        if (id < 0 || id >= size) {
          throw new IllegalArgumentException(
              "%s hold %d in row %d, column %d; expected 0 to %d, by the model's %s of %d: take the ids of the model's own tokenizer"
                  .formatted(name, id, row, column, size - 1, field, size));
        }
      }
    }
  }
}
