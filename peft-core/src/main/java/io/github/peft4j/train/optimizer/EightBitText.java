package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.TensorTable;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.tuner.Trainable;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The update of {@link EightBitMoments} in CUDA C: all tensors in one launch, which reads and
 * writes everything once. A block of threads computes some blocks of 256 elements, one element a
 * thread.
 */
final class EightBitText {

  /** Blocks of elements of a block of threads, which loads the maps once for all of them. */
  private static final int EACH = 8;

  /** Its tensors are the table of addresses, and both maps with their middles. */
  static final CudaText TEXT =
      CudaText.of(
              """
          // A row of the table: what belongs to a tensor.
          struct Row {
            float* p;
            const float* g;
            unsigned char *codes1, *codes2;
            float *absmax1, *absmax2;
            const float* step;
            whole size, first;  // its elements, and the blocks of the rows before it
          };

          // The number of middles below x: the code of the nearest number.
          __device__ inline unsigned char nearest(float x, float absmax, const float* middles) {
            x *= 1.0f / fmaxf(absmax, 1e-38f);
            int code = 0;
            for (int d = 128; d > 0; d /= 2) if (middles[code + d - 1] < x) code += d;
            return code;
          }

          extern "C" __global__ __launch_bounds__(256) void update(
              const T0* table, const T1* signed_values, const T2* signed_middles, const T3* values,
              const T4* middles, whole rows, whole blocks, double rate, double beta1, double beta2,
              double epsilon, double decay) {
            __shared__ float values1[256], middles1[256], values2[256], middles2[256];
            __shared__ float rate1, root2;
            int t = threadIdx.x;
            values1[t] = signed_values[t];
            values2[t] = values[t];
            if (t < 255) {
              middles1[t] = signed_middles[t];
              middles2[t] = middles[t];
            }
            const Row* all = reinterpret_cast<const Row*>(table);
            for (int k = 0; k < {each}; k++) {
              whole block = (whole) blockIdx.x * {each} + k;
              if (block >= blocks) return;
              whole low = 0, high = rows;  // the last row that begins at this block or before
              while (high - low > 1) {
                whole middle = (low + high) / 2;
                if (all[middle].first <= block) low = middle; else high = middle;
              }
              Row row = all[low];
              whole own = block - row.first, at = own * 256 + t;
              if (t == 0) {
                rate1 = -rate / (1 - pow(beta1, (double) *row.step));
                root2 = sqrt(1 - pow(beta2, (double) *row.step));
              }
              __syncthreads();
              float x = at < row.size ? row.g[at] : 0.0f;
              float m = values1[row.codes1[at]] * row.absmax1[own] * (float) beta1 + (float) (1 - beta1) * x;
              float v = values2[row.codes2[at]] * row.absmax2[own] * (float) beta2 + (float) (1 - beta2) * x * x;
              float absmax1 = largest(fabsf(m)), absmax2 = largest(v);
              if (at < row.size) {
                float y = row.p[at] * (float) (1 - rate * decay);
                row.p[at] = y + m * rate1 / (sqrtf(v) / root2 + (float) epsilon);
              }
              row.codes1[at] = nearest(m, absmax1, middles1);
              row.codes2[at] = nearest(v, absmax2, middles2);
              if (t == 0) {
                row.absmax1[own] = absmax1;
                row.absmax2[own] = absmax2;
              }
              __syncthreads();
            }
          }
          """)
          .with("each", "" + EACH);

  private final TensorTable table;
  private final long rows;
  private final long blocks;

  private EightBitText(TensorTable table, long rows, long blocks) {
    this.table = table;
    this.rows = rows;
    this.blocks = blocks;
  }

  /**
   * The update of some tensors.
   *
   * @param maps the numbers of both maps, each followed by its middles
   * @return null if the text cannot run for them
   */
  static @Nullable EightBitText of(GroupedOptimizer.Members members, NDList maps) {
    List<Trainable> tensors = members.tensors();
    long[][] numbers = new long[tensors.size()][];
    long blocks = 0;
    for (int i = 0; i < numbers.length; i++) {
      long size = tensors.get(i).size();
      numbers[i] = new long[] {size, blocks};
      blocks += EightBitMoments.blocks(size);
    }
    TensorTable table =
        TensorTable.of(
            TEXT,
            maps,
            List.of(
                members.values(),
                members.gradients(),
                members.states("state1"),
                members.states("state2"),
                members.states("absmax1"),
                members.states("absmax2"),
                members.states("step")),
            numbers);
    return table == null ? null : new EightBitText(table, tensors.size(), blocks);
  }

  /** Launches it; false if it cannot run, and nothing has happened. */
  boolean run(double rate, AdamW.Settings settings, double decay) {
    return table.call(
        (blocks + EACH - 1) / EACH,
        EightBitMoments.BLOCK,
        new long[] {rows, blocks},
        rate,
        settings.beta1(),
        settings.beta2(),
        settings.epsilon(),
        decay);
  }

  void close() {
    table.close();
  }
}
