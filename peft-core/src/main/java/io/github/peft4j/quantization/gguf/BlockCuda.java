package io.github.peft4j.quantization.gguf;

import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@link BlockText} computes, in CUDA C: one launch that reads blocks and writes numbers. The
 * function {@code number(b, i)} of a type is number i of a block. Products and sums are named, so
 * that the compiler does not join them and rounds each.
 */
public final class BlockCuda {

  private static final int THREADS = 256;
  private static final int VECTOR_BYTES = 16;

  private static final String PARTS =
      """
      typedef unsigned char octet;
      __device__ inline float half(const octet* b, int at) { return wide(*reinterpret_cast<const fp16*>(b + at)); }
      __device__ inline int part(const octet* b, int at, int shift, int mask) { return b[at] >> shift & mask; }
      __device__ inline int nibble(const octet* b, int at, int i) { return part(b, at + i % 16, i / 16 * 4, 15); }
      __device__ inline int crumb(const octet* b, int at, int i) { return part(b, at + i / 128 * 32 + i % 32, i / 32 % 4 * 2, 3); }
      __device__ inline float times(float x, float y) { return __fmul_rn(x, y); }
      __device__ inline float plus(float x, float y) { return __fadd_rn(x, y); }
      __device__ inline float scaled(const octet* b, int i, int q) {
        int p = i / 32;
        int scale = p < 4 ? b[4 + p] & 63 : b[8 + p] & 15 | b[p] >> 2 & 48;
        int minimum = p < 4 ? b[8 + p] & 63 : b[8 + p] >> 4 | b[4 + p] >> 2 & 48;
        return plus(times(times(half(b, 0), scale), q), -times(half(b, 2), minimum));
      }
      """;

  private static final String DENSE =
      """
      extern "C" __global__ void dense(const T0* __restrict__ blocks, {type}* __restrict__ y, whole count) {
        whole at = ((whole) blockIdx.x * blockDim.x + threadIdx.x) * LANES;
        if (at >= count) return;
        const octet* b = reinterpret_cast<const octet*>(blocks) + at / {elements} * {bytes};
        Pack<{type}> out;
        #pragma unroll
        for (int i = 0; i < LANES; i++) narrow(number(b, (int) (at % {elements}) + i), out.v[i]);
        store(y + at, out);
      }
      """;

  private BlockCuda() {}

  /**
   * The text of a kernel blocks (out, bytes of a row) → numbers (out, in).
   *
   * @return null if there is none for this precision
   */
  public static @Nullable CudaText dense(GgufBlocks type, Precision precision) {
    String name =
        switch (precision) {
          case FLOAT32 -> "float";
          case BFLOAT16 -> "bf16";
          case FLOAT16 -> "fp16";
          case FLOAT64 -> null;
        };
    if (name == null) {
      return null;
    }
    GgufType stored = type.type();
    String text =
        (PARTS + number(type) + DENSE)
            .replace("{type}", name)
            .replace("{elements}", Integer.toString(stored.blockElements()))
            .replace("{bytes}", Integer.toString(stored.blockBytes()));
    return CudaText.of(text, tensors -> launch(tensors.get(0), stored, precision));
  }

  private static @Nullable Launch launch(DeviceTensor blocks, GgufType type, Precision precision) {
    if (!blocks.isBytes() || !blocks.isContiguous() || blocks.dimensions() != 2) {
      return null;
    }
    long out = blocks.sizes()[0];
    long in = blocks.sizes()[1] / type.blockBytes() * type.blockElements();
    int lanes = VECTOR_BYTES / precision.bytes();
    long threads = (out * in + lanes - 1) / lanes;
    return new Launch(
        lanes,
        (threads + THREADS - 1) / THREADS,
        THREADS,
        1,
        List.of(Launch.Output.contiguous(precision.scalarType(), out, in)),
        out * in);
  }

  private static String number(GgufBlocks type) {
    return switch (type) {
      case Q8_0 ->
          """
          __device__ inline float number(const octet* b, int i) { return times(half(b, 0), (signed char) b[2 + i]); }
          """;
      case Q4_0 ->
          """
          __device__ inline float number(const octet* b, int i) { return times(half(b, 0), nibble(b, 2, i) - 8); }
          """;
      case Q4_1 ->
          """
          __device__ inline float number(const octet* b, int i) {
            return plus(times(half(b, 0), nibble(b, 4, i)), half(b, 2));
          }
          """;
      case Q5_0 ->
          """
          __device__ inline float number(const octet* b, int i) {
            int q = nibble(b, 6, i) | part(b, 2 + i / 8, i % 8, 1) << 4;
            return times(half(b, 0), q - 16);
          }
          """;
      case Q5_1 ->
          """
          __device__ inline float number(const octet* b, int i) {
            int q = nibble(b, 8, i) | part(b, 4 + i / 8, i % 8, 1) << 4;
            return plus(times(half(b, 0), q), half(b, 2));
          }
          """;
      case Q2_K ->
          """
          __device__ inline float number(const octet* b, int i) {
            float scale = times(half(b, 80), b[i / 16] & 15);
            return plus(times(scale, crumb(b, 16, i)), -times(half(b, 82), b[i / 16] >> 4));
          }
          """;
      case Q3_K ->
          """
          __device__ inline float number(const octet* b, int i) {
            int p = i / 16;
            int scale = part(b, 96 + p % 8, p / 8 * 4, 15) | part(b, 104 + p % 4, p / 4 * 2, 3) << 4;
            int q = crumb(b, 32, i) | part(b, i % 32, i / 32, 1) << 2;
            return times(times(half(b, 108), scale - 32), q - 4);
          }
          """;
      case Q4_K ->
          """
          __device__ inline float number(const octet* b, int i) {
            return scaled(b, i, part(b, 16 + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 15));
          }
          """;
      case Q5_K ->
          """
          __device__ inline float number(const octet* b, int i) {
            int low = part(b, 48 + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 15);
            return scaled(b, i, low | part(b, 16 + i % 32, i / 32, 1) << 4);
          }
          """;
      case Q6_K ->
          """
          __device__ inline float number(const octet* b, int i) {
            int q = part(b, i / 128 * 64 + i % 64, i / 64 % 2 * 4, 15) | crumb(b, 128, i) << 4;
            return times(times(half(b, 208), (signed char) b[192 + i / 16]), q - 32);
          }
          """;
      case IQ4_NL ->
          """
          __constant__ float table[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
          __device__ inline float number(const octet* b, int i) { return times(half(b, 0), table[nibble(b, 2, i)]); }
          """;
    };
  }
}
