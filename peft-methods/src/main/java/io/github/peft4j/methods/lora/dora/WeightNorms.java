package io.github.peft4j.methods.lora.dora;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The norms n = ‖W + s B A‖ of all modules of an adapter, and the gains g = m / n that DoRA
 * multiplies outputs with (Liu et al. 2024, arXiv:2402.09353, eq. 5).
 *
 * <p><b>Cost.</b> The norm is a constant in the gradient (section 4.3), so it is a function of
 * tensors that do not change during the forward and backward pass of a batch. This has three
 * consequences:
 *
 * <ul>
 *   <li>B A is never built: n² is a sum of ‖W‖², computed once, and of products of rank r; see
 *       {@link WeightNorm}.
 *   <li>Within a training step, all modules of one shape, rank and scale are computed together,
 *       once. Otherwise a hundred modules would launch as many small kernels, and again where
 *       layers are recomputed. This class does that. A layer calls {@link Member#forget} when a
 *       step begins and ends.
 *   <li>Outside of training, each module caches its norm until A or B is written to ({@link
 *       WeightNorm}).
 * </ul>
 */
public final class WeightNorms {

  private static final Kernel NORMS =
      Kernel.of(
          """
          def norms(w: List[Tensor], square: List[Tensor], a: List[Tensor], b: List[Tensor], m: List[Tensor], into: List[Tensor]) -> Tensor:
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
              all = torch.stack(m)
              inverse = torch.reciprocal(torch.add(all, 1e-30), out=into[2])
              return torch.div(all, n, out=into[1])
          """);

  private final Initializer initial;
  private final Map<Kind, Group> groups = new HashMap<>();

  /**
   * Creates the norms of one adapter.
   *
   * @param initial creates their tensors
   */
  public WeightNorms(Initializer initial) {
    this.initial = initial;
  }

  /** The common properties of a group's modules. */
  private record Kind(Shape weight, long rank, double scale, boolean transposed, Object place) {}

  /** The norm of a linear layer outside of training. */
  WeightNorm ofMap(LinearSite site, Factors factors) {
    return new WeightNorm(
        site.weight(),
        site.isTransposed(),
        factors.scale(),
        initial.at(site.name()),
        factors::a,
        factors::b,
        factors.trainedA().value(),
        factors.trainedB().value());
  }

  /** The norm of an embedding (V, d), treated as a weight (d, V), in and outside of training. */
  WeightNorm ofTable(EmbeddingSite site, double scale, Trainable a, Trainable b) {
    return new WeightNorm(
        site.weight(), true, scale, initial, a::value, b::value, a.value(), b.value());
  }

  /** Adds a linear layer. */
  Member add(LinearSite site, WeightNorm norm, Factors factors, Trainable m) {
    Kind kind =
        new Kind(
            norm.weight().getShape(),
            factors.rank(),
            factors.scale(),
            site.isTransposed(),
            Tensors.place(m.value()));
    Group group = groups.computeIfAbsent(kind, Group::new);
    Member member = new Member(group, norm, factors, m);
    group.members.add(member);
    return member;
  }

  private static void free(@Nullable NDArray array) {
    if (array != null) {
      array.close();
    }
  }

  /** One module's part. */
  static final class Member implements AutoCloseable {

    private final Group group;
    private final WeightNorm norm;
    private final Factors factors;
    private final Trainable m;
    private @Nullable NDArray length;
    private @Nullable NDArray gain;
    private @Nullable NDArray inverse;

    private Member(Group group, WeightNorm norm, Factors factors, Trainable m) {
      this.group = group;
      this.norm = norm;
      this.factors = factors;
      this.m = m;
    }

    /**
     * n = ‖W + s B A‖ (out), without a gradient.
     *
     * @param training whether a training step is in progress
     */
    NDArray norm(boolean training) {
      if (!training) {
        return norm.value();
      }
      group.compute();
      return requireNonNull(length);
    }

    /** g = m / n (out, 1) within a training step, without a gradient. */
    NDArray gain() {
      group.compute();
      return requireNonNull(gain);
    }

    /** 1 / m (out) within a training step, without a gradient; of 0 it is large. */
    NDArray inverse() {
      group.compute();
      return requireNonNull(inverse);
    }

    /** The module's own norm, which has its weight. */
    WeightNorm own() {
      return norm;
    }

    /** Discards the cached results, because a training step begins or ends. */
    void forget() {
      norm.forget();
      group.known = false;
    }

    @Override
    public void close() {
      group.free();
      norm.close();
    }
  }

  /** Modules whose norms and gains are computed together. */
  private static final class Group {

    private final Kernel kernel;
    private final List<Member> members = new ArrayList<>();
    private @Nullable NDArray results;
    private boolean known;

    Group(Kind kind) {
      this.kernel =
          NORMS
              .with("rows", kind.transposed ? "torch.t(stored)" : "stored")
              .with("scale", kind.scale);
    }

    void compute() {
      if (known) {
        return;
      }
      try (Scope scope = new Scope();
          BoundKernel bound =
              kernel.bind(
                  all(member -> member.norm.weight()),
                  all(member -> member.norm.square()),
                  all(member -> member.factors.a()),
                  all(member -> member.factors.b()),
                  all(member -> member.m.value()),
                  into())) {
        Autograd.without(bound::call);
      }
      known = true;
    }

    private NDList all(Function<Member, NDArray> part) {
      return Autograd.without(
          () -> members.stream().map(part).collect(NDList::new, NDList::add, NDList::addAll));
    }

    /** The buffers for the results, three of (M, out). Modules read their parts of them. */
    private NDList into() {
      NDArray all = results;
      if (all == null) {
        NDArray like = members.get(0).m.value();
        Shape shape = new Shape(3, members.size(), like.size());
        all = results = Scope.release(like.getManager().create(shape, like.getDataType()));
        for (int i = 0; i < members.size(); i++) {
          Member member = members.get(i);
          member.length = Scope.release(all.get(0, i));
          try (NDArray row = all.get(1, i)) {
            member.gain = Scope.release(row.reshape(-1, 1));
          }
          member.inverse = Scope.release(all.get(2, i));
        }
      }
      return new NDList(all.get(0), all.get(1), all.get(2));
    }

    void free() {
      for (Member member : members) {
        WeightNorms.free(member.length);
        WeightNorms.free(member.gain);
        WeightNorms.free(member.inverse);
        member.length = null;
        member.gain = null;
        member.inverse = null;
      }
      WeightNorms.free(results);
      results = null;
      known = false;
    }
  }
}
