package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import io.github.peft4j.kernel.cuda.Rows;
import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The product f(gate) ∘ up of gated networks, and its derivative, for an activation function f.
 * Both compute in 32 bits and round once, where PyTorch rounds f(gate), and three times on the way
 * back.
 */
public enum GatedText {
  /** x σ(x). */
  SILU(
      """
      __device__ inline float sigmoid(float x) { return __fdividef(1.0f, 1.0f + power(-x)); }
      __device__ inline float f(float x) { return x * sigmoid(x); }
      __device__ inline float slope(float x) {
        float s = sigmoid(x);
        return s * (1.0f + x * (1.0f - s));
      }
      """),
  /** x Φ(x). */
  GELU(
      """
      __device__ inline float phi(float x) { return 0.5f * (1.0f + erff(x * 0.70710678f)); }
      __device__ inline float f(float x) { return x * phi(x); }
      __device__ inline float slope(float x) {
        return phi(x) + x * 0.39894228f * expf(-0.5f * x * x);
      }
      """),
  /** GELU by its tanh approximation. */
  GELU_TANH(
      """
      __device__ inline float inner(float x) {
        return tanhf(0.79788456f * (x + 0.044715f * x * x * x));
      }
      __device__ inline float f(float x) { return 0.5f * x * (1.0f + inner(x)); }
      __device__ inline float slope(float x) {
        float t = inner(x);
        float d = 0.79788456f * (1.0f + 3 * 0.044715f * x * x);
        return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * d;
      }
      """);

  private static final String FORWARD =
      """
      extern "C" __global__ void gated(
          const T0* __restrict__ gate, const T1* __restrict__ up, T0* __restrict__ y,
          whole rows, whole columns, whole gateStep, whole upStep) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= rows) return;
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> a = load(gate + row * gateStep + c), out;
          Pack<T1> b = load(up + row * upStep + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) narrow(f(wide(a.v[i])) * wide(b.v[i]), out.v[i]);
          store(y + row * columns + c, out);
        }
      }
      """;

  /** d_gate = g ∘ up ∘ f'(gate) and d_up = g ∘ f(gate). */
  private static final String BACK =
      """
      extern "C" __global__ void back(
          const T0* __restrict__ g, const T1* __restrict__ gate, const T2* __restrict__ up,
          T0* __restrict__ gateGradient, T0* __restrict__ upGradient,
          whole rows, whole columns, whole gStep, whole gateStep, whole upStep) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= rows) return;
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> d = load(g + row * gStep + c), dGate, dUp;
          Pack<T1> a = load(gate + row * gateStep + c);
          Pack<T2> b = load(up + row * upStep + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) {
            float x = wide(a.v[i]), dy = wide(d.v[i]);
            narrow(dy * wide(b.v[i]) * slope(x), dGate.v[i]);
            narrow(dy * f(x), dUp.v[i]);
          }
          store(gateGradient + row * columns + c, dGate);
          store(upGradient + row * columns + c, dUp);
        }
      }
      """;

  private static final int MOST_THREADS = 256;

  private final String function;

  GatedText(String function) {
    this.function = function;
  }

  /** Of a kernel (gate, up) → f(gate) ∘ up. */
  public CudaText forward() {
    return CudaText.of(function + FORWARD, tensors -> plan(tensors, 1));
  }

  /** Of a kernel (g, gate, up) → the gradients of gate and up. */
  public CudaText back() {
    return CudaText.of(function + BACK, tensors -> plan(tensors, 2));
  }

  private static @Nullable Launch plan(List<DeviceTensor> tensors, int results) {
    DeviceTensor first = tensors.get(0);
    Rows rows = Rows.of(tensors.toArray(DeviceTensor[]::new));
    if (rows == null
        || !first.isFloating()
        || tensors.stream().anyMatch(tensor -> tensor.type() != first.type())) {
      return null;
    }
    long[] sizes = {rows.count(), rows.columns()};
    int lanes = Launch.lanes(tensors, concat(rows.steps(), rows.columns()));
    List<Output> outputs = Collections.nCopies(results, rows.like(first));
    return Launch.overRows(
        lanes,
        rows.count(),
        rows.columns() / lanes,
        MOST_THREADS,
        outputs,
        concat(sizes, rows.steps()));
  }

  private static long[] concat(long[] some, long... others) {
    return LongStream.concat(LongStream.of(some), LongStream.of(others)).toArray();
  }
}
