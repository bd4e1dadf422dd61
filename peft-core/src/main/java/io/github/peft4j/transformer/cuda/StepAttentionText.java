package io.github.peft4j.transformer.cuda;

import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.cuda.DeviceTensor;
import io.github.peft4j.kernel.cuda.Launch;
import io.github.peft4j.kernel.cuda.Launch.Output;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Attention of one new token for each text, in a step of decoding that is repeated: it rotates
 * queries and keys, writes keys and values into their buffers, and attends. Of a kernel (q, k, v,
 * cos, sin, keys, values, bias, place) → (B, 1, H·d):
 *
 * <ul>
 *   <li>q (B, 1, H·d) or (B, H, 1, d), k and v with K heads;
 *   <li>cos and sin (B or 1, 1, 1, r), the first half of the sines with the other sign; anything if
 *       nothing is rotated;
 *   <li>keys and values (B, K, S, d), which are changed;
 *   <li>bias (B or 1, 1, 1, S), place (1).
 * </ul>
 *
 * <p>A block computes some queries of a key-value head. It reads the keys up to the place only,
 * several at once: so many threads share a key as load it by 16 bytes each. The weights' sums meet
 * in registers of a warp, then in shared memory.
 */
public final class StepAttentionText {

  private static final int THREADS = 512;
  private static final int WARP = 32;

  /** The most queries of a block, and the most of their elements, for registers and memory. */
  private static final int MOST_QUERIES = 4;

  private static final int MOST_ELEMENTS = 512;

