package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Kernel;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * Which text of its row each token belongs to, in a batch whose rows hold several texts one after
 * the other.
 *
 * <p>A token sees tokens of its own text only, and each text's positions count from 0. So a text
 * gives the same result as in a row of its own, except where the longest text of a batch decides,
 * as with LongRoPE: that is the longest text here, too. Padding behind the last text belongs to
 * that text.
 *
 * <p>Attention keeps texts apart by a bias (B, 1, T, T), which is right on every device and costs
 * the work of whole rows. Attention of variable length, which skips pairs of different texts, would
 * read this record in {@code Attention.overItself} in place of the bias.
 *
 * @param numbers (B, T), int64: the number of the token's text in the row, from 0
 * @param positions (B, T), int64: the token's position in its text; 0 for padding
 * @param longest number of tokens of the longest text
 */
public record PackedTexts(NDArray numbers, NDArray positions, long longest) {

  private static final Kernel BEFORE =
      Kernel.of(
          """
          def before(positions: Tensor) -> Tensor:               # (B, T) → (B, T)
              columns = torch.arange(torch.size(positions, 1), dtype=4, layout=None, device=positions.device)
              return torch.sub(columns, positions)
          """);

  /**
   * Creates the arrays.
   *
   * @param manager the manager of the new arrays, which determines their device
   * @param lengths by row, the number of tokens of each text in the order of the texts: one text or
   *     more, of one token or more each
   * @param width T, the number of columns of a row
   * @throws IllegalArgumentException if a row has no text, an empty one, or more tokens than
   *     columns
   */
  public static PackedTexts of(NDManager manager, int[][] lengths, int width) {
    long[][] numbers = new long[lengths.length][width];
    long[][] positions = new long[lengths.length][width];
    for (int b = 0; b < lengths.length; b++) {
      require(lengths[b], b, width);
      int column = 0;
      for (int text = 0; text < lengths[b].length; text++) {
        for (int position = 0; position < lengths[b][text]; position++, column++) {
          numbers[b][column] = text;
          positions[b][column] = position;
        }
      }
      Arrays.fill(numbers[b], column, width, lengths[b].length - 1);
    }
    return new PackedTexts(
        ModelInput.array(manager, numbers),
        ModelInput.array(manager, positions),
        Stream.of(lengths).flatMapToInt(Arrays::stream).max().orElseThrow());
  }

  private static void require(int[] lengths, int row, int width) {
    long sum = Arrays.stream(lengths).asLongStream().sum();
    if (lengths.length == 0 || Arrays.stream(lengths).anyMatch(n -> n < 1) || sum > width) {
      throw new IllegalArgumentException(
          "the texts of row "
              + row
              + " have "
              + Arrays.toString(lengths)
              + " tokens; expected one text or more of one token or more each, "
              + width
              + " tokens at most in all");
    }
  }

  /** The column of the first token of each token's text (B, T); of padding, its own column. */
  public NDArray before() {
    return BEFORE.call(positions);
  }

  PackedTexts repeat(int n) {
    return new PackedTexts(ModelInput.repeat(numbers, n), ModelInput.repeat(positions, n), longest);
  }

  Stream<NDArray> arrays() {
    return Stream.of(numbers, positions);
  }
}
