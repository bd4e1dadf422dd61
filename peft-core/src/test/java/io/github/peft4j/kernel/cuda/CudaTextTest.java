package io.github.peft4j.kernel.cuda;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.ToyPass;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.cuda.GainText;
import io.github.peft4j.transformer.cuda.RowProductText;
import io.github.peft4j.transformer.cuda.StepAttentionText;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.rope.RopeScaling;
import io.github.peft4j.transformer.rope.RopeSpec;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * CUDA texts against their TorchScript, which computes the same values in 64 bits: that the texts
 * do not take, so it is the oracle. A result may differ by the rounding of its type. Needs an
 * NVIDIA GPU; with one, the texts must run.
 */
class CudaTextTest {

  private static final List<Precision> PRECISIONS =
      List.of(Precision.BFLOAT16, Precision.FLOAT16, Precision.FLOAT32);

  private final boolean hasGpu = PyTorch.engine().getGpuCount() > 0;
  private final NDManager manager = Tensors.newManager(hasGpu ? Device.gpu() : Device.cpu());
  private final Random random = new Random(1);

  @BeforeEach
  void needsGpu() {
    assumeTrue(
        hasGpu || CudaText.isAvailable(),
        "SKIPPED: there is no NVIDIA GPU, so no CUDA text is tested");
    assertThat(CudaText.isAvailable()).as("CUDA texts run on this GPU").isTrue();
  }

  @AfterEach
  void close() {
    manager.close();
  }

  /** A function of inputs, the first of which gets a gradient from the tape. */
  private interface Function {
    NDArray of(NDArray... inputs);
  }

  /** How a tensor lies in memory: as a view of a tensor that is stored. */
  private enum Layout {
    PLAIN("x"),
    /** (…, 2 D) → the second half (…, D). */
    HALF("torch.slice(x, -1, torch.size(x, -1) // 2)"),
    /** (…, D + 1) → the last D, which no 16 bytes begin at. */
    SHIFTED("torch.slice(x, -1, 1)"),
    /** (B, T, H, d) → (B, H, T, d). */
    HEADS("torch.transpose(x, 1, 2)");

    private final Kernel view;

    Layout(String expression) {
      this.view = Kernel.of("def view(x: Tensor) -> Tensor:\n    return " + expression + "\n");
    }

    /** The shape that is stored for a tensor of a shape. */
    private long[] stored(long... shape) {
      long[] stored = shape.clone();
      int last = shape.length - 1;
      switch (this) {
        case PLAIN -> {}
        case HALF -> stored[last] *= 2;
        case SHIFTED -> stored[last] += 1;
        case HEADS -> {
          stored[1] = shape[2];
          stored[2] = shape[1];
        }
      }
      return stored;
    }
  }

