package io.github.peft4j.train.optimizer;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Optimizers compute what slow loops over their formulas compute. */
class OptimizersTest {

  private static final double RATE = 0.05;
  private static final double DECAY = 0.1;
  private static final Offset<Double> CLOSE = Offset.offset(1e-5);

  private final NDManager manager = NDManager.newBaseManager();
  private final Layer layer = new Layer();
  private final Random random = new Random(3);

  /** Two tensors: a matrix, and a vector. */
  private final class Layer extends TunerLayer<NDArray, NDArray> {
    final Trainable matrix = trainable("matrix", values(3, 4));
    final Trainable vector = trainable("vector", values(5));

    private NDArray values(long... shape) {
      return manager.randomNormal(new Shape(shape));
    }

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      return base.forward(x);
    }
  }

  @AfterEach
  void close() {
    manager.close();
  }

  private Map<Trainable, ParameterGroup> groups() {
    Map<Trainable, ParameterGroup> groups = new LinkedHashMap<>();
    layer.trainables().forEach(tensor -> groups.put(tensor, new ParameterGroup(RATE, DECAY)));
    return groups;
  }

  /** Gives a tensor a random gradient. */
  private double[] gradient(Trainable tensor) {
    tensor.clearGradient();
    float[] values = new float[(int) tensor.size()];
    double[] exact = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
      exact[i] = values[i];
    }
    try (NDArray gradient = manager.create(values, tensor.value().getShape())) {
      NDArray copy = Autograd.record(true, () -> tensor.value().mul(1));
      Autograd.backward(copy, gradient);
    }
    return exact;
  }

  private static double[] values(Trainable tensor) {
    float[] floats = Tensors.floats(tensor.value());
    double[] values = new double[floats.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = floats[i];
    }
    return values;
  }

  private static void assertClose(Trainable tensor, double[] expected) {
    double[] values = values(tensor);
    for (int i = 0; i < expected.length; i++) {
      assertThat(values[i]).as("%s [%d]", tensor, i).isCloseTo(expected[i], CLOSE);
    }
  }

  /** The age of one entry is set back, as by a method that grows it. */
  @Test
  void adamWithAgesOfEntries() {
    try (Optimizer optimizer = EntryAdamW.DEFAULT.of(groups(), RATE)) {
      double[] p = values(layer.matrix);
      double[] m = new double[12];
      double[] v = new double[12];
      double[] age = new double[12];
      for (int step = 0; step < 4; step++) {
        double[] g = gradient(layer.matrix);
        if (step == 3) {
          NDArray ages = requireNonNull(optimizer.moments(layer.matrix).get("age"));
          float[] now = ages.toFloatArray();
          now[1] = 1;
          age[1] = 0;
          ages.set(now);
        }
        optimizer.update(RATE);
        for (int i = 0; i < 12; i++) {
          m[i] = 0.9 * m[i] + 0.1 * g[i];
          v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
          age[i]++;
          double root = (Math.sqrt(v[i]) + 1e-8) * (1 - Math.pow(0.9, age[i]));
          p[i] -= RATE * m[i] / (root / Math.sqrt(1 - Math.pow(0.999, age[i])));
          p[i] *= 1 - RATE * DECAY;
        }
        assertClose(layer.matrix, p);
      }
    }
  }

  @Test
  void sm3OfMatricesAndVectors() {
    try (Optimizer optimizer = Sm3.DEFAULT.of(groups(), RATE)) {
      double[] p = values(layer.matrix);
      double[] b = values(layer.vector);
      double[] rows = new double[3];
      double[] columns = new double[4];
      double[] each = new double[5];
      for (int step = 0; step < 3; step++) {
        double[] g = gradient(layer.matrix);
        double[] h = gradient(layer.vector);
        optimizer.update(RATE);
        double[] nextRows = new double[3];
        double[] nextColumns = new double[4];
        for (int i = 0; i < 12; i++) {
          double u = Math.min(rows[i / 4], columns[i % 4]) + g[i] * g[i];
          nextRows[i / 4] = Math.max(nextRows[i / 4], u);
          nextColumns[i % 4] = Math.max(nextColumns[i % 4], u);
          p[i] = (p[i] - RATE * g[i] / Math.sqrt(u + 1e-8)) * (1 - RATE * DECAY);
        }
        rows = nextRows;
        columns = nextColumns;
        for (int i = 0; i < 5; i++) {
          each[i] += h[i] * h[i];
          b[i] = (b[i] - RATE * h[i] / Math.sqrt(each[i] + 1e-8)) * (1 - RATE * DECAY);
        }
        assertClose(layer.matrix, p);
        assertClose(layer.vector, b);
      }
    }
  }

  /** Five entries of a matrix of 3 rows and 4 columns. */
  @Test
  void sm3OfEntriesOfAMatrix() {
    int[] places = {1, 2, 6, 9, 11};
    Sm3.Cover cover = new Sm3.Cover(manager.create(places), 3, 4);
    Sm3.Settings settings = new Sm3.Settings(1e-8, t -> t == layer.vector ? cover : null);
    try (Optimizer optimizer = settings.of(groups(), RATE)) {
      double[] p = values(layer.vector);
      double[] rows = new double[3];
      double[] columns = new double[4];
      for (int step = 0; step < 3; step++) {
        gradient(layer.matrix);
        double[] g = gradient(layer.vector);
        optimizer.update(RATE);
        double[] u = new double[5];
        for (int i = 0; i < 5; i++) {
          u[i] = Math.min(rows[places[i] / 4], columns[places[i] % 4]) + g[i] * g[i];
          p[i] = (p[i] - RATE * g[i] / Math.sqrt(u[i] + 1e-8)) * (1 - RATE * DECAY);
        }
        for (int i = 0; i < 5; i++) {
          rows[places[i] / 4] = Math.max(rows[places[i] / 4], u[i]);
          columns[places[i] % 4] = Math.max(columns[places[i] % 4], u[i]);
        }
        assertClose(layer.vector, p);
      }
      float[] moments =
          requireNonNull(optimizer.moments(layer.vector).get("accumulator_1")).toFloatArray();
      for (int i = 0; i < 4; i++) {
        assertThat((double) moments[i]).isCloseTo(columns[i], CLOSE);
      }
    }
  }

  private static final class Choosing extends TunerLayer<NDArray, NDArray> implements OwnOptimizer {

    private final Optimizer.Settings own;

    Choosing(Optimizer.Settings own) {
      this.own = own;
    }

    @Override
    public Optimizer.Settings optimizer() {
      return own;
    }

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      return base.forward(x);
    }
  }

  @Test
  void anAdapterHasOneOptimizer() {
    Choosing first = new Choosing(Sm3.DEFAULT);
    Choosing second = new Choosing(EntryAdamW.DEFAULT);
    assertThat(OwnOptimizer.of(Stream.of(layer))).isEqualTo(AdamW.DEFAULT);
    assertThat(OwnOptimizer.of(Stream.of(layer, first, first))).isEqualTo(Sm3.DEFAULT);
    assertThatThrownBy(() -> OwnOptimizer.of(List.of(first, second).stream()))
        .hasMessageContaining("optimizers of their own")
        .hasMessageContaining("SM3 with epsilon");
    assertThatThrownBy(() -> new Sm3.Settings(0, t -> null)).hasMessageContaining("epsilon 0.0");
    assertThatThrownBy(() -> new EntryAdamW.Settings(1, 0.9, 1e-8))
        .hasMessageContaining("beta1 1.0");
  }
}
