package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The dense numbers of stored matrices in CUDA C. A thread makes eight of them at once, and writes
 * them by 16 bytes. It is bound by the memory that is written. The roundings are those of PyTorch's
 * kernels.
 */
public final class BitsandbytesText {

  private static final int THREADS = 256;
  private static final int EACH = 8;

  /** The alignment of the four bytes of codes that a thread reads. */
  private static final int ALIGNMENT = 4;

  /** How often a thread makes eight numbers in four bits. */
  private static final int ROUNDS = 4;

  /** The numbers that the threads of a block make. */
  private static final int SPAN = THREADS * EACH * ROUNDS;

  /**
   * Threads that lie side by side make numbers that lie side by side. The codes are on their way
   * while the largest numbers are computed, each once in a block of threads.
   */
  private static final String FOUR_BIT =
      """
      template <typename T> struct alignas(16) Eight { T v[8]; };

      extern "C" __global__ void dense(
          const T0* __restrict__ packed, const T1* __restrict__ absmax,{parameters}
          {type}* __restrict__ y, whole count) {
        __shared__ float numbers[16];
        __shared__ float most_of[{span} / {block} + 2];
        whole start = (whole) blockIdx.x * {span};
        int here = count - start < {span} ? (int) (count - start) : {span};
        unsigned codes[{rounds}];
        #pragma unroll
        for (int round = 0; round < {rounds}; round++) {
          int i = (round * blockDim.x + threadIdx.x) * 8;
          codes[round] = i + 8 <= here ? *reinterpret_cast<const unsigned*>(packed + (start + i) / 2) : 0;
        }
        whole first = start / {block};
        int blocks = (int) ((start + here - 1) / {block} - first) + 1;
        if (threadIdx.x < 16) numbers[threadIdx.x] = wide(pairs[32 * threadIdx.x]);
        for (int b = threadIdx.x; b < blocks; b += blockDim.x) {
          whole block = first + b;
          most_of[b] = {largest};
        }
        __syncthreads();
        unsigned before = (unsigned) (start - first * {block});
        #pragma unroll
        for (int round = 0; round < {rounds}; round++) {
          int i = (round * blockDim.x + threadIdx.x) * 8;
          if (i >= here) return;
          float largest = most_of[(before + i) / {block}];
          if (i + 8 <= here) {
            Eight<{type}> out;
            #pragma unroll
            for (int j = 0; j < 4; j++) {
              unsigned two = codes[round] >> 8 * j & 255;
              narrow(numbers[two >> 4] * largest, out.v[2 * j]);
              narrow(numbers[two & 15] * largest, out.v[2 * j + 1]);
            }
            *reinterpret_cast<Eight<{type}>*>(y + start + i) = out;
          } else {
            for (whole c = start + i; c < count; c++) {
              unsigned two = packed[c / 2];
              narrow(numbers[c % 2 == 0 ? two >> 4 : two & 15] * largest, y[c]);
            }
          }
        }
      }
      """;

  private static final String PLAIN = " const T2* __restrict__ pairs,";
  private static final String NESTED =
      " const T2* __restrict__ most, const T3* __restrict__ map, const T4* __restrict__ offset,"
          + " const T5* __restrict__ pairs,";

  /** Product and sum are rounded each, as in PyTorch. */
  private static final String NESTED_LARGEST =
      "__fadd_rn(__fmul_rn(wide(map[absmax[block]]), wide(most[block / {nested}])), wide(offset[0]))";

  private static final String INT8 =
      """
      extern "C" __global__ void dense(
          const T0* __restrict__ codes, const T1* __restrict__ largest, {type}* __restrict__ y,
          whole count, whole in) {
        whole i = ((whole) blockIdx.x * blockDim.x + threadIdx.x) * LANES;
        if (i >= count) return;
        float most = wide(largest[{row}]);
        Pack<T0> a = load(codes + i);
        Pack<{type}> out;
        #pragma unroll
        for (int j = 0; j < LANES; j++) narrow((float) a.v[j] * most * 7.874015718698502e-3f, out.v[j]);
        store(y + i, out);
      }
      """;

  private BitsandbytesText() {}

  /**
   * Of a kernel (packed, absmax, pairs) or, nested, (packed, absmax, most, map, offset, pairs).
   *
   * @param rows the shape (out, in)
   * @param block the number of numbers of a block
   * @param nested that of the statistics of a block; 0 if they are not nested
   * @return null for a precision that CUDA texts do not know
   */
  public static @Nullable CudaText fourBit(Precision precision, Shape rows, int block, int nested) {
    String type = typeOf(precision);
    if (type == null || block % EACH != 0) {
      return null;
    }
    String largest = nested == 0 ? "wide(absmax[block])" : NESTED_LARGEST;
    String text =
        FOUR_BIT
            .replace("{parameters}", nested == 0 ? PLAIN : NESTED)
            .replace("{largest}", largest.replace("{nested}", String.valueOf(nested)))
            .replace("{block}", String.valueOf(block))
            .replace("{span}", String.valueOf(SPAN))
            .replace("{rounds}", String.valueOf(ROUNDS))
            .replace("{type}", type);
    Output output = output(precision, rows);
    return CudaText.of(
        text,
        tensors ->
            tensors.stream().allMatch(DeviceTensor::isContiguous)
                    && tensors.get(0).address() % ALIGNMENT == 0
                ? launch(EACH, SPAN, output, rows.size())
                : null);
  }

  /**
   * Of a kernel (codes, largest).
   *
   * @param rows the shape (out, in)
   * @param byRow whether each row has its largest number
   * @return null for a precision that CUDA texts do not know
   */
  public static @Nullable CudaText int8(Precision precision, Shape rows, boolean byRow) {
    String type = typeOf(precision);
    if (type == null) {
      return null;
    }
    long in = rows.get(1);
    Output output = output(precision, rows);
    return CudaText.of(
        INT8.replace("{row}", byRow ? "i / in" : "0").replace("{type}", type),
        tensors -> {
          if (!tensors.stream().allMatch(DeviceTensor::isContiguous)) {
            return null;
          }
          boolean whole = in % EACH == 0 && tensors.get(0).address() % EACH == 0;
          int lanes = whole ? EACH : 1;
          return launch(lanes, THREADS * lanes, output, rows.size(), in);
        });
  }

  /**
   * A launch.
   *
   * @param span the number of numbers that a block of threads makes
   * @param numbers of the text; the first is the number of all
   */
  private static Launch launch(int lanes, int span, Output output, long... numbers) {
    long blocks = (numbers[0] + span - 1) / span;
    return new Launch(lanes, blocks, THREADS, 1, List.of(output), numbers);
  }

  private static Output output(Precision precision, Shape rows) {
    return new Output(precision.scalarType(), rows.getShape(), new long[] {rows.get(1), 1});
  }

  private static @Nullable String typeOf(Precision precision) {
    return switch (precision) {
      case BFLOAT16 -> "bf16";
      case FLOAT16 -> "fp16";
      case FLOAT32 -> "float";
      default -> null;
    };
  }
}
