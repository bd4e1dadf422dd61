package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The product W x + b of one row x (1, …, 1, in) and a matrix W (out, in), as in decoding one text.
 * It is bound by reading W: a warp of threads has a row of W and reads it by 16 bytes a thread.
 * Sums have 32 bits.
 */
public enum RowProductText {
  /** Of a kernel (x, weight). */
  PLAIN("", ""),
  /** Of a kernel (x, weight, bias). */
  BIAS(" const T2* __restrict__ bias,", " + wide(bias[row])");

  private static final int WARP = 32;
  private static final int ROWS_OF_A_BLOCK = 4;

  private static final String TEXT =
      """
      extern "C" __global__ __launch_bounds__(128) void product(
          const T0* __restrict__ x, const T1* __restrict__ weight,{bias} T0* __restrict__ y,
          whole out, int in) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= out) return;
        const T1* from = weight + row * in;
        float total = 0;
        #pragma unroll 8
        for (int c = threadIdx.x * LANES; c < in; c += 32 * LANES) {
          Pack<T1> w = load(from + c);
          Pack<T0> a = load(x + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) total += wide(w.v[i]) * wide(a.v[i]);
        }
        total = sum(total);
        if (threadIdx.x == 0) narrow(total{add}, y[row]);
      }
      """;

  private final CudaText text;

  RowProductText(String bias, String add) {
    this.text =
        CudaText.of(TEXT.replace("{bias}", bias).replace("{add}", add), RowProductText::plan);
  }

  /** The text. */
  public CudaText text() {
    return text;
  }

  private static @Nullable Launch plan(List<DeviceTensor> tensors) {
    DeviceTensor x = tensors.get(0);
    DeviceTensor weight = tensors.get(1);
    if (weight.dimensions() != 2 || x.dimensions() == 0) {
      return null;
    }
    long out = weight.sizes()[0];
    long in = weight.sizes()[1];
    boolean alike =
        tensors.stream().allMatch(t -> t.type() == x.type() && t.isContiguous() && t.isFloating());
    boolean fits = x.elements() == in && x.sizes()[x.dimensions() - 1] == in;
    boolean hasBias = tensors.size() == 3;
    if (!alike
        || !fits
        || in > Integer.MAX_VALUE
        || (hasBias && tensors.get(2).elements() != out)) {
      return null;
    }
    long[] sizes = x.sizes().clone();
    sizes[sizes.length - 1] = out;
    return new Launch(
        Launch.lanes(List.of(x, weight), in),
        (out + ROWS_OF_A_BLOCK - 1) / ROWS_OF_A_BLOCK,
        WARP,
        ROWS_OF_A_BLOCK,
        List.of(Output.of(x, sizes)),
        out,
        in);
  }
}
