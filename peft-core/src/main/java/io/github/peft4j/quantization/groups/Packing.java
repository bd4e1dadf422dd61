package io.github.peft4j.quantization.groups;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * How checkpoints pack whole numbers of 4 or 8 bits into those of 32, the first in the lowest bits.
 * Here these are bytes, as a file has them: little-endian, so a byte has two numbers of 4 bits, the
 * first in its lower half.
 */
public enum Packing {
  /** Codes are packed along the inputs: {@code qweight} (in · bits / 32, out). */
  GPTQ(
      """
      def codes(qweight: Tensor) -> Tensor:                     # bytes (in · bits / 32 · out · 4)
          x = torch.permute(torch.reshape(qweight, [-1, {out}, 4]), [1, 0, 2])
          return torch.contiguous(torch.flatten(x, 1))
      """,
      "x"),
  /**
   * Codes are packed along the outputs: {@code qweight} (in, out · bits / 32). Eight of 4 bits
   * stand in the order 0, 2, 4, 6, 1, 3, 5, 7.
   */
  AWQ(
      """
      def codes(qweight: Tensor) -> Tensor:                     # bytes (in · out / 2)
          q = torch.t(torch.reshape(numbers(qweight), [-1, {out}]))
          high = torch.bitwise_left_shift(torch.slice(q, 1, 1, 9223372036854775807, 2), 4)
          return torch.bitwise_or(torch.slice(q, 1, 0, 9223372036854775807, 2), high)
      """,
      "torch.transpose(torch.reshape(x, [-1, 2, 4]), 1, 2)");

  private static final Kernel BY_OUTPUTS =
      Kernel.of(
          """
          def turned(scales: Tensor) -> Tensor:
              return torch.contiguous(torch.t(scales))
          """);

  private final Kernel codes;
  private final Kernel zeros;

  Packing(String codes, String order) {
    this.codes = Kernel.of(numbers(order) + codes);
    this.zeros =
        Kernel.of(
            increased()
                + numbers(order)
                + """
                def zeros(qzeros: Tensor) -> Tensor:
                    z = torch.reshape(numbers({qzeros}), [{groups}, -1])
                    return torch.contiguous(torch.t(z.to(5)))
                """);
  }

  /** Bytes → uint8 (n), one number in each. */
  private static String numbers(String order) {
    return """
        def numbers(bytes: Tensor) -> Tensor:
            x = bytes
            if {bits} == 4:
                x = torch.stack([torch.bitwise_and(x, 15), torch.bitwise_right_shift(x, 4)], -1)
            return torch.flatten({order})
        """
        .replace("{order}", order);
  }

  /**
   * Adds 1 to each zero. It is added to the whole numbers of 32 bits that zeros are packed in, as
   * GPTQModel takes it away: a zero of 0 has borrowed from its neighbour.
   */
  private static String increased() {
    return """
        def increased(bytes: Tensor) -> Tensor:
            b = torch.unbind(torch.reshape(bytes.to(4), [-1, 4]), -1)
            x = torch.add(torch.add(b[0], b[1], alpha=256), torch.add(b[2], b[3], alpha=256), alpha=65536)
            x = torch.add(x, 286331153 if {bits} == 4 else 16843009)             # a 1 for each number
            parts = [x, torch.bitwise_right_shift(x, 8), torch.bitwise_right_shift(x, 16), torch.bitwise_right_shift(x, 24)]
            return torch.flatten(torch.bitwise_and(torch.stack(parts, -1), 255).to(0))

        """;
  }

  /**
   * Unpacks codes.
   *
   * @param qweight bytes (n)
   * @return (out, in) of uint8; of 4 bits (out, in / 2), as {@link GroupMatrix#of} takes them
   */
  public NDArray codes(NDArray qweight, int bits, long out) {
    return codes.with("bits", bits).with("out", out).call(qweight);
  }

  /**
   * Unpacks zeros.
   *
   * @param qzeros bytes (n) of (groups, out · bits / 32)
   * @param oneLess whether the file has each less one, as the first version of GPTQ's files
   * @return (out, groups), in float16
   */
  public NDArray zeros(NDArray qzeros, int bits, long groups, boolean oneLess) {
    return zeros
        .with("bits", bits)
        .with("groups", groups)
        .with("qzeros", oneLess ? "increased(qzeros)" : "qzeros")
        .call(qzeros);
  }

  /** Scales (groups, out), as stored, → (out, groups). */
  public static NDArray scales(NDArray stored) {
    return BY_OUTPUTS.call(stored);
  }
}
