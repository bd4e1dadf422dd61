package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * SM3 (Anil et al. 2019, arXiv:1901.11150), without momentum. Instead of a moment for each entry it
 * keeps one for each row and each column, or for each place along every dimension:
 *
 * <pre>
 * u = min(row, column) + g²      p ← p − lr g / √(u + ε)      p ← p − lr λ p
 * row ← max of u over the row    column ← max of u over the column
 * </pre>
 *
 * <p>A tensor may be some entries of a matrix, see {@link Cover}; then the moments are those of the
 * matrix. The state of a tensor has the names {@code accumulator_0}, {@code accumulator_1}, ….
 */
public final class Sm3 extends GroupedOptimizer {

  /** ε = 1e-8, and no covers. */
  public static final Settings DEFAULT = new Settings(1e-8, tensor -> null);

  private static final String STEP =
      """
      def step(p: Tensor, g: Tensor, u: Tensor, rate: float):
          torch.add_(p, torch.mul(g, torch.rsqrt(torch.add(u, {epsilon}))), alpha=-rate)
          torch.mul_(p, 1.0 - rate * {decay})

      """;
  private static final Kernel ENTRIES =
      Kernel.of(
          STEP
              + """
              def update(p: List[Tensor], g: List[Tensor], places: List[Tensor], rows: List[Tensor], columns: List[Tensor], rate: float) -> Tensor:
                  for i in range(len(p)):
                      at = torch.to(places[i], 4)
                      r = torch.div(at, torch.size(columns[i], 0), rounding_mode="floor")
                      c = torch.remainder(at, torch.size(columns[i], 0))
                      u = torch.minimum(torch.index_select(rows[i], 0, r), torch.index_select(columns[i], 0, c))
                      u = torch.addcmul(u, g[i], g[i])
                      torch.scatter_reduce_(rows[i], 0, r, u, "amax", include_self=True)
                      torch.scatter_reduce_(columns[i], 0, c, u, "amax", include_self=True)
                      step(p[i], g[i], u, rate)
                  return p[0]
              """);
  private static final Kernel DENSE =
      Kernel.of(
          STEP
              + """
              def update(p: List[Tensor], g: List[Tensor], moments: List[Tensor], rate: float) -> Tensor:
                  for i in range(len(p)):
                      u = moments[i * {rank}]
                      for d in range(1, {rank}):
                          u = torch.minimum(u, moments[i * {rank} + d])
                      u = torch.addcmul(u, g[i], g[i])
                      for d in range({rank}):
                          most = u
                          for e in range({rank}):
                              if e != d:
                                  most = torch.amax(most, [e], True)
                          torch.copy_(moments[i * {rank} + d], most)
                      step(p[i], g[i], u, rate)
                  return p[0]
              """);

  private final Settings settings;

  /**
   * The matrix that a tensor holds some entries of.
   *
   * @param places of the entries, counted through the matrix row by row, as 32-bit integers (k)
   * @param rows its number of rows
   * @param columns its number of columns
   */
  public record Cover(NDArray places, long rows, long columns) {}

  /** Which tensors are entries of a matrix. */
  @FunctionalInterface
  public interface Covers {
    /** The matrix of a tensor of k entries, or null for a tensor that is whole. */
    @Nullable Cover of(Trainable tensor);
  }

  /**
   * The optimizer's settings.
   *
   * @param epsilon added below the root, above 0
   * @param covers which tensors are entries of a matrix
   */
  public record Settings(double epsilon, Covers covers) implements Optimizer.Settings {

    /** Checks the values. */
    public Settings {
      if (!(epsilon > 0)) {
        throw new IllegalArgumentException(
            "SM3 has epsilon %s; expected a number above 0".formatted(epsilon));
      }
    }

    @Override
    public Sm3 of(Map<Trainable, ParameterGroup> tensors, double learningRate) {
      return new Sm3(this, tensors, learningRate);
    }

    @Override
    public String toString() {
      return "SM3 with epsilon " + epsilon;
    }
  }

  private Sm3(Settings settings, Map<Trainable, ParameterGroup> tensors, double learningRate) {
    super(
        tensors,
        learningRate,
        tensor -> fresh(tensor, settings.covers().of(tensor)),
        tensor -> settings.covers().of(tensor) != null ? "entries" : rank(tensor),
        null);
    this.settings = settings;
  }

  private static int rank(Trainable tensor) {
    return tensor.value().getShape().dimension();
  }

  private static Map<String, NDArray> fresh(Trainable tensor, @Nullable Cover cover) {
    Map<String, NDArray> slot = new LinkedHashMap<>();
    if (cover != null) {
      slot.put(name(0), zeros(tensor, cover.rows()));
      slot.put(name(1), zeros(tensor, cover.columns()));
      return slot;
    }
    for (int d = 0; d < rank(tensor); d++) {
      long[] shape = new long[rank(tensor)];
      Arrays.fill(shape, 1);
      shape[d] = tensor.value().getShape().get(d);
      slot.put(name(d), zeros(tensor, shape));
    }
    return slot;
  }

  private static String name(int dimension) {
    return "accumulator_" + dimension;
  }

  private static NDArray zeros(Trainable tensor, long... shape) {
    DataType type = tensor.value().getDataType();
    return Scope.release(tensor.value().getManager().zeros(new Shape(shape), type));
  }

  @Override
  BoundUpdate bind(Group group, Members members) {
    NDList values = members.values();
    if (group.kind() instanceof Integer rank) {
      NDList moments = new NDList();
      members.tensors().forEach(tensor -> moments.addAll(moments(tensor).values()));
      Kernel dense = kernel(DENSE.with("rank", rank), group);
      return BoundUpdate.of(dense.bind(values, members.gradients(), moments));
    }
    NDList places =
        list(members.tensors(), t -> Objects.requireNonNull(settings.covers().of(t)).places());
    return BoundUpdate.of(
        kernel(ENTRIES, group)
            .bind(
                values,
                members.gradients(),
                places,
                members.states(name(0)),
                members.states(name(1))));
  }

  private Kernel kernel(Kernel kernel, Group group) {
    return kernel.with("epsilon", settings.epsilon()).with("decay", group.decay());
  }
}