  /** Random numbers of a precision. */
  private NDArray numbers(Precision precision, Layout layout, double spread, long... shape) {
    long[] stored = layout.stored(shape);
    int count = (int) DeviceTensor.product(stored);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (spread * random.nextGaussian());
    }
    NDArray all = Tensors.cast(manager.create(values, new Shape(stored)), precision);
    return layout.view.call(all);
  }

  /** The results of a function: its output, and the gradients of all its inputs. */
  private List<float[]> results(
      Function function, Precision precision, NDArray g, NDArray... given) {
    NDArray[] inputs = new NDArray[given.length];
    for (int i = 0; i < given.length; i++) {
      inputs[i] = Autograd.leaf(Tensors.cast(Autograd.detach(given[i]), precision));
    }
    List<float[]> results = new ArrayList<>();
    try (Tape.Recording tape = Tape.recording(1)) {
      NDArray x = inputs[0];
      NDArray start = tape.source(() -> Kernel.of(PLUS_ZERO).call(x));
      NDArray[] arguments = inputs.clone();
      NDArray y =
          tape.segmentOfKernels(
              start,
              true,
              input -> {
                arguments[0] = input;
                return function.of(arguments);
              });
      results.add(Tensors.floats(y));
      tape.backward(y, Scope.release(Tensors.cast(Autograd.detach(g), precision)));
    }
    for (NDArray input : inputs) {
      results.add(Tensors.floats(requireNonNull(Autograd.gradient(input))));
    }
    return results;
  }

  /** A copy that lies in memory as x does. */
  private static final String PLUS_ZERO =
      """
      def plus_zero(x: Tensor) -> Tensor:
          return torch.add(x, 0)
      """;

  private void agree(
      String what, Function function, Precision precision, NDArray g, NDArray... inputs) {
    long before = CudaText.launches();
    List<float[]> fast = results(function, precision, g, inputs);
    assertThat(CudaText.launches() - before).as(what + ": launches, forward and back").isEqualTo(2);
    List<float[]> exact = results(function, Precision.FLOAT64, g, inputs);
    assertThat(CudaText.launches() - before).as(what + ": launches in 64 bits").isEqualTo(2);
    for (int i = 0; i < exact.size(); i++) {
      close(
          what + ", " + (i == 0 ? "output" : "gradient " + i),
          precision,
          fast.get(i),
          exact.get(i));
    }
  }

  /** Half a unit of the last place, and the error of 32-bit sums. */
  private static void close(String what, Precision precision, float[] actual, float[] expected) {
    assertThat(actual).as(what).hasSize(expected.length);
    double relative =
        switch (precision) {
          case BFLOAT16 -> 0x1.02p-8;
          case FLOAT16 -> 0x1.02p-11;
          default -> 4e-6;
        };
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    double floor = 2e-6 * largest + (precision == Precision.FLOAT16 ? 0x1p-24 : 0);
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs((double) actual[i] - expected[i]);
      if (!(error <= relative * Math.abs(expected[i]) + floor)) {
        throw new AssertionError(
            "%s, %s: element %d of %d is %s, expected %s"
                .formatted(what, precision, i, expected.length, actual[i], expected[i]));
      }
    }
  }

  /** As {@link #agree}, of a function that is never recorded. */
  private void agreeForward(
      String what, Function function, Precision precision, NDArray... inputs) {
    long before = CudaText.launches();
    float[] fast = Tensors.floats(Autograd.without(() -> function.of(inputs)));
    assertThat(CudaText.launches() - before).as(what + ": launches").isEqualTo(1);
    NDArray[] wide =
        Arrays.stream(inputs)
            .map(x -> x.getDataType() == DataType.INT64 ? x : Tensors.cast(x, Precision.FLOAT64))
            .toArray(NDArray[]::new);
    float[] exact = Tensors.floats(Autograd.without(() -> function.of(wide)));
    assertThat(CudaText.launches() - before).as(what + ": launches in 64 bits").isEqualTo(1);
    close(what, precision, fast, exact);
  }

  @Test
  void productsOfARow() {
    Kernel plain =
        Kernel.of(
                """
                def product(x: Tensor, weight: Tensor) -> Tensor:
                    return torch.linear(x, weight, None)
                """)
            .cuda(RowProductText.PLAIN.text());
    Kernel biased =
        Kernel.of(
                """
                def product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                    return torch.linear(x, weight, bias)
                """)
            .cuda(RowProductText.BIAS.text());
    for (Precision precision : PRECISIONS) {
      for (long[] size : new long[][] {{1, 1}, {5, 7}, {33, 64}, {130, 1000}, {17, 4100}}) {
        NDArray x = numbers(precision, Layout.PLAIN, 1, 1, 1, size[1]);
        NDArray weight = numbers(precision, Layout.PLAIN, 0.3, size);
        NDArray bias = numbers(precision, Layout.PLAIN, 1, size[0]);
        String what = "product with " + new Shape(size);
        agreeForward(what, in -> plain.call(in), precision, x, weight);
        agreeForward(what + " and bias", in -> biased.call(in), precision, x, weight, bias);
      }
    }
  }

  @Test
  void gainsOfAWeight() {
    Kernel gained =
        Kernel.of(
                """
                def gained(w: Tensor, gain: Tensor, like: Tensor) -> Tensor:
                    return torch.mul(w, gain).to(like.dtype)
                """)
            .cuda(GainText.WEIGHT);
    for (Precision precision : PRECISIONS) {
      for (Layout layout : List.of(Layout.PLAIN, Layout.HALF, Layout.SHIFTED)) {
        for (long[] size : new long[][] {{1, 1}, {5, 7}, {33, 64}, {9, 2056}}) {
          agreeForward(
              "weight " + new Shape(size) + " " + layout,
              in -> gained.call(in),
              precision,
              numbers(precision, layout, 1, size),
              numbers(Precision.FLOAT32, Layout.PLAIN, 1, size[0], 1),
              numbers(precision, Layout.PLAIN, 1, 1));
        }
      }
    }
  }

  @Test
  void sumsForTheGradientOfAGain() {
    Kernel sums =
        Kernel.of(
                """
                def sums(g: Tensor, y: Tensor, c: Tensor, one: Tensor) -> Tensor:
                    product = torch.mul(torch.mul(g, torch.sub(y, c)), one)
                    return torch.sum(torch.reshape(product, [-1, torch.size(c, 0)]), [0], True)
                """)
            .cuda(GainText.SUMS);
    Kernel whole =
        Kernel.of("def whole(parts: Tensor) -> Tensor:\n    return torch.sum(parts, [0])\n");
    long[][] shapes = {
      {1, 1}, {3, 5, 7}, {2, 33, 64}, {700, 24}, {2, 600, 256}, {5, 2056}, {70, 131}
    };
    for (Precision precision : PRECISIONS) {
      for (Layout layout : List.of(Layout.PLAIN, Layout.HALF, Layout.SHIFTED)) {
        for (Precision other : List.of(precision, Precision.FLOAT32)) {
          for (long[] shape : shapes) {
            agreeForward(
                "sums of " + new Shape(shape) + " " + layout,
                in -> whole.call(sums.call(in)),
                Precision.FLOAT32,
                numbers(precision, layout, 1, shape),
                numbers(precision, Layout.PLAIN, 1, shape),
                numbers(other, Layout.PLAIN, 1, shape[shape.length - 1]),
                manager.ones(new Shape(shape[shape.length - 1])));
          }
        }
      }
    }
  }

  /** The same in plain PyTorch, which leaves keys and values as they are. */
  private static final String STEP =
      """
      def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
          r = {turned}
          if r == 0:
              return x
          first = torch.slice(x, -1, 0, r)
          turned = torch.add(torch.mul(first, cos), torch.mul(torch.roll(first, [r // 2], [-1]), sin))
          return torch.cat([turned, torch.slice(x, -1, r)], -1)
      def step(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, bias: Tensor, place: Tensor) -> Tensor:
          b, n, s, d = torch.size(keys, 0), torch.size(keys, 1), torch.size(keys, 2), torch.size(keys, 3)
          queries = torch.reshape(turn(torch.reshape(q, [b, -1, 1, d]), cos, sin), [b, n, -1, d])
          all = torch.index_copy(keys, 2, place, turn(torch.reshape(k, [b, n, 1, d]), cos, sin))
          scores = torch.mul(torch.matmul(queries, torch.transpose(all, 2, 3)), {scale})
          weights = torch.softmax(torch.add(scores, bias), -1)
          written = torch.index_copy(values, 2, place, torch.reshape(v, [b, n, 1, d]))
          return torch.reshape(torch.matmul(weights, written), [b, 1, -1])
      """;

  @ParameterizedTest
  @CsvSource({
    "1, 1, 8, 0, 40, 0",
    "6, 2, 16, 16, 70, 69",
    "8, 2, 64, 32, 256, 133",
    "3, 3, 128, 0, 64, 31"
  })
  void attentionOfAStep(
      long queries, long keyValues, long head, int turned, long capacity, long at) {
    double scale = 0.3;
    Kernel step =
        Kernel.of(STEP)
            .with("turned", turned)
            .with("scale", scale)
            .cuda(StepAttentionText.of(queries, keyValues, head, scale, turned > 0));
    for (Precision precision : PRECISIONS) {
      if (turned > 0 && precision != Precision.FLOAT32) {
        continue; // a rotated key is rounded before it is read
      }
      for (long batch : new long[] {1, 3}) {
        NDArray keys = numbers(precision, Layout.PLAIN, 1, batch, keyValues, capacity, head);
        NDArray values = numbers(precision, Layout.PLAIN, 1, batch, keyValues, capacity, head);
        NDArray k = numbers(precision, Layout.PLAIN, 1, batch, 1, keyValues * head);
        NDArray v = numbers(precision, Layout.HALF, 1, batch, 1, keyValues * head);
        float[] others = Tensors.floats(keys);
        agreeForward(
            "step of " + batch + " texts",
            in -> step.call(in),
            precision,
            numbers(precision, Layout.HALF, 1, batch, 1, queries * head),
            k,
            v,
            numbers(precision, Layout.PLAIN, 1, batch, 1, 1, Math.max(2, turned)),
            numbers(precision, Layout.PLAIN, 1, batch, 1, 1, Math.max(2, turned)),
            keys,
            values,
            hidden(precision, batch, capacity, at),
            manager.create(new long[] {at}));
        float[] written = Tensors.floats(keys);
        float[] key = Tensors.floats(k);
        for (int i = 0; i < written.length; i++) {
          long place = i / head % capacity;
          if (place != at) {
            assertThat(written[i]).isEqualTo(others[i]);
          } else if (turned == 0) {
            assertThat(written[i]).isEqualTo(key[(int) (i / head / capacity * head + i % head)]);
          }
        }
      }
    }
  }

  /** Hides the keys behind a place, and the first one of rows behind the first. */
  private NDArray hidden(Precision precision, long batch, long capacity, long at) {
    float[] bias = new float[(int) (batch * capacity)];
    for (int i = 0; i < bias.length; i++) {
      boolean first = i >= capacity && i % capacity == 0;
      bias[i] = i % capacity > at || (first && at > 0) ? -1e4f : 0;
    }
    return Tensors.cast(manager.create(bias, new Shape(batch, 1, 1, capacity)), precision);
  }

  @ParameterizedTest
  @EnumSource(names = {"SILU", "GELU", "GELU_PYTORCH_TANH"})
  void gatedProducts(Activation activation) {
    long[][] shapes = {{1, 1}, {3, 5, 7}, {2, 33, 64}, {1, 1, 1000}, {5, 2056}, {2, 3, 4099}};
    for (Precision precision : PRECISIONS) {
      for (long[] shape : shapes) {
        for (Layout layout : List.of(Layout.PLAIN, Layout.HALF, Layout.SHIFTED)) {
          agree(
              activation + " " + new Shape(shape) + " " + layout,
              inputs -> activation.gate(inputs[0], inputs[1]),
              precision,
              numbers(precision, Layout.PLAIN, 1, shape),
              numbers(precision, Layout.PLAIN, 3, shape),
              numbers(precision, layout, 1, shape));
        }
      }
    }
  }

  @Test
  void gatesFarFromZeroAreExact() {
    for (Activation activation : List.of(Activation.SILU, Activation.GELU, Activation.GELU_NEW)) {
      NDArray gate = manager.create(new float[] {-1e4f, -100, -88, -20, -0f, 0, 20, 100, 1e4f});
      NDArray one = manager.ones(gate.getShape());
      agree(
          activation + " far from 0",
          inputs -> activation.gate(inputs[0], inputs[1]),
          Precision.FLOAT32,
          one,
          gate,
          one);
    }
  }

  private Function norm(Norm.Kind kind, NDArray weight) {
    ToyPass pass = new ToyPass(ActiveAdapters.NONE);
    return inputs -> {
      boolean wide = inputs[0].getDataType() == DataType.FLOAT64;
      NDArray factor = wide ? Tensors.cast(weight, Precision.FLOAT64) : weight.duplicate();
      return new Norm("norm", kind, factor, null, 1e-6).forward(inputs[0], pass);
    };
  }

  @ParameterizedTest
  @EnumSource(names = {"RMS", "RMS_ONE_PLUS"})
  void rmsNorms(Norm.Kind kind) {
    long[][] shapes = {{1, 3}, {3, 5, 7}, {2, 33, 64}, {1, 1, 1000}, {5, 2048}, {3, 4099}};
    for (Precision precision : PRECISIONS) {
      for (long[] shape : shapes) {
        for (Layout layout : List.of(Layout.PLAIN, Layout.HALF, Layout.SHIFTED)) {
          NDArray weight = numbers(precision, Layout.PLAIN, 1, shape[shape.length - 1]);
          agree(
              kind + " " + new Shape(shape) + " " + layout,
              norm(kind, weight),
              precision,
              numbers(precision, layout, 1, shape),
              numbers(precision, Layout.PLAIN, 2, shape));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"RMS", "RMS_ONE_PLUS"})
  void whatReadsANormComputesItAgain(Norm.Kind kind) {
    NDArray weight = numbers(Precision.FLOAT32, Layout.PLAIN, 1, 2048);
    NDArray g = numbers(Precision.FLOAT32, Layout.PLAIN, 1, 5, 2048);
    NDArray x = numbers(Precision.FLOAT32, Layout.HALF, 2, 5, 2048);
    NDArray up = numbers(Precision.FLOAT32, Layout.PLAIN, 1, 5, 2048);
    Function read = in -> Activation.SILU.gate(norm(kind, weight).of(in[0]), in[1]);
    long before = CudaText.launches();
    List<float[]> fast = results(read, Precision.FLOAT32, g, x, up);
    assertThat(CudaText.launches() - before).as("two, and three back").isEqualTo(5);
    List<float[]> exact = results(read, Precision.FLOAT64, g, x, up);
    for (int i = 0; i < exact.size(); i++) {
      close("result " + i, Precision.FLOAT32, fast.get(i), exact.get(i));
    }
  }

  @Test
  void normsOfHeadsAreComputedWhereTheyLie() {
    for (Precision precision : PRECISIONS) {
      NDArray weight = numbers(precision, Layout.PLAIN, 1, 16);
      agree(
          "norm of heads",
          norm(Norm.Kind.RMS, weight),
          precision,
          numbers(precision, Layout.HEADS, 1, 2, 3, 5, 16),
          numbers(precision, Layout.HEADS, 1, 2, 3, 5, 16));
    }
  }

  @Test
  void rotations() {
    for (Precision precision : PRECISIONS) {
      for (int head : new int[] {2, 6, 16, 64, 128, 256}) {
        for (int turned : new int[] {head, head / 2 / 2 * 2}) {
          if (turned == 0) {
            continue;
          }
          for (boolean byRow : new boolean[] {false, true}) {
            for (Layout layout : List.of(Layout.PLAIN, Layout.HEADS, Layout.SHIFTED)) {
              rotation(precision, head, turned, byRow, layout);
            }
          }
        }
      }
    }
  }

  private void rotation(Precision precision, int head, int turned, boolean byRow, Layout layout) {
    long[] shape = {2, 3, 5, head};
    RopeSpec spec = new RopeSpec(10_000, turned, head, new RopeScaling.Default());
    try (RotaryEmbedding embedding = new RotaryEmbedding(spec)) {
      NDArray positions =
          manager.create(new long[] {0, 1, 2, 3, 4, 7, 8, 2, 0, 9}, new Shape(2, 5));
      NDArray like = numbers(precision, Layout.PLAIN, 1, 1);
      Rotation by = embedding.at(like, 3, 8, null);
      Rotation tables = byRow ? embedding.at(like, 0, 10, positions) : by;
      Rotation wide =
          new Rotation(
              Tensors.cast(tables.cosine(), Precision.FLOAT64),
              Tensors.cast(tables.sine(), Precision.FLOAT64));
      agree(
          "rotation of %d of %d, %s, by row: %s".formatted(turned, head, layout, byRow),
          inputs -> {
            boolean exact = inputs[0].getDataType() == DataType.FLOAT64;
            return embedding.rotate(inputs[0], exact ? wide : tables);
          },
          precision,
          numbers(precision, layout, 1, shape),
          numbers(precision, layout, 1, shape));
    }
  }

  @Test
  void crossEntropies() {
    long[][] shapes = {{1, 1}, {3, 7}, {5, 1000}, {2, 4099}, {3, 32_000}, {2, 262_144}, {65, 64}};
    for (Precision precision : PRECISIONS) {
      for (long[] shape : shapes) {
        for (Layout layout : List.of(Layout.PLAIN, Layout.SHIFTED, Layout.HALF)) {
          crossEntropy(precision, numbers(precision, layout, 4, shape));
        }
      }
    }
  }

  @Test
  void lossesOfMaskedLogitsAreFinite() {
    float[] values = new float[3 * 300];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 300 < 200 ? Float.NEGATIVE_INFINITY : (float) random.nextGaussian();
    }
    NDArray logits = manager.create(values, new Shape(3, 300));
    NDArray labels = manager.create(new long[] {200, 250, 299});
    float[] losses = Tensors.floats(CrossEntropy.PLAIN.of(logits, labels));
    NDArray wide = Tensors.cast(logits, Precision.FLOAT64);
    close(
        "losses of masked logits",
        Precision.FLOAT32,
        losses,
        Tensors.floats(CrossEntropy.PLAIN.of(wide, labels)));
  }

  @Test
  void aLabelThatIsNoneGivesNan() {
    NDArray logits = numbers(Precision.FLOAT32, Layout.PLAIN, 4, 3, 20);
    NDArray labels = manager.create(new long[] {20, -1, 19});
    float[] losses = Tensors.floats(Autograd.without(() -> CrossEntropy.PLAIN.of(logits, labels)));
    assertThat(losses[0]).isNaN();
    assertThat(losses[1]).isNaN();
    assertThat(losses[2]).isFinite();
  }

  private void crossEntropy(Precision precision, NDArray logits) {
    Shape shape = logits.getShape();
    long[] classes = random.longs(shape.get(0), 0, shape.get(1)).toArray();
    if (classes.length > 2) {
      classes[1] = LossTargets.IGNORED;
    }
    NDArray labels = manager.create(classes);
    NDArray scale = manager.create(0.125f);
    NDArray wide = Tensors.cast(logits, Precision.FLOAT64);
    String what = "cross entropy " + shape;
    long before = CudaText.launches();
    float[] plain = Tensors.floats(Autograd.without(() -> CrossEntropy.PLAIN.of(logits, labels)));
    float[] losses = Tensors.floats(CrossEntropy.inPlace(logits, labels, scale));
    assertThat(CudaText.launches() - before).as(what + ": launches").isEqualTo(2);
    float[] expected = Tensors.floats(CrossEntropy.inPlace(wide, labels, scale));
    assertThat(losses).isEqualTo(plain);
    close(what + ", losses", Precision.FLOAT32, losses, expected);
    close(what + ", gradients", precision, Tensors.floats(logits), Tensors.floats(wide));
  }

  @Test
  void emptyTensorsLaunchNothing() {
    long before = CudaText.launches();
    NDArray none = Tensors.zeros(manager, Precision.BFLOAT16, 0, 8);
    NDArray y = Autograd.without(() -> Activation.SILU.gate(none, none));
    assertThat(y.getShape()).isEqualTo(new Shape(0, 8));
    assertThat(CudaText.launches()).isEqualTo(before);
  }

  @Test
  void tensorsThatATextDoesNotTakeAreLeftToPyTorch() {
    long before = CudaText.launches();
    NDArray x = numbers(Precision.BFLOAT16, Layout.PLAIN, 1, 4, 8);
    NDArray row = numbers(Precision.BFLOAT16, Layout.PLAIN, 1, 8);
    NDArray wider = numbers(Precision.FLOAT32, Layout.PLAIN, 1, 4, 8);
    Autograd.without(
        () -> {
          assertThat(Activation.SILU.gate(x, row).getShape()).isEqualTo(new Shape(4, 8));
          assertThat(Activation.SILU.gate(x, wider).getShape()).isEqualTo(new Shape(4, 8));
          return null;
        });
    assertThat(CudaText.launches()).isEqualTo(before);
  }

  @Test
  void aTextThatDoesNotCompileIsLeftToPyTorch() {
    Kernel kernel =
        Kernel.of("def twice(x: Tensor) -> Tensor:\n    return torch.mul(x, 2)\n")
            .cuda(
                CudaText.of(
                    "extern \"C\" __global__ void twice(const T0* x, T0* y) { nonsense; }",
                    tensors ->
                        new Launch(1, 1, 32, 1, List.of(Launch.Output.of(tensors.get(0), 3)))));
    NDArray x = manager.create(new float[] {1, 2, 3});
    assertThat(Tensors.floats(Autograd.without(() -> kernel.call(x)))).containsExactly(2, 4, 6);
    assertThat(Tensors.floats(Autograd.without(() -> kernel.call(x)))).containsExactly(2, 4, 6);
  }

  @Test
  void turnedOffNothingRuns() {
    long before = CudaText.launches();
    CudaText.enable(false);
    try {
      NDArray x = manager.ones(new Shape(2, 8));
      Autograd.without(() -> Activation.SILU.gate(x, x));
    } finally {
      CudaText.enable(true);
    }
    assertThat(CudaText.launches()).isEqualTo(before);
  }

  @Test
  void aGraphRecordsTexts() {
    assumeTrue(hasGpu && CudaGraph.isAvailable(), "SKIPPED: there is no CUDA GPU to record on");
    NDArray x = manager.ones(new Shape(2, 8));
    NDArray y = manager.zeros(new Shape(2, 8));
    Runnable code =
        () -> {
          try (NDArray product = Autograd.without(() -> Activation.SILU.gate(x, x))) {
            Tensors.copy(y, product);
          }
        };
    code.run();
    float[] ofOnes = Tensors.floats(y);
    try (CudaGraph graph = CudaGraph.record(0, new CudaGraph.Pool(), code)) {
      Tensors.copy(x, manager.ones(new Shape(2, 8)).mul(2));
      graph.replay();
      float[] replayed = Tensors.floats(y);
      code.run();
      assertThat(replayed).isEqualTo(Tensors.floats(y)).isNotEqualTo(ofOnes);
    }
  }

  @Test
  void noTensorIsLeft() {
    NDArray x = manager.ones(new Shape(2, 8));
    long before = Tensors.live();
    try (Scope scope = new Scope()) {
      NDArray y = scope.keep(Autograd.without(() -> Activation.SILU.gate(x, x)));
      y.close();
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void threadsDoNotDisturbEachOther() throws Exception {
    int threads = 8;
    List<NDArray> gates = new ArrayList<>();
    List<float[]> alone = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      NDArray gate = numbers(Precision.FLOAT32, Layout.PLAIN, 2, 3 + i, 40 + 4 * i);
      gates.add(gate);
      alone.add(Tensors.floats(Autograd.without(() -> Activation.SILU.gate(gate, gate))));
    }
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Future<Boolean>> same = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        NDArray gate = gates.get(i);
        float[] expected = alone.get(i);
        same.add(pool.submit(() -> repeats(gate, expected)));
      }
      for (Future<Boolean> thread : same) {
        assertThat(thread.get()).isTrue();
      }
    } finally {
      pool.shutdown();
    }
  }

  private static boolean repeats(NDArray gate, float[] expected) {
    return Autograd.without(
        () -> {
          boolean same = true;
          for (int n = 0; n < 50; n++) {
            try (Scope scope = new Scope()) {
              assertThat(scope).isNotNull();
              float[] y = Tensors.floats(Activation.SILU.gate(gate, gate));
              same &= Arrays.equals(y, expected);
            }
          }
          return same;
        });
  }
}
