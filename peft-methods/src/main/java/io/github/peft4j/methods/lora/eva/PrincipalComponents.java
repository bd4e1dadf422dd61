package io.github.peft4j.methods.lora.eva;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.methods.lora.init.RandomizedSvd;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The directions in which rows vary most, computed batch by batch (Ross et al. 2008, "Incremental
 * learning for robust visual tracking", section 2; as in scikit-learn's IncrementalPCA). The
 * previous result enters the next batch's decomposition as k more rows. The decomposition is
 * randomised with a fixed seed, as in Hugging Face PEFT, and gives the same directions.
 */
final class PrincipalComponents implements AutoCloseable {

  private static final String FOUND =
      RandomizedSvd.SOURCE
          + """
          def found(x: Tensor, random: Tensor, mean: Tensor, variance: Tensor, rows: int) -> List[Tensor]:
              u, s, vt = low_rank(x, random)
              most = torch.gather(vt, 1, torch.unsqueeze(torch.argmax(torch.abs(vt), 1), 1))
              rowwise = torch.narrow(torch.mul(vt, torch.sign(most)), 0, 0, {k}).to(7)
              singular = torch.narrow(s, 0, 0, {k}).to(7)
              ratio = torch.div(torch.square(singular), torch.mul(torch.sum(variance), rows))
              return [rowwise, singular, mean, variance, ratio]
          """;
  private static final Kernel FIRST =
      Kernel.of(
          FOUND
              + """
              def first(x: Tensor, random: Tensor) -> List[Tensor]:        # x (N, in)
                  rows = torch.size(x, 0)
                  wide = x.to(7)
                  mean = torch.mean(wide, [0])
                  centred = torch.sub(wide, mean)
                  variance = torch.mean(torch.square(centred), [0])
                  return found(centred.to(6), random, mean, variance, rows)
              """);
  private static final Kernel NEXT =
      Kernel.of(
          FOUND
              + """
              def next(x: Tensor, random: Tensor, before: Tensor, singular: Tensor, mean: Tensor, variance: Tensor, seen: Tensor) -> List[Tensor]:
                  rows = torch.size(x, 0)
                  old = int(seen)
                  all = old + rows
                  wide = x.to(7)
                  here = torch.mean(wide, [0])
                  centred = torch.sub(wide, here)
                  shift = torch.sub(mean, here)
                  between = old * rows / all
                  correction = torch.mul(shift, between ** 0.5)
                  known = torch.mul(torch.reshape(singular, [-1, 1]), before)
                  stacked = torch.cat([known, centred, torch.reshape(correction, [1, -1])], 0)
                  squares = torch.add(torch.sum(torch.square(centred), [0]), torch.mul(torch.square(shift), between))
                  spread = torch.div(torch.add(squares, torch.mul(variance, old)), all)
                  centre = torch.sub(mean, torch.mul(shift, rows / all))
                  now = found(stacked, random, centre, spread, all)
                  return [now[0], now[1], now[2], now[3], now[4], torch.cosine_similarity(now[0], before, 1, 1e-08)]
              """);

  private static final long SEED = 42;

  private final int k;
  private final Kernel first;
  private final Kernel next;
  private @Nullable NDList state;
  private double[] ratio = {};
  private double[] similarity = {};
  private long seen;

  /**
   * Creates the search.
   *
   * @param k the number of directions
   */
  PrincipalComponents(int k) {
    this.k = k;
    this.first = FIRST.with("k", k).with("iterations", 4);
    this.next = NEXT.with("k", k).with("iterations", 4);
  }

  /** Adds rows x (N, in). A batch of fewer than k rows is skipped. */
  void add(NDArray x) {
    long rows = x.getShape().get(0);
    if (rows < k) {
      return;
    }
    NDList before = state;
    try (TorchRandom draws = new TorchRandom(SEED);
        Scope scope = new Scope()) {
      long height = rows + (before == null ? 0 : k + 1);
      long smaller = Math.min(height, x.getShape().get(1));
      NDArray random =
          draws.normal(
              x.getManager(),
              before == null ? Precision.FLOAT32 : Precision.FLOAT64,
              smaller,
              2L * k);
      NDList after =
          Autograd.without(
              () ->
                  before == null
                      ? first.callForAll(x, random)
                      : next.callForAll(
                          x,
                          random,
                          before.get(0),
                          before.get(1),
                          before.get(2),
                          before.get(3),
                          Tensors.scalar(seen)));
      ratio = after.get(4).toDoubleArray();
      similarity = before == null ? new double[k] : after.get(5).toDoubleArray();
      state = new NDList(after.subList(0, 4));
      state.forEach(Scope::release);
      seen += rows;
    }
    if (before != null) {
      before.close();
    }
  }

  /** Whether there are any directions yet. */
  boolean isReady() {
    return state != null;
  }

  /** The fraction of the rows' variance that each direction explains, in descending order (k). */
  double[] explained() {
    return ratio;
  }

  /**
   * Whether the first directions have converged: their cosine similarities to the previous ones are
   * at least tau.
   */
  boolean hasConverged(int directions, double tau) {
    if (state == null) {
      return false;
    }
    for (int i = 0; i < directions; i++) {
      if (similarity[i] < tau) {
        return false;
      }
    }
    return true;
  }

  /**
   * The first directions (count, in), row by row.
   *
   * @param whiten whether each is divided by the square root of its singular value
   */
  float[] directions(int count, boolean whiten) {
    NDList found = Objects.requireNonNull(state, "no batch had " + k + " rows");
    float[] rows = Tensors.floats(found.get(0));
    double[] singular = found.get(1).toDoubleArray();
    int in = rows.length / k;
    float[] chosen = Arrays.copyOf(rows, count * in);
    for (int i = 0; whiten && i < chosen.length; i++) {
      chosen[i] = (float) (chosen[i] / Math.sqrt(singular[i / in]));
    }
    return chosen;
  }

  @Override
  public void close() {
    if (state != null) {
      state.close();
    }
  }
}
