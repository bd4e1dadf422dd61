package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Attention over rows of several texts, one after the other, each of which sees itself only:
 * softmax(Q Kᵀ · scale) V of each text, merged over heads, (B, H, T, d) → (B, T, H·d). It costs the
 * sum of the squares of the texts' lengths, and not B · T².
 *
 * <p>On CUDA, in 16 bits, all texts are one call of PyTorch's flash attention (Dao 2023,
 * arXiv:2307.08691), if this build and this card have it. Elsewhere each text is a call of
 * scaled_dot_product_attention.
 */
public final class VariableLengthAttention {

  private static final Logger LOG = LoggerFactory.getLogger(VariableLengthAttention.class);

  private static final String ROWS =
      """
      def rows(x: Tensor) -> Tensor:                         # (B, H, T, d) → (B·T, H, d)
          return torch.flatten(torch.transpose(x, 1, 2), 0, 1)
      """;

  /** Heads of keys are repeated, since PyTorch's fused kernels for the CPU do not share them. */
  private static final Kernel EACH =
      Kernel.of(
          ROWS
              + """
              def repeated(x: Tensor) -> Tensor:                 # (B, K, T, d) → (B·T, H, d)
                  y = torch.unsqueeze(rows(x), 2)
                  return torch.flatten(torch.expand(y, [-1, -1, {groups}, -1]), 1, 2)
              def text(x: Tensor) -> Tensor:                     # (n, H, d) → (1, H, n, d)
                  return torch.unsqueeze(torch.transpose(x, 0, 1), 0)
              def near(x: Tensor) -> Tensor:                     # (n, …) → (n, n)
                  places = torch.arange(torch.size(x, 0), dtype=4, layout=None, device=x.device)
                  distance = torch.sub(torch.unsqueeze(places, 1), places)
                  return torch.logical_and(torch.ge(distance, {nearest}), torch.le(distance, {farthest}))
              def attend(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor) -> Tensor:
                  sizes = annotate(List[int], lengths.to(4).tolist())
                  qs = torch.split_with_sizes(rows(q), sizes)
                  ks = torch.split_with_sizes({keys}(k), sizes)
                  vs = torch.split_with_sizes({keys}(v), sizes)
                  outputs = annotate(List[Tensor], [])
                  for i in range(torch.len(sizes)):
                      if sizes[i] > {window}:
                          o = torch.scaled_dot_product_attention(text(qs[i]), text(ks[i]), text(vs[i]), near(qs[i]), {dropout}, False, scale={scale})
                      else:
                          o = torch.scaled_dot_product_attention(text(qs[i]), text(ks[i]), text(vs[i]), None, {dropout}, {causal}, scale={scale})
                      _0 = torch.append(outputs, torch.transpose(torch.squeeze(o, 0), 0, 1))
                  return torch.reshape(torch.cat(outputs), [torch.size(q, 0), torch.size(q, 2), -1])
              """);

  /** All texts in one call. The same text compiles with PyTorch 2.7 and newer. */
  private static final Kernel FLASH =
      Kernel.of(
          ROWS
              + """
              def attend(q: Tensor, k: Tensor, v: Tensor, ends: Tensor, longest: Tensor) -> Tensor:
                  n = int(longest)
                  o, logarithms, state, unused, mask, = torch._flash_attention_forward(rows(q), rows(k), rows(v), ends, ends, n, n, {dropout}, {causal}, False, scale={scale}, window_size_left={left}, window_size_right={right})
                  return torch.reshape(o, [torch.size(q, 0), torch.size(q, 2), -1])
              """);

  /** Whether flash attention works on a device with heads of a size. */
  private static final Map<Heads, Boolean> FLASHES = new ConcurrentHashMap<>();

  private static final int LARGEST_HEAD = 256;

  private record Heads(Device device, long dimension) {}

  private final Kernel each;
  private final Kernel flash;
  private final long dimension;

