package io.github.peft4j.kernel;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VariableLengthAttentionTest {

  private static final int ROWS = 2;
  private static final int WIDTH = 12;
  private static final int DIMENSION = 16;

  /** Of two rows. */
  private static final int[] LENGTHS = {5, 1, 6, 9, 3};

  private static final int NONE = Integer.MAX_VALUE;

  /** All pairs of a row, of which a mask leaves some. */
  private static final Kernel PLAIN =
      Kernel.of(
          """
          def plain(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
              keys = torch.repeat_interleave(k, {groups}, 1)
              values = torch.repeat_interleave(v, {groups}, 1)
              scores = torch.mul(torch.matmul(q, torch.transpose(keys, 2, 3)), {scale})
              hidden = torch.logical_not(seen.to(11))
              weights = torch.softmax(torch.masked_fill(scores, hidden, -1e300), -1)
              y = torch.transpose(torch.matmul(weights, values), 1, 2)
              return torch.reshape(y, [torch.size(y, 0), torch.size(y, 1), -1])
          """);

  /** The attention of a call, and the gradients of queries, keys and values. */
  private interface Attention {
    NDArray attend(NDArray q, NDArray k, NDArray v);
  }

  private static double[][] compute(
      NDManager manager, Precision precision, int keys, Attention of) {
    NDArray[] inputs = {
      random(manager, precision, 1, ROWS, 4, WIDTH, DIMENSION),
      random(manager, precision, 2, ROWS, keys, WIDTH, DIMENSION),
      random(manager, precision, 3, ROWS, keys, WIDTH, DIMENSION)
    };
    NDArray gradient = random(manager, precision, 4, ROWS, WIDTH, 4 * DIMENSION);
    NDArray output =
        Autograd.record(
            true,
            () -> {
              Arrays.setAll(inputs, i -> Autograd.leaf(inputs[i]));
              NDArray y = of.attend(inputs[0], inputs[1], inputs[2]);
              Autograd.backward(y, gradient);
              return Autograd.detach(y);
            });
    double[][] found = new double[4][];
    found[3] = doubles(output);
    for (int i = 0; i < 3; i++) {
      found[i] = doubles(requireNonNull(Autograd.gradient(inputs[i])));
    }
    return found;
  }

  private static NDArray random(NDManager manager, Precision precision, long seed, long... shape) {
    Random random = new Random(seed);
    double[] values =
        DoubleStream.generate(random::nextGaussian).limit(new Shape(shape).size()).toArray();
    return Tensors.cast(manager.create(values, new Shape(shape)), precision);
  }

  private static double[] doubles(NDArray x) {
    return Tensors.cast(x, Precision.FLOAT64).toDoubleArray();
  }

  /** Which keys of its row each query sees (B, 1, T, T). */
  private static NDArray seen(NDManager manager, boolean causal, int window) {
    boolean[] seen = new boolean[ROWS * WIDTH * WIDTH];
    int first = 0;
    for (int length : LENGTHS) {
      for (int query = 0; query < length; query++) {
        for (int key = 0; key < length; key++) {
          int distance = query - key;
          boolean near = causal ? distance >= 0 && distance < window : Math.abs(distance) <= window;
          seen[(first + query) * WIDTH + (first + key) % WIDTH] = near;
        }
      }
      first += length;
    }
    return manager.create(seen, new Shape(ROWS, 1, WIDTH, WIDTH));
  }

  private static NDArray ends(NDManager manager) {
    int[] ends = IntStream.concat(IntStream.of(0), IntStream.of(LENGTHS)).toArray();
    Arrays.parallelPrefix(ends, Integer::sum);
    return manager.create(ends);
  }

  @ParameterizedTest
  @CsvSource({
    "4, true, 0, ",
    "4, false, 0, ",
    "2, true, 0, 0.3",
    "1, false, 0, ",
    "4, true, 3, ",
    "2, false, 2, ",
    "4, true, 6, 0.5",
    "1, true, 1, "
  })
  void textsSeeThemselvesOnly(int keys, boolean causal, int given, @Nullable Double scale) {
    int window = given == 0 ? NONE : given;
    int groups = 4 / keys;
    double factor = scale == null ? 1 / Math.sqrt(DIMENSION) : scale;
    try (Scope scope = new Scope();
        NDManager manager = Tensors.newManager(Device.cpu())) {
      VariableLengthAttention attention =
          new VariableLengthAttention(groups, DIMENSION, scale, causal, window, 0);
      double[][] found =
          compute(
              manager,
              Precision.FLOAT64,
              keys,
              (q, k, v) -> attention.attend(q, k, v, LENGTHS, ends(manager)));
      Kernel plain = PLAIN.with("groups", groups).with("scale", factor);
      double[][] expected =
          compute(
              manager,
              Precision.FLOAT64,
              keys,
              (q, k, v) -> plain.call(q, k, v, seen(manager, causal, window)));
      for (int i = 0; i < 4; i++) {
        assertThat(found[i]).containsExactly(expected[i], within(1e-12));
      }
    }
  }

  @Test
  void weightsAreDropped() {
    try (Scope scope = new Scope();
        NDManager manager = Tensors.newManager(Device.cpu())) {
      VariableLengthAttention attention =
          new VariableLengthAttention(1, DIMENSION, null, false, NONE, 0.5);
      Autograd.seed(1);
      int[] lengths = {400, 600};
      NDArray q = random(manager, Precision.FLOAT64, 1, 1, 1, 1000, DIMENSION).mul(0.1);
      NDArray ones = manager.ones(q.getShape(), DataType.FLOAT64);
      NDArray ends = manager.create(new int[] {0, 400, 1000});
      double[] sums = attention.attend(q, q, ones, lengths, ends).toDoubleArray();
      assertThat(Arrays.stream(sums).average().orElseThrow()).isCloseTo(1, within(0.01));
      assertThat(Arrays.stream(sums).map(sum -> Math.pow(sum - 1, 2)).average().orElseThrow())
          .as("a variance of 1/n")
          .isCloseTo((400 * (1 / 400.) + 600 * (1 / 600.)) / 1000, within(2e-4));
    }
  }

  /** The comparison by which flash attention is chosen tells texts apart, in 16 bits, too. */
  @Test
  void theTryTellsWrongAttentionFromRight() {
    try (Scope scope = new Scope();
        NDManager manager = Tensors.newManager(Device.cpu())) {
      NDArray x = VariableLengthAttention.waves(manager, DIMENSION);
      NDArray exact = Tensors.cast(x, Precision.FLOAT32);
      float[] right = triedGradient(exact, true, 2, 3);
      assertThat(triedGradient(x, true, 2, 3)).containsExactly(right, within(0.1f));
      for (float[] wrong :
          new float[][] {triedGradient(exact, true, 5), triedGradient(exact, false, 2, 3)}) {
        float largest = 0;
        for (int i = 0; i < right.length; i++) {
          largest = Math.max(largest, Math.abs(wrong[i] - right[i]));
        }
        assertThat(largest).isGreaterThan(0.2f);
      }
    }
  }

  private static float[] triedGradient(NDArray x, boolean causal, int... lengths) {
    VariableLengthAttention attention =
        new VariableLengthAttention(1, DIMENSION, null, causal, NONE, 0);
    NDArray unread = x.getManager().create(lengths);
    return VariableLengthAttention.gradient(x, y -> attention.attend(y, y, y, lengths, unread));
  }

  /** On a CPU, the operator is there, but has no kernel. */
  @Test
  void theTextOfFlashAttentionCompiles() {
    try (Scope scope = new Scope();
        NDManager manager = Tensors.newManager(Device.cpu())) {
      NDArray x = random(manager, Precision.FLOAT32, 1, ROWS, 4, WIDTH, DIMENSION);
      for (int window : new int[] {NONE, 3}) {
        VariableLengthAttention attention =
            new VariableLengthAttention(1, DIMENSION, 0.2, true, window, 0.1);
        assertThatThrownBy(() -> attention.flash(x, x, x, LENGTHS, ends(manager)))
            .hasMessageContaining("aten::_flash_attention_forward")
            .hasMessageContaining("'CPU' backend");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"4, true, 0", "2, false, 0", "1, true, 3", "4, false, 2"})
  void flashAttentionComputesTheSame(int keys, boolean causal, int given) {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "needs a GPU");
    int window = given == 0 ? NONE : given;
    try (Scope scope = new Scope();
        NDManager manager = Tensors.newManager(Device.gpu())) {
      VariableLengthAttention attention =
          new VariableLengthAttention(4 / keys, DIMENSION, null, causal, window, 0);
      NDArray ends = ends(manager);
      double[][] exact =
          compute(
              manager,
              Precision.FLOAT32,
              keys,
              (q, k, v) -> attention.attend(q, k, v, LENGTHS, ends));
      double[][] fast =
          compute(
              manager,
              Precision.BFLOAT16,
              keys,
              (q, k, v) -> attention.flash(q, k, v, LENGTHS, ends));
      for (int i = 0; i < 4; i++) {
        double largest = Arrays.stream(exact[i]).map(Math::abs).max().orElseThrow();
        assertThat(fast[i]).containsExactly(exact[i], within(0.02 * largest));
      }
    }
  }
}