  private static final String TEXT =
      """
      constexpr int D = {head}, G = {queries}, WARPS = {threads} / 32;
      constexpr float LOWEST = -3.4e38f;
      extern "C" __global__ __launch_bounds__({threads}) void attend(
          const T0* __restrict__ q, const T1* __restrict__ k, const T2* __restrict__ v,
          const T3* __restrict__ cosine, const T4* __restrict__ sine, T5* keys, T6* values,
          const T7* __restrict__ bias, const T8* __restrict__ place, T0* __restrict__ y,
          int heads, int groups, whole capacity, int turned,
          whole qStep, whole kStep, whole vStep, whole tableStep, whole biasStep) {
        constexpr int SHARING = D / LANES;                       // the threads of a key
        __shared__ float queries[G * D], key[D], parts[WARPS * G * D], tops[WARPS * G], sums[WARPS * G];
        int block = blockIdx.x, part = block % groups, head = block / groups % heads;
        whole b = block / groups / heads, at = place[0];
        const T0* qs = q + b * qStep + (head * groups + part) * G * D;
        const T1* ks = k + b * kStep + head * D;
        const T2* vs = v + b * vStep + head * D;
        T5* pastKeys = keys + (b * heads + head) * capacity * D;
        T6* pastValues = values + (b * heads + head) * capacity * D;
        const T3* cosines = cosine + b * tableStep;
        const T4* sines = sine + b * tableStep;
        for (int i = threadIdx.x; i < (G + 1) * D; i += blockDim.x) {
          int j = i % D, half = turned / 2;
          bool isKey = i >= G * D;
          float x = isKey ? wide(ks[j]) : wide(qs[i]);
          if (j < turned) {
            int other = j < half ? half : -half;
            x = x * wide(cosines[j]) + (isKey ? wide(ks[j + other]) : wide(qs[i + other])) * wide(sines[j]);
          }
          if (isKey) {
            T5 rounded;
            narrow(x, rounded);
            key[j] = wide(rounded);
            if (part == 0) {
              pastKeys[at * D + j] = rounded;
              pastValues[at * D + j] = vs[j];
            }
          } else {
            queries[i] = x * {scale};
          }
        }
        __syncthreads();
        int lane = threadIdx.x % SHARING, first = threadIdx.x / SHARING, together = blockDim.x / SHARING;
        float own[G][LANES], sum[G][LANES], top[G], total[G];
        #pragma unroll
        for (int g = 0; g < G; g++) {
          top[g] = LOWEST;
          total[g] = 0;
          #pragma unroll
          for (int i = 0; i < LANES; i++) {
            own[g][i] = queries[g * D + lane * LANES + i];
            sum[g][i] = 0;
          }
        }
        for (whole from = 0; from <= at; from += together) {     // all threads, for the shuffles
          whole s = from + first;
          bool isPast = s < at, isNew = s == at;
          float keyOf[LANES], valueOf[LANES], hidden = isPast || isNew ? wide(bias[b * biasStep + s]) : 0;
          if (isPast) {
            Pack<T5> a = load(pastKeys + s * D + lane * LANES);
            Pack<T6> c = load(pastValues + s * D + lane * LANES);
            #pragma unroll
            for (int i = 0; i < LANES; i++) {
              keyOf[i] = wide(a.v[i]);
              valueOf[i] = wide(c.v[i]);
            }
          } else {                                               // others may not have written it yet
            #pragma unroll
            for (int i = 0; i < LANES; i++) {
              keyOf[i] = isNew ? key[lane * LANES + i] : 0;
              valueOf[i] = isNew ? wide(vs[lane * LANES + i]) : 0;
            }
          }
          #pragma unroll
          for (int g = 0; g < G; g++) {
            float score = 0;
            #pragma unroll
            for (int i = 0; i < LANES; i++) score += own[g][i] * keyOf[i];
            #pragma unroll
            for (int d = SHARING / 2; d > 0; d /= 2) score += __shfl_xor_sync(0xffffffffu, score, d);
            if (isPast || isNew) {
              float highest = fmaxf(top[g], score + hidden);
              float before = expf(top[g] - highest), weight = expf(score + hidden - highest);
              top[g] = highest;
              total[g] = total[g] * before + weight;
              #pragma unroll
              for (int i = 0; i < LANES; i++) sum[g][i] = sum[g][i] * before + weight * valueOf[i];
            }
          }
        }
        #pragma unroll
        for (int g = 0; g < G; g++) {
          #pragma unroll
          for (int d = SHARING; d < 32; d *= 2) {
            float others = __shfl_xor_sync(0xffffffffu, top[g], d), highest = fmaxf(top[g], others);
            float mine = expf(top[g] - highest), theirs = expf(others - highest);
            total[g] = total[g] * mine + __shfl_xor_sync(0xffffffffu, total[g], d) * theirs;
            #pragma unroll
            for (int i = 0; i < LANES; i++) {
              sum[g][i] = sum[g][i] * mine + __shfl_xor_sync(0xffffffffu, sum[g][i], d) * theirs;
            }
            top[g] = highest;
          }
        }
        int warp = threadIdx.x / 32;
        if (threadIdx.x % 32 < SHARING) {
          #pragma unroll
          for (int g = 0; g < G; g++) {
            tops[warp * G + g] = top[g];
            sums[warp * G + g] = total[g];
            #pragma unroll
            for (int i = 0; i < LANES; i++) parts[(warp * G + g) * D + lane * LANES + i] = sum[g][i];
          }
        }
        __syncthreads();
        T0* to = y + ((b * heads + head) * groups + part) * G * D;
        for (int i = threadIdx.x; i < G * D; i += blockDim.x) {
          int g = i / D;
          float highest = LOWEST, weights = 0, result = 0;
          for (int w = 0; w < WARPS; w++) highest = fmaxf(highest, tops[w * G + g]);
          for (int w = 0; w < WARPS; w++) {
            float weight = expf(tops[w * G + g] - highest);
            weights += weight * sums[w * G + g];
            result += weight * parts[w * G * D + i];
          }
          narrow(weights > 0 ? result / weights : 0, to[i]);
        }
      }
      """;

  private StepAttentionText() {}

