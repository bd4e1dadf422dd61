package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.VariableLengthAttention;
import java.util.Arrays;
import java.util.Collections;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
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
 * <p>Attention computes each text by itself, see {@link VariableLengthAttention}. Where scores have
 * a bias or a cap, and where keys stand before a row, a bias (B, 1, T, T) hides the other texts.
 *
 * @param lengths by row, the number of tokens of each text
 * @param numbers (B, T), int64: the number of the token's text in the row, from 0
 * @param positions (B, T), int64: the token's position in its text; 0 for padding
 */
public record PackedTexts(int[][] lengths, NDArray numbers, NDArray positions) {

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
        lengths, ModelInput.array(manager, numbers), ModelInput.array(manager, positions));
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

  /** The number of tokens of the longest text. */
  public int longest() {
    return Stream.of(lengths).flatMapToInt(Arrays::stream).max().orElseThrow();
  }

  /** T, the number of columns. */
  long width() {
    return numbers.getShape().get(1);
  }

  /** The number of tokens of each row. */
  long[] tokens() {
    return Stream.of(lengths).mapToLong(row -> Arrays.stream(row).sum()).toArray();
  }

  /** The lengths, with the padding behind a row's texts as one more text of it. */
  int[][] lengthsWithPadding() {
    return Stream.of(lengths).map(this::filled).toArray(int[][]::new);
  }

  private int[] filled(int[] row) {
    int padding = Math.toIntExact(width()) - Arrays.stream(row).sum();
    return padding == 0
        ? row
        : IntStream.concat(Arrays.stream(row), IntStream.of(padding)).toArray();
  }

  /** The column of the first token of each token's text (B, T); of padding, its own column. */
  public NDArray before() {
    return BEFORE.call(positions);
  }

  PackedTexts map(UnaryOperator<NDArray> change) {
    return new PackedTexts(lengths, change.apply(numbers), change.apply(positions));
  }

  PackedTexts repeat(int n) {
    return new PackedTexts(
        Collections.nCopies(n, lengths).stream().flatMap(Stream::of).toArray(int[][]::new),
        ModelInput.repeat(numbers, n),
        ModelInput.repeat(positions, n));
  }

  Stream<NDArray> arrays() {
    return Stream.of(numbers, positions);
  }
}
