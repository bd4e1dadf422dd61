package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.Pass;
import java.util.ArrayList;
import java.util.List;

/**
 * ALiBi (Press et al. 2021, arXiv:2108.12409): the position of a key, times a slope of the head, is
 * added to the scores. Softmax takes away what is common to all keys of a query, so this is the
 * same as a bias by distance. Positions count tokens that are not masked.
 */
public final class Alibi extends ScoreBias {

  private static final Kernel BIAS =
      Kernel.of(
          """
          {positions}
          def bias(x: Tensor, tokens: Tensor, mask: Tensor, ahead: Tensor) -> Tensor:
              n = int(ahead)                                     # tokens (1 or B, S), mask (…, S)
              keys = torch.unsqueeze(torch.unsqueeze(positions(tokens, n), 1), 1)
              slopes = torch.tensor({slopes}, dtype=6, device=x.device).to({type})
              alibi = torch.mul(torch.reshape(slopes, [1, -1, 1, 1]), keys).to(x.dtype)
              return torch.add(torch.mul(alibi, {scale}), torch.constant_pad_nd(mask, [n, 0], 0))
          """);

  /** Tokens are 1, and padding is 0. */
  private static final String COUNTED =
      """
      def positions(tokens: Tensor, n: int) -> Tensor:
          real = torch.constant_pad_nd(tokens.to(4), [n, 0], 1)
          return torch.mul(torch.sub(torch.cumsum(real, 1), 1), real)\
      """;

  /** Tokens are positions. */
  private static final String GIVEN =
      """
      def positions(tokens: Tensor, n: int) -> Tensor:
          first = torch.arange(n, dtype=4, layout=None, device=tokens.device)
          return torch.cat([torch.expand(first, [torch.size(tokens, 0), n]), tokens], 1)\
      """;

  private static final int FLOAT32 = 6;
  private static final int BFLOAT16 = 15;

  private final Kernel bias;
  private final Kernel packedBias;

  /**
   * Creates the bias.
   *
   * @param scale factor of the bias
   * @param isRounded whether it is rounded to bfloat16 before
   */
  public Alibi(String name, int heads, double scale, boolean isRounded) {
    super(name);
    Kernel any =
        BIAS.with("slopes", slopes(heads))
            .with("type", isRounded ? BFLOAT16 : FLOAT32)
            .with("scale", scale);
    this.bias = any.with("positions", COUNTED);
    this.packedBias = any.with("positions", GIVEN);
  }

  /**
   * Slopes are 2^(-8/n), 2^(-16/n), … for a power n of 2. Heads beyond the largest power n below
   * their number have every second slope of 2n heads.
   */
  public static List<Float> slopes(int heads) {
    int power = Integer.highestOneBit(heads);
    List<Float> slopes = new ArrayList<>();
    for (int i = 0; i < heads; i++) {
      slopes.add(i < power ? slope(power, i + 1) : slope(2 * power, 2 * (i - power) + 1));
    }
    return slopes;
  }

  private static float slope(int heads, int index) {
    double first = (float) Math.pow(2, -8.0 / heads);
    return (float) Math.pow(first, index);
  }

  @Override
  NDArray forward(NDArray x, NDArray mask, Pass pass) {
    NDArray ahead = Tensors.scalar(pass.start() - pass.before());
    NDArray positions = pass.positions();
    if (pass.texts() != null && positions != null) {
      return packedBias.call(x, positions, mask, ahead);
    }
    NDArray known = pass.wholeMask();
    long keys = mask.getShape().get(3);
    NDArray tokens = known == null ? x.getManager().ones(new Shape(1, keys)) : known;
    return bias.call(x, tokens, mask, ahead);
  }
}