  /**
   * Creates the kernels.
   *
   * @param groups the number of query heads that share a head of keys and values
   * @param dimension d, the size of one head
   * @param scale factor of the scores; null for 1/√d
   * @param causal whether a query sees no key that comes after it
   * @param window a causal query sees this many keys, itself included; another sees keys up to this
   *     distance on both sides. {@code Integer.MAX_VALUE} for no window
   * @param dropout probability with which a weight is dropped
   */
  public VariableLengthAttention(
      long groups,
      long dimension,
      @Nullable Double scale,
      boolean causal,
      int window,
      double dropout) {
    Object factor = scale == null ? "None" : scale;
    boolean whole = window == Integer.MAX_VALUE;
    int back = causal ? window - 1 : window;
    int ahead = causal ? 0 : window;
    this.dimension = dimension;
    this.each =
        EACH.with("window", window)
            .with("nearest", -ahead)
            .with("farthest", back)
            .with("dropout", dropout)
            .with("causal", causal)
            .with("scale", factor)
            .with("keys", groups == 1 ? "rows" : "repeated")
            .with("groups", groups);
    this.flash =
        FLASH
            .with("left", whole ? "None" : back)
            .with("right", whole ? "None" : ahead)
            .with("dropout", dropout)
            .with("causal", causal)
            .with("scale", factor);
  }

  /**
   * Computes attention.
   *
   * @param q queries (B, H, T, d)
   * @param k keys (B, K, T, d); H is a multiple of K
   * @param v values (B, K, T, d)
   * @param lengths the number of tokens of each text, row by row; their sum is B · T, so padding
   *     belongs to texts, too
   * @param ends (n + 1), int32, on the queries' device: 0 and the sum of the first i lengths for
   *     each i
   */
  public NDArray attend(NDArray q, NDArray k, NDArray v, int[] lengths, NDArray ends) {
    return isFlash(q) ? flash(q, k, v, lengths, ends) : each.call(q, k, v, Tensors.onHost(lengths));
  }

  NDArray flash(NDArray q, NDArray k, NDArray v, int[] lengths, NDArray ends) {
    int longest = Arrays.stream(lengths).max().orElseThrow();
    return flash.call(q, k, v, ends, Tensors.scalar(longest));
  }

  private boolean isFlash(NDArray q) {
    DataType type = q.getDataType(); // of bfloat16, unknown
    return q.getDevice().isGpu()
        && type != DataType.FLOAT32
        && type != DataType.FLOAT64
        && dimension % 8 == 0
        && dimension <= LARGEST_HEAD
        && FLASHES.computeIfAbsent(
            new Heads(q.getDevice(), dimension), VariableLengthAttention::tries);
  }

  /** Compares small texts with the other kernel, and says in the log what packed rows use. */
  private static boolean tries(Heads heads) {
    VariableLengthAttention small =
        new VariableLengthAttention(1, heads.dimension, null, true, Integer.MAX_VALUE, 0);
    int[] lengths = {2, 3};
    try (Scope scope = new Scope();
        NDManager manager = Tensors.newManager(heads.device)) {
      NDArray x = waves(manager, heads.dimension);
      NDArray ends = manager.create(new int[] {0, 2, 5});
      float[] fast = gradient(x, y -> small.flash(y, y, y, lengths, ends));
      float[] slow = gradient(x, y -> small.each.call(y, y, y, Tensors.onHost(lengths)));
      for (int i = 0; i < fast.length; i++) {
        if (!(Math.abs(fast[i] - slow[i]) < 0.1)) { // or not a number
          throw new EngineException("Error: it computes " + fast[i] + " and not " + slow[i]);
        }
      }
      LOG.info("packed rows on {}: PyTorch's flash attention", heads.device);
      return true;
    } catch (EngineException e) {
      LOG.warn(
          "packed rows on {}: attention text by text, since PyTorch's flash attention does not work"
              + " here with heads of size {}: {}",
          heads.device,
          heads.dimension,
          reason(e));
      return false;
    }
  }

  /** Some numbers between -1 and 1 (1, 1, 5, d). */
  static NDArray waves(NDManager manager, long dimension) {
    float[] values = new float[Math.toIntExact(5 * dimension)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i);
    }
    return Tensors.cast(manager.create(values, new Shape(1, 1, 5, dimension)), Precision.BFLOAT16);
  }

  /** The gradient of half the sum of the squares of a function of x. */
  static float[] gradient(NDArray x, UnaryOperator<NDArray> function) {
    NDArray leaf = Autograd.leaf(x);
    Autograd.record(
        true,
        () -> {
          NDArray y = function.apply(leaf);
          Autograd.backward(y, Autograd.detach(y));
          return y;
        });
    return Tensors.floats(Objects.requireNonNull(Autograd.gradient(leaf)));
  }

  /** PyTorch's message without the traces around it. */
  private static String reason(EngineException e) {
    String message = String.valueOf(e.getMessage());
    return message.lines().filter(line -> line.contains("Error: ")).findFirst().orElse(message);
  }
}
