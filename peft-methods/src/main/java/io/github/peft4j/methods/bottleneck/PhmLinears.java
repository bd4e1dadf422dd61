package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.bottleneck.Affine.Position;
import io.github.peft4j.methods.bottleneck.fields.Phm;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Compacter's maps (Mahabadi et al. 2021, arXiv:2106.04647, section 4): parametrised hypercomplex
 * multiplication
 *
 * <pre>
 * Wᵀ = Σᵢ Aᵢ ⊗ Bᵢ      Aᵢ [p, p], Bᵢ [in / p, out / p] = Sᵢ Tᵢ of rank r, i = 1 … p
 * </pre>
 *
 * <p>where all layers share the Aᵢ, or have their own, and may share the Bᵢ. AdapterHub's {@code
 * methods/modeling.py}: PHMLayer and init_shared_parameters.
 */
final class PhmLinears implements Affine.Source {

  /** The prefix of the keys of shared tensors, which the first layer holds. */
  static final String SHARED = "shared_parameters.";

  private static final Kernel WEIGHT =
      Kernel.of(
          """
          def weight(a: Tensor, b: Tensor) -> Tensor:            # (p, p, p), (p, in / p, out / p)
              p = torch.size(b, 0)
              m = torch.size(b, 1)
              n = torch.size(b, 2)
              h = torch.mm(torch.t(torch.reshape(a, [p, p * p])), torch.reshape(b, [p, m * n]))
              h = torch.permute(torch.reshape(h, [p, p, m, n]), [0, 2, 1, 3])
              return torch.t(torch.reshape(h, [p * m, p * n]))   # (out, in)
          """);
  private static final Kernel PRODUCT =
      Kernel.of(
          """
          def product(s: Tensor, t: Tensor) -> Tensor:           # (p, m, r), (p, r, n) → (p, m, n)
              return torch.bmm(s, t)
          """);
  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(a: Tensor) -> Tensor:
              return torch.clone(a)
          """);
  private static final Kernel NO_BIAS =
      Kernel.of(
          """
          def no_bias(b: Tensor) -> Tensor:                      # (p, in / p, out / p) → (out)
              out = torch.size(b, 0) * torch.size(b, 2)
              return torch.zeros([out], dtype=b.dtype, layout=None, device=b.device)
          """);

  /** p matrices [p, m, n], or two stacks whose products they are. */
  private record Matrices(Trainable first, @Nullable Trainable second) {

    NDArray value() {
      return second == null ? first.value() : PRODUCT.call(first.value(), second.value());
    }

    SharedTensor shared() {
      return second == null
          ? new SharedTensor(List.of(first), context -> COPY.call(first.value()))
          : new SharedTensor(List.of(first, second), context -> value());
    }
  }

  /** One map. */
  private record PhmLinear(
      Function<ForwardContext, NDArray> a,
      Function<ForwardContext, NDArray> b,
      @Nullable Trainable added)
      implements Affine {

    @Override
    public Values of(ForwardContext context, boolean training) {
      NDArray matrices = b.apply(context);
      return new Values(
          WEIGHT.call(a.apply(context), matrices),
          added == null ? NO_BIAS.call(matrices) : added.value());
    }
  }

  private final Phm config;
  private final Initializer initial;
  private final long p;
  private final Map<String, SharedTensor> shared;

  /** The maps of one adapter, in all layers. */
  PhmLinears(Phm config, Initializer initial) {
    this(config, initial, new HashMap<>());
  }

  private PhmLinears(Phm config, Initializer initial, Map<String, SharedTensor> shared) {
    this.config = config;
    this.initial = initial;
    this.p = config.phmDim();
    this.shared = shared;
  }

  @Override
  public Affine.Source at(String site) {
    return new PhmLinears(config, initial.at(site), shared);
  }

  @Override
  public Affine map(
      String module,
      Position side,
      long out,
      long in,
      BiFunction<Long, Long, NDArray> start,
      Declarations layer) {
    divides(in);
    divides(out);
    String rule = config.sharedPhmRule() ? SHARED + "phm_rule" : module + ".phm_rule";
    String parts =
        config.sharedWPhm() ? SHARED + "W_" + side.name().toLowerCase(Locale.ROOT) : module + ".W";
    Function<ForwardContext, NDArray> a =
        matrices(rule, config.sharedPhmRule(), () -> a(rule, layer), layer);
    Function<ForwardContext, NDArray> b =
        matrices(parts, config.sharedWPhm(), () -> b(parts, in / p, out / p, layer), layer);
    return new PhmLinear(
        a, b, config.phmBias() ? layer.trainable(module + ".b", initial.zeros(out)) : null);
  }

  private void divides(long width) {
    if (width % p != 0) {
      throw new IllegalArgumentException(
          "BottleneckConfig: field 'phm_dim' is "
              + p
              + "; expected a divisor of "
              + width
              + ": it has to divide the hidden state and the bottleneck");
    }
  }

  private Function<ForwardContext, NDArray> matrices(
      String key, boolean common, Supplier<Matrices> fresh, Declarations layer) {
    if (common) {
      SharedTensor value = layer.reads(shared.computeIfAbsent(key, k -> fresh.get().shared()));
      return context -> context.value(value);
    }
    Matrices own = fresh.get();
    return run -> own.value();
  }

  /** The Aᵢ, with small initial values. */
  private Matrices a(String key, Declarations layer) {
    return config.factorizedPhmRule()
        ? new Matrices(
            rule(layer, key + "_left", rule(p, p, 1)), rule(layer, key + "_right", rule(p, 1, p)))
        : new Matrices(rule(layer, key, rule(p, p, p)), null);
  }

  private Trainable rule(Declarations layer, String key, NDArray first) {
    return config.learnPhm() ? layer.trainable(key, first) : layer.buffer(key, first);
  }

  private NDArray rule(long... shape) {
    boolean common = config.sharedPhmRule();
    Initializer here = common ? initial.main() : initial;
    return switch (config.phmCInit()) {
      case NORMAL -> here.normal(common ? config.phmInitRange() : 0.01, shape);
      case UNIFORM -> here.uniform(common ? 1 : 0.01, shape);
    };
  }

  /** The Bᵢ. */
  private Matrices b(String key, long m, long n, Declarations layer) {
    long r = config.phmRank();
    return config.factorizedPhmW()
        ? new Matrices(
            layer.trainable(key + "_left", xavier(m, r)),
            layer.trainable(key + "_right", xavier(r, n)))
        : new Matrices(layer.trainable(key, xavier(m, n)), null);
  }

  /**
   * AdapterHub uses Xavier's normal distribution, whatever {@code hypercomplex_nonlinearity} says.
   */
  private NDArray xavier(long m, long n) {
    return initial.normal(Math.sqrt(2.0 / (m + n)), p, m, n);
  }
}
