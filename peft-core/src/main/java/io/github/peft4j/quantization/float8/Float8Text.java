package io.github.peft4j.quantization.float8;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rounding to eight bits in CUDA C, in two launches: the largest number of each block of
 * threads, and the quotients by a scale that each block makes of these.
 */
public enum Float8Text {
  /** Inputs and weights. */
  E4M3(24, 448, "e4m3x2"),
  /** Gradients. */
  E5M2(23, 57344, "e5m2x2");

  private static final int THREADS = 256;

  /** Enough to use the whole card. */
  private static final long MOST_BLOCKS = 1024;

  private static final String MOST =
      """
      extern "C" __global__ void most(const T0* __restrict__ x, float* __restrict__ parts, whole count) {
        float m = 0;
        whole step = (whole) gridDim.x * blockDim.x * LANES;
        for (whole c = ((whole) blockIdx.x * blockDim.x + threadIdx.x) * LANES; c < count; c += step) {
          Pack<T0> a = load(x + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) m = fmaxf(m, fabsf(wide(a.v[i])));
        }
        m = largest(m);
        if (threadIdx.x == 0) parts[blockIdx.x] = m;
      }
      """;

  /** The instruction takes two numbers and puts the second into the lower byte. */
  private static final String ROUND =
      """
      __device__ inline unsigned short eighth(float low, float high) {
        unsigned short both = 0x7f7f;
      #if __CUDA_ARCH__ >= 890
        asm("cvt.rn.satfinite.{format}.f32 %0, %1, %2;" : "=h"(both) : "f"(high), "f"(low));
      #endif
        return both;
      }
      struct Byte { unsigned char bits; };

      extern "C" __global__ void quotients(
          const T0* __restrict__ x, const T1* __restrict__ parts, Byte* __restrict__ y,
          float* __restrict__ scale, whole count, whole blocks) {
        float m = 0;
        for (whole i = threadIdx.x; i < blocks; i += blockDim.x) m = fmaxf(m, wide(parts[i]));
        float s = fmaxf(largest(m), 1e-30f) / {most}.0f;
        if (blockIdx.x == 0 && threadIdx.x == 0) scale[0] = s;
        whole step = (whole) gridDim.x * blockDim.x * LANES;
        for (whole c = ((whole) blockIdx.x * blockDim.x + threadIdx.x) * LANES; c < count; c += step) {
          Pack<T0> a = load(x + c);
          Pack<Byte> out;
          #pragma unroll
          for (int i = 0; i < LANES; i += 2) {
            int j = i + 1 < LANES ? i + 1 : i;
            unsigned both = eighth(wide(a.v[i]) / s, wide(a.v[j]) / s);
            out.v[i].bits = both & 0xff;
            out.v[j].bits = LANES > 1 ? both >> 8 : both & 0xff;
          }
          store(y + c, out);
        }
      }
      """;

  /** Of a kernel x → the largest number of each part of x, in 32 bits. */
  public static final CudaText PARTS = CudaText.of(MOST, tensors -> parts(tensors.get(0)));

  private final int type;
  private final int largest;
  private final String format;

  Float8Text(int type, int largest, String format) {
    this.type = type;
    this.largest = largest;
    this.format = format;
  }

  /** PyTorch's number of the type. */
  int type() {
    return type;
  }

  /** The largest number of the type. */
  int largest() {
    return largest;
  }

  /** Of a kernel (x, parts) → [x / scale, scale], with {@link #PARTS}. */
  public CudaText quotients() {
    String text = ROUND.replace("{format}", format).replace("{most}", String.valueOf(largest));
    return CudaText.of(text, tensors -> quotients(tensors.get(0), tensors.get(1)));
  }

  private static @Nullable Launch parts(DeviceTensor x) {
    if (!takes(x)) {
      return null;
    }
    int lanes = Launch.lanes(List.of(x), x.elements());
    long blocks = blocks(x, lanes);
    return new Launch(lanes, blocks, THREADS, 1, List.of(Output.ofFloats(blocks)), x.elements());
  }

  private @Nullable Launch quotients(DeviceTensor x, DeviceTensor parts) {
    if (!takes(x) || !parts.isFloat32() || !parts.isContiguous()) {
      return null;
    }
    int lanes = Launch.lanes(List.of(x), x.elements());
    Output y = new Output(type, x.sizes(), x.strides());
    return new Launch(
        lanes,
        blocks(x, lanes),
        THREADS,
        1,
        List.of(y, Output.ofFloats(1)),
        x.elements(),
        parts.elements());
  }

  private static boolean takes(DeviceTensor x) {
    return x.isFloating() && x.isContiguous() && x.elements() > 0;
  }

  private static long blocks(DeviceTensor x, int lanes) {
    long needed = (x.elements() + (long) lanes * THREADS - 1) / ((long) lanes * THREADS);
    return Math.min(MOST_BLOCKS, needed);
  }
}
