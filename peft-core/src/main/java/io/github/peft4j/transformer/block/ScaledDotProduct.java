package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.VariableLengthAttention;
import io.github.peft4j.transformer.cuda.StepAttentionText;
import io.github.peft4j.tuner.site.AttentionSite;
import java.util.function.UnaryOperator;

/**
 * softmax(Q Kᵀ · scale + bias) V, merged over heads: (B, H, T, d) → (B, T, H·d). PyTorch's
 * scaled_dot_product_attention computes it, except for capped scores and fully masked queries.
 */
final class ScaledDotProduct {

  private static final String HELPERS =
      """
      def merge_heads(x: Tensor) -> Tensor:                       # (B, H, T, d) → (B, T, H·d)
          y = torch.transpose(x, 1, 2)
          return torch.reshape(y, [torch.size(y, 0), torch.size(y, 1), -1])
      def of_keys(bias: Tensor, k: Tensor) -> Tensor:             # (…, P + S) → (…, S)
          s = torch.size(k, 2)
          return torch.narrow(bias, 3, torch.size(bias, 3) - s, s).to(k.dtype)
      """;

  /**
   * The one query of each head, as in decoding: the G queries that share a key-value head are the
   * queries of one head, so that keys and values are not copied G times: (B, K·G, 1, d) → (B, K, G,
   * d). Attention's result (B, K, G, d) is then merged by its shape alone.
   */
  private static final String FOLD =
      """
      def is_folded(q: Tensor) -> bool:
          return {fold} and torch.size(q, 2) == 1
      def fold(q: Tensor, k: Tensor) -> Tensor:
          return torch.reshape(q, [torch.size(q, 0), torch.size(k, 1), -1, torch.size(q, 3)])
      def merge_folded(x: Tensor) -> Tensor:                      # (B, K, G, d) → (B, 1, H·d)
          return torch.reshape(x, [torch.size(x, 0), 1, -1])
      """;

  private static final Kernel FUSED =
      Kernel.of(
          HELPERS
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                  o = torch.scaled_dot_product_attention(q, k, v, None, {dropout}, True, scale={scale}, enable_gqa={grouped})
                  return merge_heads(o)
              """);
  private static final Kernel FUSED_ALL =
      Kernel.of(
          HELPERS
              + FOLD
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                  if is_folded(q):
                      o = torch.scaled_dot_product_attention(fold(q, k), k, v, None, {dropout}, False, scale={scale})
                      y = merge_folded(o)
                  else:
                      o = torch.scaled_dot_product_attention(q, k, v, None, {dropout}, False, scale={scale}, enable_gqa={grouped})
                      y = merge_heads(o)
                  return y
              """);
  private static final Kernel FUSED_BIAS =
      Kernel.of(
          HELPERS
              + FOLD
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
                  mask = of_keys(bias, k)
                  if is_folded(q) and torch.size(mask, 1) == 1:
                      o = torch.scaled_dot_product_attention(fold(q, k), k, v, mask, {dropout}, False, scale={scale})
                      y = merge_folded(o)
                  else:
                      o = torch.scaled_dot_product_attention(q, k, v, mask, {dropout}, False, scale={scale}, enable_gqa={grouped})
                      y = merge_heads(o)
                  return y
              """);

  /**
   * Attention without PyTorch's fused kernel, which cannot cap scores. It is also right if a query
   * is fully masked: all its scores are the lowest number and its weights are equal. The fused
   * kernel has the same output then, but its backward pass takes each weight as 1.
   */
  private static final Kernel PLAIN =
      Kernel.of(
          HELPERS
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
                  keys = torch.repeat_interleave(k, {groups}, 1)
                  values = torch.repeat_interleave(v, {groups}, 1)
                  scores = torch.mul(torch.matmul(q, torch.transpose(keys, 2, 3)), {scale})
                  weights = torch.softmax(torch.add({scores}, of_keys(bias, k)), -1)
                  return merge_heads(torch.matmul(torch.dropout(weights, {dropout}, True), values))
              """);

  private static final String CAPPED = "torch.mul(torch.tanh(torch.div(scores, {cap})), {cap})";

  private final AttentionSite.Heads heads;
  private final double factor;
  private final Kernel causal;
  private final Kernel all;
  private final Kernel biased;
  private final Kernel blind;
  private final VariableLengthAttention causalTexts;
  private final VariableLengthAttention allTexts;

  /**
   * Creates the kernels.
   *
   * @param scores how scores are computed
   * @param dropout probability with which a weight is dropped
   */
  ScaledDotProduct(AttentionSite.Heads heads, Attention.Scores scores, double dropout) {
    Double scale = scores.scale();
    Double cap = scores.cap();
    boolean grouped = heads.queries() != heads.keyValues();
    Object given = scale == null ? "None" : scale;
    this.heads = heads;
    this.factor = scale == null ? 1 / Math.sqrt((double) heads.dimension()) : scale;
    Kernel plain =
        PLAIN
            .with("scores", cap == null ? "scores" : CAPPED.replace("{cap}", cap.toString()))
            .with("groups", heads.queries() / heads.keyValues())
            .with("scale", factor)
            .with("dropout", dropout);
    UnaryOperator<Kernel> bound =
        kernel -> kernel.with("scale", given).with("grouped", grouped).with("dropout", dropout);
    Kernel fusedBias = bound.apply(FUSED_BIAS);
    causal = bound.apply(FUSED);
    all = bound.apply(FUSED_ALL).with("fold", grouped);
    biased = cap == null ? fusedBias.with("fold", grouped) : plain;
    // PyTorch does not fuse grouped queries that have a bias, if they are not folded
    blind = cap == null && grouped ? fusedBias.with("fold", false) : plain;
    causalTexts = texts(heads, scores, true, dropout);
    allTexts = texts(heads, scores, false, dropout);
  }

  /**
   * The function {@code attend(q, k, v)} in TorchScript, for kernels that do more. Each query sees
   * all keys, and scores have no cap.
   */
  String text() {
    return all.source();
  }

  /** The function {@code attend(q, k, v, bias)} in TorchScript, otherwise like {@link #text}. */
  String biasedText() {
    return biased.source();
  }

  /**
   * The kernel of a repeated step's attention with its CUDA text.
   *
   * @param isRotated whether queries and keys are rotated
   */
  Kernel inCuda(Kernel step, boolean isRotated) {
    return step.cuda(
        StepAttentionText.of(
            heads.queries(), heads.keyValues(), heads.dimension(), factor, isRotated));
  }

  private static VariableLengthAttention texts(
      AttentionSite.Heads heads, Attention.Scores scores, boolean causal, double dropout) {
    return new VariableLengthAttention(
        heads.queries() / heads.keyValues(),
        heads.dimension(),
        scores.scale(),
        causal,
        scores.window(),
        dropout);
  }

  /**
   * Computes attention.
   *
   * @param in the input; with capped scores it has a bias
   * @param isBlind whether queries may be fully masked
   */
  NDArray attend(AttentionSite.Input in, boolean isBlind) {
    AttentionSite.Texts texts = in.texts();
    if (texts != null) {
      VariableLengthAttention each = in.causal() ? causalTexts : allTexts;
      return each.attend(in.query(), in.key(), in.value(), texts.inOrder(), texts.ends());
    }
    NDArray bias = in.bias();
    if (bias != null) {
      Kernel kernel = isBlind ? blind : biased;
      return kernel.call(in.query(), in.key(), in.value(), bias);
    }
    return (in.causal() ? causal : all).call(in.query(), in.key(), in.value());
  }
}
