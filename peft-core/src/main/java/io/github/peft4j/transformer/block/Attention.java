package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.AttentionSite;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Multi-head attention (Vaswani et al. 2017) with grouped queries (Ainslie et al. 2023), rotary
 * positions and a cache, depending on the family: x (B, T, D) → (B, T, D).
 *
 * <p>softmax(Q Kᵀ · scale + bias) V, by PyTorch's scaled_dot_product_attention.
 */
public final class Attention extends NamedBlock {

  private static final Kernel SPLIT_HEADS =
      Kernel.of(
          """
          def split_heads(x: Tensor) -> Tensor:                  # (B, T, H·d) → (B, H, T, d)
              shape = [torch.size(x, 0), torch.size(x, 1), -1, {head}]
              return torch.transpose(torch.reshape(x, shape), 1, 2)
          """);
  private static final String HELPERS =
      """
      def merge_heads(x: Tensor) -> Tensor:                       # (B, H, T, d) → (B, T, H·d)
          y = torch.transpose(x, 1, 2)
          return torch.reshape(y, [torch.size(y, 0), torch.size(y, 1), -1])
      def of_keys(bias: Tensor, k: Tensor) -> Tensor:             # (…, P + S) → (…, S)
          s = torch.size(k, 2)
          return torch.narrow(bias, 3, torch.size(bias, 3) - s, s).to(k.dtype)
      """;
  private static final Kernel ATTEND =
      Kernel.of(
          HELPERS
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                  o = torch.scaled_dot_product_attention(q, k, v, None, {dropout}, {causal}, scale={scale}, enable_gqa={grouped})
                  return merge_heads(o)
              """);
  private static final Kernel ATTEND_BIAS =
      Kernel.of(
          HELPERS
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
                  o = torch.scaled_dot_product_attention(q, k, v, of_keys(bias, k), {dropout}, False, scale={scale}, enable_gqa={grouped})
                  return merge_heads(o)
              """);

