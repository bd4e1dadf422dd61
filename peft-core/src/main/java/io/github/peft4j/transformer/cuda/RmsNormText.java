package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import io.github.peft4j.kernel.cuda.Rows;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * RMS norm x r f with r = 1/√(mean(x²) + ε), and its derivative by x, computed in 32 bits and
 * rounded once. The factor f is the weight, or 1 + weight. The constant {@code eps} is ε.
 */
public enum RmsNormText {
  /** The factor is the weight. */
  PLAIN(""),
  /** Gemma's: the factor is 1 + weight. */
  ONE_PLUS("1.0f + ");

  private static final String FORWARD =
      """
      extern "C" __global__ void rms_norm(
          const T0* __restrict__ x, const T1* __restrict__ weight, T0* __restrict__ y{kept}
          whole rows, whole columns, whole step) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= rows) return;
        const T0* from = x + row * step;
        float squares = 0;
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> a = load(from + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) squares += wide(a.v[i]) * wide(a.v[i]);
        }
        float r = rsqrtf(sum(squares) / columns + (float) {eps});
        {keep}
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> a = load(from + c), out;
          Pack<T1> w = load(weight + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) narrow(wide(a.v[i]) * r * ({one}wide(w.v[i])), out.v[i]);
          store(y + row * columns + c, out);
        }
      }
      """;

  private static final String AGAIN =
      """
      extern "C" __global__ void again(
          const T0* __restrict__ x, const T1* __restrict__ weight, const float* __restrict__ kept,
          T0* __restrict__ y, whole rows, whole columns, whole step) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= rows) return;
        float r = kept[row];
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> a = load(x + row * step + c), out;
          Pack<T1> w = load(weight + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) narrow(wide(a.v[i]) * r * ({one}wide(w.v[i])), out.v[i]);
          store(y + row * columns + c, out);
        }
      }
      """;

  /** With n = x r: dx = r (g f − n · mean(g f ∘ n)). */
  private static final String BACK =
      """
      extern "C" __global__ void back(
          const T0* __restrict__ g, const T1* __restrict__ x, const T2* __restrict__ weight,
          const float* __restrict__ kept, T1* __restrict__ dx,
          whole rows, whole columns, whole gStep, whole step) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= rows) return;
        const T0* gs = g + row * gStep;
        const T1* xs = x + row * step;
        float r = kept[row], products = 0;
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> d = load(gs + c);
          Pack<T1> a = load(xs + c);
          Pack<T2> w = load(weight + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) {
            products += wide(d.v[i]) * ({one}wide(w.v[i])) * wide(a.v[i]) * r;
          }
        }
        float mean = sum(products) / columns;
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> d = load(gs + c);
          Pack<T1> a = load(xs + c), out;
          Pack<T2> w = load(weight + c);
          #pragma unroll
          for (int i = 0; i < LANES; i++) {
            float gf = wide(d.v[i]) * ({one}wide(w.v[i]));
            narrow(r * (gf - wide(a.v[i]) * r * mean), out.v[i]);
          }
          store(dx + row * columns + c, out);
        }
      }
      """;

  private static final int MOST_THREADS = 256;

  private final String one;

  RmsNormText(String one) {
    this.one = one;
  }

  /** Of a kernel (x, weight) → y, all (…, D) but the weight (D). */
  public CudaText forward() {
    return forward(false);
  }

  /** Of a kernel (x, weight) → [y, r] with r (…, 1). */
  public CudaText training() {
    return forward(true);
  }

  /** Of a kernel (x, weight, r) → y, the y of {@link #training}. */
  public CudaText again() {
    return CudaText.of(
        AGAIN.replace("{one}", one),
        tensors -> {
          Rows rows = Rows.of(tensors.get(0));
          return rows != null && rows.areNumbers(tensors.get(2))
              ? forward(tensors.get(0), tensors.get(1), false)
              : null;
        });
  }

  private CudaText forward(boolean keeps) {
    String text =
        FORWARD
            .replace("{one}", one)
            .replace("{kept}", keeps ? ", float* __restrict__ kept," : ",")
            .replace("{keep}", keeps ? "if (threadIdx.x == 0) kept[row] = r;" : "");
    return CudaText.of(text, tensors -> forward(tensors.get(0), tensors.get(1), keeps));
  }

  /** Of a kernel (g, x, weight, r) → the gradient of x. */
  public CudaText back() {
    return CudaText.of(
        BACK.replace("{one}", one),
        tensors -> back(tensors.get(0), tensors.get(1), tensors.get(2), tensors.get(3)));
  }

  private static @Nullable Launch forward(DeviceTensor x, DeviceTensor weight, boolean keeps) {
    Rows rows = Rows.of(x);
    if (rows == null || !x.isFloating() || !isFactor(weight, rows)) {
      return null;
    }
    long columns = rows.columns();
    long step = rows.steps()[0];
    int lanes = Launch.lanes(List.of(x, weight), columns, step);
    Output y = rows.like(x);
    List<Output> outputs = keeps ? List.of(y, rows.numbers()) : List.of(y);
    return Launch.overRows(
        lanes, rows.count(), columns / lanes, MOST_THREADS, outputs, rows.count(), columns, step);
  }

  private static @Nullable Launch back(
      DeviceTensor g, DeviceTensor x, DeviceTensor weight, DeviceTensor r) {
    Rows rows = Rows.of(g, x);
    if (rows == null
        || !x.isFloating()
        || g.type() != x.type()
        || !isFactor(weight, rows)
        || !rows.areNumbers(r)) {
      return null;
    }
    long columns = rows.columns();
    int lanes = Launch.lanes(List.of(g, x, weight), columns, rows.steps()[0], rows.steps()[1]);
    return Launch.overRows(
        lanes,
        rows.count(),
        columns / lanes,
        MOST_THREADS,
        List.of(rows.like(x)),
        rows.count(),
        columns,
        rows.steps()[0],
        rows.steps()[1]);
  }

  private static boolean isFactor(DeviceTensor weight, Rows rows) {
    return weight.isFloating()
        && weight.dimensions() == 1
        && weight.elements() == rows.columns()
        && weight.isContiguous();
  }
}
