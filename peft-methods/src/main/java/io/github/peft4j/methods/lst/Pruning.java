package io.github.peft4j.methods.lst;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.LayerSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.Narrowing;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.StackSite;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Narrower tensors made of a stack's, by leaving out their least important rows and columns (Li et
 * al. 2017, arXiv:1608.08710).
 *
 * <ul>
 *   <li>Hidden dimensions: those whose rows and columns in all maps of the stack have the largest
 *       sum of importances. They are the same in all layers, which add to one stream.
 *   <li>Dimensions of heads: those whose rows of queries, keys and values have the largest sum over
 *       all heads of an attention. All heads keep the same, since they may share norms, positions
 *       and keys.
 *   <li>Dimensions inside of a feed-forward network: those whose rows have the largest sum.
 * </ul>
 *
 * <p>Nothing is computed before the first tensor is asked for.
 */
final class Pruning implements Function<Narrowing.Tensor, NDArray> {

  /** Sums of an importance (out, in) over one dimension. */
  private static final Kernel SUMS =
      Kernel.of(
          """
          def sums(importance: Tensor) -> Tensor:
              return torch.sum(importance, [{over}])
          """);

  private static final Kernel OF_ROWS = SUMS.with("over", 1);
  private static final Kernel OF_COLUMNS = SUMS.with("over", 0);
  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, kept: Tensor) -> Tensor:
              return torch.index_select(x, {dimension}, kept)
          """);
  private static final Kernel ROWS = SELECT.with("dimension", 0);
  private static final Kernel COLUMNS = SELECT.with("dimension", 1);
  private static final Kernel MAGNITUDE =
      Kernel.of(
          """
          def magnitude(weight: Tensor) -> Tensor:
              return torch.abs(weight).to(6)
          """);

  private final StackSite stack;
  private final Sites sites;
  private final int factor;
  private final Function<ParameterSite, NDArray> importance;
  private final @Nullable Pruning encoder;
  private final Map<String, Cut> cuts = new HashMap<>();
  private final Map<String, Kept> heads = new HashMap<>();
  private long @Nullable [] stream;

  /** What is kept of a map (out, in). */
  private record Cut(long[] rows, long[] columns) {}

  /** What is kept of each block of dimensions. */
  private record Kept(long[] dimensions, long block) {

    /** The kept ones of as many blocks as there are in this size. */
    long[] of(long size) {
      return LongStream.range(0, size / block)
          .flatMap(i -> Arrays.stream(dimensions).map(j -> i * block + j))
          .toArray();
    }
  }

  /**
   * Creates a pruning.
   *
   * @param importance of the elements of a weight, 0 or more, of its shape
   * @param encoder of the stack whose output cross-attention reads, or null
   */
  Pruning(
      StackSite stack,
      Sites sites,
      int factor,
      Function<ParameterSite, NDArray> importance,
      @Nullable Pruning encoder) {
    this.stack = stack;
    this.sites = sites;
    this.factor = factor;
    this.importance = importance;
    this.encoder = encoder;
  }

  /** The importance of a weight's elements where nothing is known of the task. */
  static NDArray magnitude(ParameterSite weight) {
    return MAGNITUDE.call(weight.frozen());
  }

  @Override
  public NDArray apply(Narrowing.Tensor tensor) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            return scope.keep(sites.initial().copy(pruned(tensor.counterpart())));
          }
        });
  }

  private NDArray pruned(String name) {
    long[] hidden = stream();
    String module = name.substring(0, name.lastIndexOf('.'));
    NDArray tensor =
        sites.all(ParameterSite.class).stream()
            .filter(site -> site.name().equals(name))
            .findFirst()
            .orElseThrow()
            .frozen();
    Cut cut = cuts.get(module);
    if (cut == null) {
      Kept ofHeads = attention(module).map(site -> heads.get(site.name())).orElse(null);
      return select(ROWS, tensor, ofHeads == null ? hidden : ofHeads.of(tensor.getShape().get(0)));
    }
    if (name.endsWith(".bias")) {
      return select(ROWS, tensor, cut.rows);
    }
    boolean transposed = map(module).isTransposed();
    NDArray rows = select(ROWS, tensor, transposed ? cut.columns : cut.rows);
    return select(COLUMNS, rows, transposed ? cut.rows : cut.columns);
  }

  private static NDArray select(Kernel dimension, NDArray x, long[] kept) {
    return dimension.call(x, x.getManager().create(kept));
  }

  private LinearSite map(String name) {
    return sites.all(LinearSite.class).stream()
        .filter(site -> site.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** The attention that a projection, or a norm of queries or keys, belongs to. */
  private Optional<AttentionSite> attention(String module) {
    return sites.all(AttentionSite.class).stream()
        .filter(site -> module.startsWith(site.name() + "."))
        .findFirst();
  }

  /** The hidden dimensions that are kept. The first call finds out what is kept of all maps. */
  private long[] stream() {
    long[] present = stream;
    if (present == null) {
      double[] scores = new double[Math.toIntExact(stack.dimension())];
      layers().forEach(maps -> maps.forEach(map -> addToStream(scores, map)));
      present = largest(scores, scores.length / factor);
      stream = present;
      layers().forEach(this::cut);
    }
    return present;
  }

  /** The maps of each layer. */
  private List<List<LinearSite>> layers() {
    return sites.all(LayerSite.class).stream()
        .filter(layer -> layer.place().stack().equals(stack.name()))
        .map(
            layer ->
                sites.all(LinearSite.class).stream()
                    .filter(map -> map.name().startsWith(layer.name() + "."))
                    .toList())
        .toList();
  }

  private void addToStream(double[] scores, LinearSite map) {
    if (!readsEncoder(map)) {
      add(scores, writes(map) ? sums(OF_ROWS, map, null) : sums(OF_COLUMNS, map, null));
    }
  }

  /** Whether the map's output is added to the stream. */
  private static boolean writes(LinearSite map) {
    return map.role() == Role.ATTENTION_OUTPUT || map.role() == Role.DOWN;
  }

  private boolean readsEncoder(LinearSite map) {
    return (map.role() == Role.KEY || map.role() == Role.VALUE)
        && attention(map.name()).map(site -> site.place().cross()).orElse(false);
  }

  /**
   * Finds out what is kept of the maps of a layer: those that read the stream, then one that
   * writes.
   */
  private void cut(List<LinearSite> maps) {
    List<LinearSite> reading = new ArrayList<>();
    for (LinearSite map : maps) {
      if (writes(map)) {
        cut(reading, map);
        reading.clear();
      } else {
        reading.add(map);
      }
    }
  }

  private void cut(List<LinearSite> reading, LinearSite writing) {
    AttentionSite attention =
        reading.isEmpty() ? null : attention(reading.get(0).name()).orElse(null);
    long block = attention == null ? writing.inFeatures() : attention.heads().dimension();
    double[] scores = new double[Math.toIntExact(block)];
    reading.forEach(map -> add(scores, sums(OF_ROWS, map, columns(map))));
    Kept kept = new Kept(largest(scores, scores.length / factor), block);
    for (LinearSite map : reading) {
      cuts.put(map.name(), new Cut(kept.of(map.outFeatures()), columns(map)));
    }
    cuts.put(writing.name(), new Cut(stream(), kept.of(writing.inFeatures())));
    if (attention != null) {
      heads.put(attention.name(), kept);
    }
  }

  private long[] columns(LinearSite map) {
    return readsEncoder(map) ? requireNonNull(encoder).stream() : stream();
  }

  /** Adds up blocks. */
  private static void add(double[] scores, float[] more) {
    for (int i = 0; i < more.length; i++) {
      scores[i % scores.length] += more[i];
    }
  }

  private float[] sums(Kernel sums, LinearSite map, long @Nullable [] columns) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            NDArray stored = importance.apply(map.weight());
            NDArray all = map.isTransposed() ? Ops.transpose(stored) : stored;
            return Tensors.floats(sums.call(columns == null ? all : select(COLUMNS, all, columns)));
          }
        });
  }

  /** The places of the k largest scores, in their order. */
  private static long[] largest(double[] scores, int k) {
    return IntStream.range(0, scores.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -scores[i]))
        .limit(k)
        .mapToLong(i -> i)
        .sorted()
        .toArray();
  }
}
