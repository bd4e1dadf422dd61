package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The entrance of a stack: tokens to vectors, before positions are added. A rewrite may put virtual
 * tokens in front, or shift the positions.
 */
public final class InputSite extends Site<InputSite.Tokens, InputSite.Sequence> {

  private final String stack;
  private final EmbeddingSite embedding;
  private final @Nullable String alias;

  /**
   * Creates a site in front of a token embedding.
   *
   * @param stack the stack's name
   * @param alias the embedding's second name in Hugging Face's model, or null
   */
  public InputSite(
      String name,
      String stack,
      EmbeddingSite embedding,
      @Nullable String alias,
      Forward<NDArray, NDArray> lookup) {
    super(
        name,
        tokens ->
            new Sequence(
                lookup.forward(tokens.ids()), tokens.mask(), tokens.types(), 0, tokens.past(), 0));
    this.stack = stack;
    this.embedding = embedding;
    this.alias = alias;
  }

  /** The name of the stack that the sequence enters. */
  public String stack() {
    return stack;
  }

  /** A layer that puts vectors in front of the sequence. */
  public interface Prepending {
    /** How many. */
    long virtualTokens();
  }

  /**
   * How many vectors the active layers put in front of the sequence.
   *
   * @throws IllegalStateException if they are not as many for all rows of a batch
   */
  public long virtualTokens() {
    Map<List<String>, Long> counts = new LinkedHashMap<>();
    for (List<String> lineup : composition().lineups()) {
      counts.put(
          lineup,
          lineup.stream()
              .map(this::layer)
              .filter(Prepending.class::isInstance)
              .mapToLong(layer -> ((Prepending) layer).virtualTokens())
              .sum());
    }
    if (Set.copyOf(counts.values()).size() > 1) {
      throw new IllegalStateException(
          "sequences of one batch have one length, but the virtual tokens that adapters put in"
              + " front of them are "
              + counts
              + "; take prompts of equal length");
    }
    return counts.values().stream().findFirst().orElse(0L);
  }

  @Override
  public Splitting<Tokens> inputs() {
    return Tokens.ROWS;
  }

  @Override
  public Joining<Sequence> outputs() {
    return Sequence.ROWS;
  }

  /** The token embedding behind this site. */
  public EmbeddingSite embedding() {
    return embedding;
  }

  /**
   * The name that Hugging Face's model has for the embedding at this stack, if several stacks share
   * it under names of their own, or null.
   */
  public @Nullable String alias() {
    return alias;
  }

  /**
   * The tokens of a batch.
   *
   * @param ids (B, T)
   * @param mask (B, all tokens so far, virtual ones not counted), 1 for real ones; null if all are
   * @param types (B, T) segment ids, or null
   * @param past how many positions a cache holds already, virtual ones included
   */
  public record Tokens(NDArray ids, @Nullable NDArray mask, @Nullable NDArray types, long past) {

    private static final Splitting<Tokens> ROWS =
        new Splitting<>() {
          @Override
          public long rows(Tokens tokens) {
            return tokens.ids.getShape().get(0);
          }

          @Override
          public Tokens select(Tokens tokens, Rows rows) {
            ArrayRows arrays = ArrayRows.INSTANCE;
            return new Tokens(
                arrays.select(tokens.ids, rows),
                arrays.selectIfAny(tokens.mask, rows),
                arrays.selectIfAny(tokens.types, rows),
                tokens.past);
          }
        };
  }

  /**
   * A sequence of vectors.
   *
   * @param vectors (B, n + T, d)
   * @param mask (B, past + n + T), or null if every position counts
   * @param types (B, n + T), or null
   * @param virtual n, the number of vectors in front that stand for no token
   * @param past how many positions a cache holds already
   * @param shift by how much positions are counted on, besides
   */
  public record Sequence(
      NDArray vectors,
      @Nullable NDArray mask,
      @Nullable NDArray types,
      long virtual,
      long past,
      long shift) {

    private static final Joining<Sequence> ROWS = new SequenceRows();
    private static final Kernel PREPEND =
        Kernel.of(
            """
            def prepend(x: Tensor, first: Tensor) -> Tensor:   # x (B, T, d), first (n, d)
                shape = [torch.size(x, 0), torch.size(first, 0), torch.size(x, 2)]
                return torch.cat([torch.expand(first.to(x.dtype), shape), x], 1)
            """);
    private static final Kernel PAD =
        Kernel.of(
            """
            def pad(mask: Tensor, first: Tensor) -> Tensor:    # mask (B, T)
                return torch.constant_pad_nd(mask, [torch.size(first, 0), 0], {value})
            """);
    private static final Kernel PAD_ONES = PAD.with("value", 1);
    private static final Kernel PAD_ZEROS = PAD.with("value", 0);

    /**
     * The sequence with virtual tokens in front: attended to by all, of segment 0, without a label.
     * When a cache holds them already, only the mask is widened.
     *
     * @param prompt (n, d)
     */
    public Sequence prepend(NDArray prompt) {
      NDArray widened = mask == null ? null : PAD_ONES.call(mask, prompt);
      if (past > 0) {
        return new Sequence(vectors, widened, types, virtual, past, shift);
      }
      return new Sequence(
          PREPEND.call(vectors, prompt),
          widened,
          types == null ? null : PAD_ZEROS.call(types, prompt),
          virtual + prompt.getShape().get(0),
          past,
          shift);
    }

    /** Position of the first vector. */
    public long start() {
      return past + shift;
    }

    /** The sequence with its positions counted from {@code n} on, as behind a prefix. */
    public Sequence shift(long n) {
      return new Sequence(vectors, mask, types, virtual, past, shift + n);
    }
  }
}
