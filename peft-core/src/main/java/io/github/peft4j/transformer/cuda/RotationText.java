package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rotation of queries or keys x (B, H, T, d) by tables (T, r) or (B, 1, T, r), of the first r
 * elements of a head, and its derivative by x. Both compute in 32 bits and round once, where
 * PyTorch rounds x · cos, too. The result is (B, H, T, d) as a view of (B, T, H, d), whatever x is.
 */
public final class RotationText {

  /** Of a kernel (x, cos, sin) → x rotated. */
  public static final CudaText FORWARD = text("-wide(s1.v[i])", "wide(s2.v[i])");

  /** Of a kernel (g, cos, sin) → the gradient of x. */
  public static final CudaText BACK = text("wide(s2.v[i])", "-wide(s1.v[i])");

  private static final int MOST_THREADS = 256;

  private RotationText() {}

  /**
   * The text of a rotation.
   *
   * @param upper the factor of the second half's element in the first half's result
   * @param lower that of the first half's element in the second half's result
   */
  private static CudaText text(String upper, String lower) {
    return CudaText.of(
        """
        extern "C" __global__ void rotate(
            const T0* __restrict__ x, const T1* __restrict__ cosine, const T2* __restrict__ sine,
            T0* __restrict__ y, whole positions, whole length, int heads, int head, int turned,
            whole batchStep, whole headStep, whole step, whole tableStep) {
          whole position = (whole) blockIdx.x * blockDim.y + threadIdx.y;
          if (position >= positions) return;
          whole b = position / length, t = position % length;
          const T0* from = x + b * batchStep + t * step;
          const T1* cosines = cosine + b * tableStep + t * turned;
          const T2* sines = sine + b * tableStep + t * turned;
          T0* to = y + position * heads * head;
          int half = turned / 2, items = half / LANES;
          for (int j = threadIdx.x; j < heads * items; j += blockDim.x) {
            int h = j / items, k = j % items * LANES;
            Pack<T0> x1 = load(from + h * headStep + k), y1;
            Pack<T0> x2 = load(from + h * headStep + half + k), y2;
            Pack<T1> c1 = load(cosines + k), c2 = load(cosines + half + k);
            Pack<T2> s1 = load(sines + k), s2 = load(sines + half + k);
            #pragma unroll
            for (int i = 0; i < LANES; i++) {
              float a = wide(x1.v[i]), b = wide(x2.v[i]);
              narrow(a * wide(c1.v[i]) + b * {upper}, y1.v[i]);
              narrow(b * wide(c2.v[i]) + a * {lower}, y2.v[i]);
            }
            store(to + h * head + k, y1);
            store(to + h * head + half + k, y2);
          }
          int rest = (head - turned) / LANES;
          for (int j = threadIdx.x; j < heads * rest; j += blockDim.x) {
            int h = j / rest, k = turned + j % rest * LANES;
            store(to + h * head + k, load(from + h * headStep + k));
          }
        }
        """
            .replace("{upper}", upper)
            .replace("{lower}", lower),
        tensors -> plan(tensors, tensors.get(0), tensors.get(1), tensors.get(2)));
  }

  private static @Nullable Launch plan(
      List<DeviceTensor> tensors, DeviceTensor x, DeviceTensor cosine, DeviceTensor sine) {
    if (x.dimensions() != 4 || !x.isFloating() || !isTable(cosine, x) || !isTable(sine, x)) {
      return null;
    }
    long[] size = x.sizes();
    long[] step = x.strides();
    long batch = size[0];
    long heads = size[1];
    long length = size[2];
    long head = size[3];
    long turned = cosine.sizes()[cosine.dimensions() - 1];
    if (!Arrays.equals(cosine.sizes(), sine.sizes())
        || turned > head
        || turned % 2 != 0
        || (head > 1 && step[3] != 1)
        || heads * head > Integer.MAX_VALUE) {
      return null;
    }
    long tableStep = cosine.elements() == length * turned ? 0 : length * turned;
    int lanes =
        Launch.lanes(
            tensors,
            turned / 2,
            head,
            batch > 1 ? step[0] : 0,
            heads > 1 ? step[1] : 0,
            length > 1 ? step[2] : 0);
    long[] layout = {length * heads * head, head, heads * head, 1};
    return Launch.overRows(
        lanes,
        batch * length,
        heads * Math.max(turned / 2, head - turned) / lanes,
        MOST_THREADS,
        List.of(new Output(x.type(), size, layout)),
        batch * length,
        length,
        heads,
        head,
        turned,
        step[0],
        step[1],
        step[2],
        tableStep);
  }

  /** Whether a tensor is (T, r), (1, …, T, r) or (B, 1, T, r), row by row. */
  private static boolean isTable(DeviceTensor table, DeviceTensor x) {
    long[] size = table.sizes();
    int n = size.length;
    if (n < 2
        || n > 4
        || table.type() != x.type()
        || !table.isContiguous()
        || size[n - 2] != x.sizes()[2]) {
      return false;
    }
    boolean shared = table.elements() == size[n - 2] * size[n - 1];
    return shared || (n == 4 && size[0] == x.sizes()[0] && size[1] == 1);
  }
}