  /**
   * The text of an attention.
   *
   * @param queries H
   * @param keyValues K
   * @param head d
   * @param scale of scores
   * @param isRotated whether queries and keys are rotated
   */
  public static CudaText of(
      long queries, long keyValues, long head, double scale, boolean isRotated) {
    int perKey = (int) (queries / keyValues);
    int together =
        IntStream.iterate(Math.min(perKey, MOST_QUERIES), n -> n > 1, n -> n - 1)
            .filter(n -> perKey % n == 0 && n * head <= MOST_ELEMENTS)
            .findFirst()
            .orElse(1);
    String text =
        TEXT.replace("{head}", Long.toString(head))
            .replace("{queries}", Integer.toString(together))
            .replace("{threads}", Integer.toString(THREADS))
            .replace("{scale}", Float.toString((float) scale) + "f");
    return CudaText.of(
        text, tensors -> plan(tensors, queries, keyValues, head, perKey / together, isRotated));
  }

  private static @Nullable Launch plan(
      List<DeviceTensor> tensors,
      long queries,
      long keyValues,
      long head,
      long groups,
      boolean isRotated) {
    DeviceTensor q = tensors.get(0);
    DeviceTensor cosine = tensors.get(3);
    DeviceTensor keys = tensors.get(5);
    DeviceTensor bias = tensors.get(7);
    DeviceTensor place = tensors.get(8);
    boolean alike = tensors.subList(0, 8).stream().allMatch(t -> t.type() == q.type());
    if (!q.isFloating() || !alike || !place.isInt64() || place.elements() != 1) {
      return null;
    }
    long batch = q.sizes()[0];
    long qStep = rowStep(q, batch, queries * head);
    long kStep = rowStep(tensors.get(1), batch, keyValues * head);
    long vStep = rowStep(tensors.get(2), batch, keyValues * head);
    long capacity = keys.dimensions() == 4 ? keys.sizes()[2] : 0;
    long turned = isRotated ? cosine.sizes()[cosine.dimensions() - 1] : 0;
    long tableStep = isRotated ? tableStep(cosine, batch, turned) : 0;
    long biasStep = tableStep(bias, batch, capacity);
    boolean areTables = !isRotated || tableStep(tensors.get(4), batch, turned) == tableStep;
    if (qStep < 0
        || kStep < 0
        || vStep < 0
        || tableStep < 0
        || biasStep < 0
        || !areTables
        || turned % 2 != 0
        || turned > head
        || !isBuffer(keys, batch, keyValues, capacity, head)
        || !isBuffer(tensors.get(6), batch, keyValues, capacity, head)) {
      return null;
    }
    int lanes = Launch.lanes(tensors.subList(5, 7), head);
    long sharing = head / lanes;
    if (sharing > WARP || Long.bitCount(sharing) != 1) {
      return null;
    }
    return new Launch(
        lanes,
        batch * keyValues * groups,
        THREADS,
        1,
        List.of(Output.of(q, batch, 1, queries * head)),
        keyValues,
        groups,
        capacity,
        turned,
        qStep,
        kStep,
        vStep,
        tableStep,
        biasStep);
  }

  private static boolean isBuffer(
      DeviceTensor buffer, long batch, long heads, long capacity, long head) {
    return buffer.dimensions() == 4
        && buffer.isContiguous()
        && buffer.sizes()[0] == batch
        && buffer.sizes()[1] == heads
        && buffer.sizes()[2] == capacity
        && buffer.sizes()[3] == head;
  }

  /** The step between rows of n elements, which lie one after the other; -1 if they do not. */
  private static long rowStep(DeviceTensor x, long batch, long n) {
    if (x.elements() != batch * n || x.sizes()[0] != batch) {
      return -1;
    }
    long step = 1;
    for (int i = x.dimensions() - 1; i > 0; i--) {
      if (x.sizes()[i] > 1 && x.strides()[i] != step) {
        return -1;
      }
      step *= x.sizes()[i];
    }
    return batch > 1 ? x.strides()[0] : n;
  }

  /** The step between rows of (B or 1, …, n), 0 if there is one for all; -1 if it is neither. */
  private static long tableStep(DeviceTensor table, long batch, long n) {
    return table.sizes()[0] == 1 && table.elements() == n
        ? (rowStep(table, 1, n) < 0 ? -1 : 0)
        : rowStep(table, batch, n);
  }
}
