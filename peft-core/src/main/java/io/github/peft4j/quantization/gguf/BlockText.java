package io.github.peft4j.quantization.gguf;

import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.kernel.Kernel;

/**
 * TorchScript that makes numbers of blocks. Each operation is one of {@link GgufType#dequantize},
 * in single precision, so that the results are the same to the bit.
 */
final class BlockText {

  /**
   * Numbers that are made at once on a CPU. Their copies stay in its caches, which made the fastest
   * of the sizes that we tried: 2¹⁵ to 2²².
   */
  private static final long FEW = 1 << 18;

  /** The same on a GPU, where a piece costs some thirty launches: copies of 64 MB. */
  private static final long MANY = 1 << 24;

  /** For the functions of types: the halves of blocks, and the parts of bytes. */
  private static final String PARTS =
      """
      def half(blocks: Tensor, at: int) -> Tensor:                 # (n, bytes) → (n, 1)
          upper = torch.bitwise_left_shift(torch.narrow(blocks, 1, at + 1, 1).to(3), 8)
          bits = torch.bitwise_or(torch.narrow(blocks, 1, at, 1).to(3), upper)
          exponent = torch.bitwise_and(torch.bitwise_right_shift(bits, 10), 31)
          fraction = torch.bitwise_and(bits, 1023)
          whole = torch.add(fraction, torch.clamp(exponent, 0, 1), alpha=1024)
          power = torch.bitwise_left_shift(torch.ones_like(exponent), torch.clamp(exponent, 1, 30))
          size = torch.mul(torch.mul(whole.to(6), power.to(6)), 2.98023223876953125e-08)
          beyond = torch.div(torch.eq(fraction, 0).to(6), 0.0)     # infinite, or not a number
          size = torch.where(torch.lt(exponent, 31), size, beyond)
          return torch.where(torch.lt(bits, 32768), size, torch.neg(size))

      def split(bytes: Tensor, width: int) -> Tensor:              # (…, k) → (…, 8 / width, k), the lowest bits first
          shifts = torch.unsqueeze(torch.arange(0, 8, width, dtype=0, layout=None, device=bytes.device, pin_memory=None), 1)
          return torch.bitwise_and(torch.bitwise_right_shift(torch.unsqueeze(bytes, -2), shifts), (1 << width) - 1)

      """;

  /** Blocks (out, bytes of a row) → numbers (out, in). */
  private static final String DENSE =
      """
      def dense(blocks: Tensor) -> Tensor:
          rows = torch.size(blocks, 0)
          x = torch.empty([rows, {in}], dtype={type}, layout=None, device=blocks.device, pin_memory=None, memory_format=None)
          some = {few}
          if blocks.is_cuda:
              some = {many}
          for i in range((rows + some - 1) // some):
              count = min(some, rows - i * some)
              b = torch.reshape(torch.narrow(blocks, 0, i * some, count), [-1, {bytes}])
              _0 = torch.copy_(torch.narrow(x, 0, i * some, count), torch.reshape(numbers(b), [count, {in}]))
          return x
      """;

  private BlockText() {}

  /**
   * The kernel blocks (out, bytes of a row) → numbers (out, in).
   *
   * @param numbers the function {@code numbers(b)}: blocks b (n, bytes) → numbers, in the order of
   *     blocks and of numbers in a block
   * @param in the number of columns
   * @param scalarType PyTorch's number of the type of the result
   */
  static Kernel dense(String numbers, GgufType type, long in, int scalarType) {
    return Kernel.of(PARTS + numbers + "\n" + DENSE)
        .with("bytes", type.blockBytes())
        .with("in", in)
        .with("few", Math.max(1, FEW / in))
        .with("many", Math.max(1, MANY / in))
        .with("type", scalarType);
  }
}
