package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.site.AttentionSite;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which keys the T queries of a stack see. The mask must leave a key. In a causal stack, the key
 * must not come after the query. In a layer with a window, it must be near the query. In a row of
 * several texts, it must be of the query's text.
 *
 * <p>PyTorch's attention is fastest without a bias, so there is one only where it is needed. Texts
 * of one row need none if attention computes each by itself.
 */
final class Visibility implements AutoCloseable {

  private final @Nullable NDArray mask;
  private final boolean causal;
  private final long queries;
  private final long past;
  private final boolean leftPadded;
  private final @Nullable PackedTexts texts;
  private @Nullable NDArray before;
  private final Map<Integer, NDArray> biases = new HashMap<>();
  private @Nullable Boolean isApart;
  private @Nullable NDArray ends;

  /**
   * Creates the visibility of a sequence.
   *
   * @param mask (B, past + T), 1 for keys that are seen, or null; the caller keeps it alive
   * @param queries T
   * @param past number of keys before the queries
   * @param leftPadded whether padding is no distance, so that a row sees what it sees alone
   * @param texts the texts of rows that hold several, or null
   */
  Visibility(
      @Nullable NDArray mask,
      boolean causal,
      long queries,
      long past,
      boolean leftPadded,
      @Nullable PackedTexts texts) {
    this.mask = mask;
    this.causal = causal;
    this.queries = queries;
    this.past = past;
    this.leftPadded = leftPadded;
    this.texts = texts;
  }

  /** The same for the mask and the texts on another device. */
  Visibility of(@Nullable NDArray mask, @Nullable PackedTexts texts) {
    return new Visibility(mask, causal, queries, past, leftPadded, texts);
  }

  private boolean isWithin(int window) {
    return past + queries <= window;
  }

  /** See {@link Pass#window}; a stack that is not causal looks to both sides. */
  AttentionSite.@Nullable Window window(int window) {
    if (!causal || window == Integer.MAX_VALUE) {
      return null;
    }
    NDArray present = before;
    if (present == null) {
      present = Scope.release(before());
      before = present;
    }
    return new AttentionSite.Window(window, present);
  }

  /** See {@link AttentionSite.Window#before}. */
  private NDArray before() {
    if (texts != null) {
      return texts.before();
    }
    return mask != null && leftPadded ? Masks.padding(mask) : Tensors.scalar(0);
  }

  boolean isCausal() {
    return causal;
  }

  /**
   * The texts of rows that hold several, for attention that computes each by itself; null if each
   * row is one text, or if the mask hides more than the padding behind the texts.
   *
   * @param x the hidden states (B, T, D)
   * @param window see {@link Masks#bias}
   */
  AttentionSite.@Nullable Texts texts(NDArray x, int window) {
    if (texts == null || !isApart(texts)) {
      return null;
    }
    int[][] lengths = texts.lengthsWithPadding();
    NDArray present = ends;
    if (present == null) {
      present = Scope.release(AttentionSite.Texts.ends(x.getManager(), lengths));
      ends = present;
    }
    return new AttentionSite.Texts(lengths, present, () -> explicit(x, window));
  }

  private boolean isApart(PackedTexts texts) {
    Boolean known = isApart;
    if (known == null) {
      known = past == 0 && queries == texts.width() && isTokens(mask, texts.tokens());
      isApart = known;
    }
    return known;
  }

  /** Whether a mask hides nothing but the padding behind each row's tokens. */
  private boolean isTokens(@Nullable NDArray mask, long[] tokens) {
    return mask == null
        ? Arrays.stream(tokens).allMatch(n -> n == queries)
        : Arrays.equals(Masks.tokensInFront(mask), tokens);
  }

  /** Whether each query sees all keys. */
  boolean seesAll(int window) {
    return mask == null && texts == null && isWithin(window) && (!causal || queries == 1);
  }

  /** Whether plain causal attention, without a bias, is right for a layer. */
  boolean isPlainlyCausal(int window) {
    return causal && mask == null && texts == null && past == 0 && queries > 1 && isWithin(window);
  }

  /**
   * The bias of a layer, (B or 1, 1, T or 1, S), or null if none is needed.
   *
   * @param x the hidden states (B, T, D)
   * @param window see {@link Masks#bias}
   */
  @Nullable NDArray bias(NDArray x, int window) {
    boolean unmasked = mask == null && texts == null && isWithin(window);
    return unmasked && (!causal || past == 0 || queries == 1) ? null : explicit(x, window);
  }

  /** The same, but all zeros where no bias is needed. */
  NDArray explicit(NDArray x, int window) {
    int key = isWithin(window) ? Integer.MAX_VALUE : window;
    NDArray present = biases.get(key);
    if (present == null) {
      present = make(x, key);
      biases.put(key, present);
    }
    return present;
  }

  private NDArray make(NDArray x, int window) {
    NDArray ofRows = ofRows(x, window);
    if (texts == null) {
      return ofRows;
    }
    try (ofRows) {
      return Scope.release(Masks.apart(ofRows, texts.numbers()));
    }
  }

  /** The bias if each row is one text. A single query comes last, so that no key is behind it. */
  private NDArray ofRows(NDArray x, int window) {
    boolean plain = queries == 1 && window == Integer.MAX_VALUE;
    boolean ordered = causal && !plain;
    if (mask != null) {
      return Scope.release(Masks.bias(x, mask, ordered, window, leftPadded));
    }
    try (NDArray ones = x.getManager().ones(new Shape(1, past + queries))) {
      return Scope.release(Masks.bias(x, ones, ordered, window, false));
    }
  }

  @Override
  public void close() {
    biases.values().forEach(NDArray::close);
    biases.clear();
    if (before != null) {
      before.close();
      before = null;
    }
    if (ends != null) {
      ends.close();
      ends = null;
    }
  }
}
