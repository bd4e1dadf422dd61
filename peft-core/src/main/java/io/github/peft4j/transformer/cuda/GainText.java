package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import io.github.peft4j.kernel.cuda.Rows;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A gain for each output of a linear map: the product with its weight, and sums for its gradient.
 */
public final class GainText {

  /** Threads along the columns, and along the rows, of a block that sums. */
  private static final int WIDTH = 32;

  private static final int HEIGHT = 8;

  /** Enough to use the whole card. */
  private static final long BLOCKS = 1024;

  /** Rows that a thread sums, unless there are fewer. */
  private static final long LEAST_ROWS = 4;

  private static final int MOST_THREADS = 256;

  /** The third tensor says the type of the result. */
  private static final String PRODUCT =
      """
      extern "C" __global__ void gained(
          const T0* __restrict__ weight, const T1* __restrict__ gain, const T2*, T2* __restrict__ y,
          whole rows, whole columns, whole step) {
        whole row = (whole) blockIdx.x * blockDim.y + threadIdx.y;
        if (row >= rows) return;
        float by = wide(gain[row]);
        for (whole c = threadIdx.x * LANES; c < columns; c += blockDim.x * LANES) {
          Pack<T0> a = load(weight + row * step + c);
          Pack<T2> out;
          #pragma unroll
          for (int i = 0; i < LANES; i++) narrow(wide(a.v[i]) * by, out.v[i]);
          store(y + row * columns + c, out);
        }
      }
      """;

  /** A block takes 32 packs of columns, and every so many eight rows. */
  private static final String SUM =
      """
      extern "C" __global__ __launch_bounds__(256) void sums(
          const T0* __restrict__ g, const T1* __restrict__ y, const T2* __restrict__ c,
          const T3*, float* __restrict__ parts, whole rows, whole columns, whole gStep, whole yStep, whole slices) {
        __shared__ float lines[{height}][{width} * LANES];
        whole across = gridDim.x / slices;
        whole slice = blockIdx.x / across, first = blockIdx.x % across * {width} * LANES;
        whole column = first + threadIdx.x * LANES;
        float s[LANES];
        #pragma unroll
        for (int i = 0; i < LANES; i++) s[i] = 0;
        if (column < columns) {
          Pack<T2> shift = load(c + column);
          #pragma unroll 4
          for (whole row = slice * {height} + threadIdx.y; row < rows; row += slices * {height}) {
            Pack<T0> d = load(g + row * gStep + column);
            Pack<T1> a = load(y + row * yStep + column);
            #pragma unroll
            for (int i = 0; i < LANES; i++) s[i] += wide(d.v[i]) * (wide(a.v[i]) - wide(shift.v[i]));
          }
        }
        #pragma unroll
        for (int i = 0; i < LANES; i++) lines[threadIdx.y][threadIdx.x * LANES + i] = s[i];
        __syncthreads();
        for (int i = threadIdx.y * {width} + threadIdx.x; i < {width} * LANES; i += {width} * {height}) {
          float total = 0;
          #pragma unroll
          for (int h = 0; h < {height}; h++) total += lines[h][i];
          if (first + i < columns) parts[slice * columns + first + i] = total;
        }
      }
      """;

  /**
   * Of a kernel (W, g, like) → g ∘ W, rounded once to the type of the third. W is (out, in), and g
   * (out, 1) in 32 bits.
   */
  public static final CudaText WEIGHT =
      CudaText.of(PRODUCT, tensors -> weight(tensors.get(0), tensors.get(1), tensors.get(2)));

  /**
   * Of a kernel (dy, y, c, one) → (slices, out) in 32 bits, whose sum over the slices is that of dy
   * ∘ (y − c) over the rows. dy and y are (…, out), and c is (out).
   */
  public static final CudaText SUMS =
      CudaText.of(SUM, tensors -> sums(tensors.get(0), tensors.get(1), tensors.get(2)))
          .with("width", String.valueOf(WIDTH))
          .with("height", String.valueOf(HEIGHT));

  private GainText() {}

  private static @Nullable Launch weight(
      DeviceTensor weight, DeviceTensor gain, DeviceTensor like) {
    Rows rows = Rows.of(weight);
    if (rows == null
        || weight.dimensions() != 2
        || weight.elements() == 0
        || !weight.isFloating()
        || !like.isFloating()
        || !gain.isFloat32()
        || !gain.isContiguous()
        || gain.elements() != rows.count()) {
      return null;
    }
    long columns = rows.columns();
    long step = rows.steps()[0];
    int lanes = Launch.lanes(List.of(weight), columns, step);
    List<Output> outputs = List.of(Output.of(like, rows.count(), columns));
    return Launch.overRows(
        lanes, rows.count(), columns / lanes, MOST_THREADS, outputs, rows.count(), columns, step);
  }

  private static @Nullable Launch sums(DeviceTensor g, DeviceTensor y, DeviceTensor c) {
    Rows rows = Rows.of(g, y);
    if (rows == null
        || g.elements() == 0
        || !g.isFloating()
        || !y.isFloating()
        || !c.isFloating()
        || !c.isContiguous()
        || c.elements() != rows.columns()) {
      return null;
    }
    long columns = rows.columns();
    int lanes = Launch.lanes(List.of(g, y, c), columns, rows.steps()[0], rows.steps()[1]);
    long across = quotient(columns, (long) WIDTH * lanes);
    long slices = Math.min(quotient(BLOCKS, across), quotient(rows.count(), HEIGHT * LEAST_ROWS));
    return new Launch(
        lanes,
        across * slices,
        WIDTH,
        HEIGHT,
        List.of(Output.ofFloats(slices, columns)),
        rows.count(),
        columns,
        rows.steps()[0],
        rows.steps()[1],
        slices);
  }

  /** Rounded up. */
  private static long quotient(long number, long by) {
    return (number + by - 1) / by;
  }
}