  /**
   * Attention without PyTorch's fused kernel. If a query is fully masked, all its scores are the
   * lowest number and its weights are equal. The fused kernel has the same output then, but its
   * backward pass takes each weight as 1.
   */
  private static final Kernel ATTEND_PLAINLY =
      Kernel.of(
          HELPERS
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
                  scores = torch.mul(torch.matmul(q, torch.transpose(k, 2, 3)), {scale})
                  weights = torch.softmax(torch.add(scores, of_keys(bias, k)), -1)
                  return merge_heads(torch.matmul(torch.dropout(weights, {dropout}, True), v))
              """);

  private static final Kernel SPLIT_LAST =
      Kernel.of(
          """
          def split_last(x: Tensor) -> List[Tensor]:             # (…, ΣN) → (…, N) for each N
              return torch.split_with_sizes(x, [{sizes}], -1)
          """);

  /** The sizes of an attention. */
  public record Shape(
      int heads, int keyValueHeads, int headDimension, @Nullable Double scale, double dropout) {}

  /** The kernels for one dropout rate. */
  private static final class Kernels {
    private final Kernel causal;
    private final Kernel all;
    private final Kernel biased;
    private final Kernel blind;

    Kernels(Shape shape, double dropout) {
      Object scale = shape.scale() == null ? "None" : shape.scale();
      boolean grouped = shape.heads() != shape.keyValueHeads();
      Kernel attend = ATTEND.with("scale", scale).with("grouped", grouped).with("dropout", dropout);
      causal = attend.with("causal", true);
      all = attend.with("causal", false);
      biased = ATTEND_BIAS.with("scale", scale).with("grouped", grouped).with("dropout", dropout);
      double factor = shape.scale() == null ? 1 / Math.sqrt(shape.headDimension()) : shape.scale();
      blind = // PyTorch does not fuse grouped queries that have a bias
          grouped ? biased : ATTEND_PLAINLY.with("scale", factor).with("dropout", dropout);
    }

    NDArray attend(AttentionSite.Input in, boolean isBlind) {
      NDArray bias = in.bias();
      if (bias != null) {
        Kernel kernel = isBlind ? blind : biased;
        return kernel.call(in.query(), in.key(), in.value(), bias);
      }
      return (in.causal() ? causal : all).call(in.query(), in.key(), in.value());
    }
  }

  private final @Nullable Linear query;
  private final @Nullable Linear key;
  private final @Nullable Linear value;
  private final @Nullable Linear fused;
  private final Linear output;
  private final @Nullable RotaryEmbedding rotary;
  private final @Nullable Norm queryNorm;
  private final @Nullable Norm keyNorm;
  private final boolean cross;
  private final Kernel splitHeads;
  private final @Nullable Kernel splitFused;
  private final Kernels kernels;
  private final Kernels trainingKernels;
  private final AttentionSite site;

  /**
   * Creates attention from its parts.
   *
   * @param stack the stack's name
   * @param layer index in the stack, from 0
   * @param projections query, key and value projections, or one fused projection
   * @param rotary rotates queries and keys, or null
   * @param norms of queries and keys (Qwen3), or empty
   * @param cross whether keys and values come from the encoder's output
   */
  public Attention(
      String name,
      String stack,
      int layer,
      Shape shape,
      List<Linear> projections,
      Linear output,
      @Nullable RotaryEmbedding rotary,
      List<Norm> norms,
      boolean cross) {
    super(name);
    boolean separate = projections.size() == 3;
    this.query = separate ? part(projections.get(0)) : null;
    this.key = separate ? part(projections.get(1)) : null;
    this.value = separate ? part(projections.get(2)) : null;
    this.fused = separate ? null : part(projections.get(0));
    this.queryNorm = norms.isEmpty() ? null : part(norms.get(0));
    this.keyNorm = norms.isEmpty() ? null : part(norms.get(1));
    this.output = part(output);
    this.rotary = rotary;
    this.cross = cross;
    int head = shape.headDimension();
    this.splitHeads = SPLIT_HEADS.with("head", head);
    this.splitFused =
        separate
            ? null
            : SPLIT_LAST.with(
                "sizes",
                String.format(
                    "%d, %d, %d",
                    shape.heads() * head,
                    shape.keyValueHeads() * head,
                    shape.keyValueHeads() * head));
    this.kernels = new Kernels(shape, 0);
    this.trainingKernels = new Kernels(shape, shape.dropout());
    this.site =
        publish(
            new AttentionSite(
                name,
                new AttentionSite.Place(stack, layer, cross),
                new AttentionSite.Heads(shape.heads(), shape.keyValueHeads(), head),
                this::project,
                this::attend));
  }

  public NDArray forward(NDArray x, Pass pass) {
    return output.forward(
        site.forward(cross ? overMemory(x, pass) : overItself(x, pass), pass), pass);
  }

  private AttentionSite.Input overItself(NDArray x, Pass pass) {
    List<NDArray> projected = project(x, pass);
    NDArray k = turn(projected.get(1), pass);
    NDArray v = projected.get(2);
    KeyValueCache cache = pass.cache();
    if (cache != null) {
      k = cache.append(name() + ".key", k);
      v = cache.append(name() + ".value", v);
    }
    return new AttentionSite.Input(
        x, turn(projected.get(0), pass), k, v, pass.bias(), pass.causal());
  }

  private AttentionSite.Input overMemory(NDArray x, Pass pass) {
    NDArray memory = pass.memory();
    KeyValueCache cache = pass.cache();
    NDArray k =
        cache == null ? key(memory, pass) : cache.once(name() + ".key", () -> key(memory, pass));
    NDArray v =
        cache == null
            ? value(memory, pass)
            : cache.once(name() + ".value", () -> value(memory, pass));
    return new AttentionSite.Input(x, query(x, pass), k, v, pass.memoryBias(), false);
  }

  /** Queries (B, H, T, d), keys and values (B, K, T, d), without positions. */
  private List<NDArray> project(NDArray x, ForwardContext context) {
    if (fused == null || splitFused == null) {
      return List.of(query(x, context), key(x, context), value(x, context));
    }
    List<NDArray> parts = splitFused.callForAll(fused.forward(x, context));
    return List.of(
        normed(splitHeads.call(parts.get(0)), queryNorm, context),
        normed(splitHeads.call(parts.get(1)), keyNorm, context),
        splitHeads.call(parts.get(2)));
  }

  private NDArray query(NDArray x, ForwardContext context) {
    return normed(splitHeads.call(require(query).forward(x, context)), queryNorm, context);
  }

  private NDArray key(NDArray x, ForwardContext context) {
    return normed(splitHeads.call(require(key).forward(x, context)), keyNorm, context);
  }

  private NDArray value(NDArray x, ForwardContext context) {
    return splitHeads.call(require(value).forward(x, context));
  }

  private static NDArray normed(NDArray heads, @Nullable Norm norm, ForwardContext context) {
    return norm == null ? heads : norm.forward(heads, context);
  }

  /** Rotates queries or keys by their positions. */
  private NDArray turn(NDArray x, Pass pass) {
    NDArray cosine = pass.cosine();
    NDArray sine = pass.sine();
    return rotary == null || cosine == null || sine == null ? x : rotary.rotate(x, cosine, sine);
  }

  private NDArray attend(AttentionSite.Input in, ForwardContext context) {
    return (context.isTraining() ? trainingKernels : kernels)
        .attend(in, context.hasFullyMaskedQueries());
  }

  private Linear require(@Nullable Linear projection) {
    if (projection == null) {
      throw new IllegalStateException(name() + " has fused projections");
    }
    return projection;
  }
}
