package io.github.peft4j.methods.lora;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.tuner.Trainable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The lengths n = ‖W + s B A‖ and gains m / n of those modules of an adapter that have their shapes
 * and scale in common, computed together once a training run of a batch, in which nothing of them
 * changes: a hundred modules would launch as many small kernels otherwise, and again where layers
 * are recomputed.
 */
final class Lengths {

  private static final Kernel LENGTHS =
      Kernel.of(
          """
          def lengths(w: List[Tensor], square: List[Tensor], a: List[Tensor], b: List[Tensor], m: List[Tensor], into: List[Tensor]) -> Tensor:
              down = torch.stack(a)                                        # (M, r, in)
              up = torch.stack(b)                                          # (M, out, r)
              low = torch.unbind(down.to(w[0].dtype))
              products = annotate(List[Tensor], [])
              for i in range(torch.len(w)):
                  stored = w[i]
                  _0 = torch.append(products, torch.mm({rows}, torch.t(low[i])))
              product = torch.stack(products).to(up.dtype)                 # W Aᵀ (M, out, r)
              own = torch.bmm(down, torch.transpose(down, 1, 2))           # A Aᵀ (M, r, r)
              sum = torch.baddbmm(product, up, own, beta=2, alpha={scale})
              change = torch.sum(torch.mul(sum, up), [2])                  # (M, out)
              total = torch.add(torch.stack(square), change, alpha={scale})
              n = torch.sqrt(torch.clamp_min(total, 1e-24), out=into[0])
              return torch.div(torch.stack(m), n, out=into[1])
          """);

  /** A row of length 0, whose sum is 0, has a gradient of 0. */
  private static final Kernel ADD_GRADIENTS =
      Kernel.of(
          """
          def add_gradients(sums: List[Tensor], m: List[Tensor], gradients: List[Tensor]) -> Tensor:
              torch._foreach_addcdiv_(gradients, sums, torch._foreach_add(m, 1e-30))
              return sums[0]
          """);

  private final Kernel kernel;
  private final List<Module> modules = new ArrayList<>();
  private final Runnable sendGradients = this::sendGradients;
  private @Nullable NDArray lengths;
  private @Nullable NDArray gains;
  private boolean known;

  private Lengths(Kind kind) {
    this.kernel =
        LENGTHS
            .with("rows", kind.transposed ? "torch.t(stored)" : "stored")
            .with("scale", kind.scale);
  }

  /** What modules have in common. */
  private record Kind(Shape weight, long rank, double scale, boolean transposed) {}

  /** The modules of an adapter, by what they have in common. */
  static final class Groups {

    private final Map<Kind, Lengths> groups = new HashMap<>();

    /** Takes a module in. */
    Module add(Magnitude magnitude, Factors factors, boolean transposed, Trainable m) {
      Kind kind =
          new Kind(magnitude.weight().getShape(), factors.rank(), factors.scale(), transposed);
      Lengths group = groups.computeIfAbsent(kind, Lengths::new);
      return group.new Module(magnitude, factors, m);
    }
  }

  /** One module's part. */
  final class Module implements AutoCloseable {

    private final Magnitude magnitude;
    private final Factors factors;
    private final Trainable m;
    private @Nullable NDArray length;
    private @Nullable NDArray gain;
    private @Nullable NDArray sum;

    private Module(Magnitude magnitude, Factors factors, Trainable m) {
      this.magnitude = magnitude;
      this.factors = factors;
      this.m = m;
      modules.add(this);
    }

    /** n = ‖W + s B A‖ (out), without a gradient. */
    NDArray length() {
      compute();
      return requireNonNull(length);
    }

    /** g = m / n (out, 1), without a gradient. */
    NDArray gain() {
      compute();
      return requireNonNull(gain);
    }

    /**
     * Adds to the gradient of m what an output has to do with it, when the tape's way back is done.
     * To be called while it runs.
     *
     * @param more Σ ∂L/∂y ∘ (m / n ∘ z) over the rows of an output y (out)
     */
    void addGradient(NDArray more) {
      NDArray present = sum;
      sum = Scope.release(present == null ? more : present.add(more));
      Lengths.free(present);
    }

    /** Asks the tape for the way of these gradients into those of m. */
    void expectGradient(Tape tape) {
      tape.afterwards(sendGradients);
    }

    /** Says that a run begins or ends, so that what was computed holds no longer. */
    void forget() {
      known = false;
      Lengths.free(sum); // of a run that failed
      sum = null;
    }

    @Override
    public void close() {
      free();
    }
  }

  private void compute() {
    if (known) {
      return;
    }
    try (Scope scope = new Scope();
        BoundKernel bound =
            kernel.bind(
                all(module -> module.magnitude.weight()),
                all(module -> module.magnitude.square()),
                all(module -> module.factors.a()),
                all(module -> module.factors.b()),
                all(module -> module.m.value()),
                into())) {
      Autograd.without(bound::call);
    }
    known = true;
  }

  private NDList all(Function<Module, NDArray> part) {
    return Autograd.without(
        () -> modules.stream().map(part).collect(NDList::new, NDList::add, NDList::addAll));
  }

  /** Where the results go: modules read their parts of it. */
  private NDList into() {
    NDArray n = lengths;
    NDArray g = gains;
    if (n == null || g == null) {
      NDArray like = modules.get(0).m.value();
      Shape shape = new Shape(modules.size(), like.size());
      n = lengths = Scope.release(like.getManager().create(shape, like.getDataType()));
      g = gains = Scope.release(like.getManager().create(shape, like.getDataType()));
      for (int i = 0; i < modules.size(); i++) {
        modules.get(i).length = Scope.release(n.get(i));
        try (NDArray row = g.get(i)) {
          modules.get(i).gain = Scope.release(row.reshape(-1, 1));
        }
      }
    }
    return new NDList(n, g);
  }

  private void sendGradients() {
    try (Scope scope = new Scope()) {
      NDList sums = new NDList();
      NDList values = new NDList();
      NDList gradients = new NDList();
      for (Module module : modules) {
        NDArray sum = module.sum;
        if (sum != null) {
          sums.add(sum);
          values.add(module.m.value());
          gradients.add(collected(module.m.value()));
          module.sum = null;
        }
      }
      if (!sums.isEmpty()) {
        try (BoundKernel bound = ADD_GRADIENTS.bind(sums, values, gradients)) {
          Autograd.without(bound::call);
        }
        sums.close();
      }
    }
  }

  private static NDArray collected(NDArray m) {
    NDArray gradient = Autograd.gradient(m);
    if (gradient == null) {
      Autograd.backward(m, m.zerosLike());
      gradient = requireNonNull(Autograd.gradient(m));
    }
    return gradient;
  }

  private void free() {
    for (Module module : modules) {
      free(module.length);
      free(module.gain);
      module.length = null;
      module.gain = null;
    }
    free(lengths);
    free(gains);
    lengths = null;
    gains = null;
    known = false;
  }

  private static void free(@Nullable NDArray array) {
    if (array != null) {
      array.close();
    }
  }
}
