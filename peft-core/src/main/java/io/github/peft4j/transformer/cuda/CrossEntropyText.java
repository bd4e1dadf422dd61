package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Cross entropy of logits (N, V) and labels (N), computed in 32 bits. The logits are read once for
 * the losses, with no copy in 32 bits, and once more for the gradient. A label of −100 has neither
 * a loss nor a gradient; any other below 0 or from V on gives NaN.
 */
public final class CrossEntropyText {

  private static final String TEXT =
      """
      extern "C" __global__ __launch_bounds__(1024) void cross_entropy(
          {const}T0* logits, const T1* labels{scale}, float* losses, whole columns, whole step) {
        {const}T0* row = logits + blockIdx.x * step;
        float top = -3.402823466e38f, powers = 0;
        #pragma unroll 4
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> a = load(row + c);
          float highest = wide(a.v[0]);
          #pragma unroll
          for (int i = 1; i < LANES; i++) highest = fmaxf(highest, wide(a.v[i]));
          if (highest > top) {
            powers *= power(top - highest);
            top = highest;
          }
          #pragma unroll
          for (int i = 0; i < LANES; i++) powers += power(wide(a.v[i]) - top);
        }
        float all = largest(top);
        float total = all + logf(sum(powers * power(top - all)));
        whole label = labels[blockIdx.x];
        if (threadIdx.x == 0) {
          bool valid = label >= 0 && label < columns;
          float none = label == -100 ? 0.0f : __uint_as_float(0x7fc00000u);
          losses[blockIdx.x] = valid ? total - wide(row[label]) : none;
        }
        {gradient}
      }
      """;

  /**
   * The gradient scale · (softmax(x) − 1 at the label), in place of the logits. It begins with what
   * was read last, which the cache still has.
   */
  private static final String GRADIENT =
      """
      __syncthreads();
        float factor = label == -100 ? 0.0f : *scale;
        whole first = threadIdx.x * LANES, stride = blockDim.x * LANES;
        whole last = first + (columns - 1 - first) / stride * stride;
        for (whole c = last; c >= first && c < columns; c -= stride) {
          Pack<T0> a = load(row + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) {
            float p = power(wide(a.v[i]) - total);
            narrow((c + i == label ? p - 1.0f : p) * factor, a.v[i]);
          }
          store(row + c, a);
        }\
      """;

  /** Of a kernel (logits, labels) → losses (N). */
  public static final CudaText FORWARD =
      CudaText.of(
          TEXT.replace("{const}", "const ").replace("{scale}", "").replace("{gradient}", ""),
          tensors -> plan(tensors.get(0), tensors.get(1)));

  /**
   * Of a kernel (logits, labels, scale) → losses (N) that puts the gradient of the sum of the
   * losses, times a 32-bit scalar, in place of the logits.
   */
  public static final CudaText IN_PLACE =
      CudaText.of(
          TEXT.replace("{const}", "")
              .replace("{scale}", ", const T2* scale")
              .replace("{gradient}", GRADIENT),
          tensors -> {
            DeviceTensor scale = tensors.get(2);
            return scale.isFloat32() && scale.elements() == 1
                ? plan(tensors.get(0), tensors.get(1))
                : null;
          });

  private static final int MOST_THREADS = 1024;

  private CrossEntropyText() {}

  private static @Nullable Launch plan(DeviceTensor logits, DeviceTensor labels) {
    if (logits.dimensions() != 2
        || !logits.isFloating()
        || (logits.sizes()[1] > 1 && logits.strides()[1] != 1)
        || labels.dimensions() != 1
        || !labels.isInt64()
        || !labels.isContiguous()
        || labels.sizes()[0] != logits.sizes()[0]) {
      return null;
    }
    long rows = logits.sizes()[0];
    long columns = logits.sizes()[1];
    long step = rows > 1 ? logits.strides()[0] : columns;
    if (step < columns) {
      return null;
    }
    int lanes = Launch.lanes(List.of(logits), columns, step);
    int warps = (int) Math.min(MOST_THREADS / 32, Math.max(1, columns / lanes / 32));
    return new Launch(lanes, rows, 32 * warps, 1, List.of(Output.ofFloats(rows)), columns, step);
  }
}
