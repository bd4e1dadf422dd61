package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.Splitting;
import io.github.peft4j.tuner.TunerLayer;
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
  private final boolean relative;

  /**
   * Creates a site in front of a token embedding.
   *
   * @param stack the stack's name
   * @param alias the embedding's second name in Hugging Face's model, or null
   * @param relative see {@link #isRelative}
   */
  public InputSite(
      String name,
      String stack,
      EmbeddingSite embedding,
      @Nullable String alias,
      boolean relative,
      Computation<NDArray, NDArray> lookup) {
    super(
        name,
        (tokens, context) ->
            new Sequence(
                lookup.forward(tokens.ids(), context),
                tokens.mask(),
                tokens.types(),
                0,
                tokens.past(),
                0,
                0,
                null));
    this.stack = stack;
    this.embedding = embedding;
    this.alias = alias;
    this.relative = relative;
  }

  /** The name of the stack that the sequence enters. */
  public String stack() {
    return stack;
  }

  /** Whether the stack learns positions as distances between queries and keys, as T5 does. */
  public boolean isRelative() {
    return relative;
  }

  /** A layer that puts vectors in front of the sequence. */
  public interface Prepending {
    /** How many. */
    long virtualTokens();
  }

  /** A layer that counts positions on. */
  public interface Shifting {
    /** By how many. */
    long shift();
  }

  /** How many positions adapters take from a sequence, at most. */
  public long positionsTaken(ActiveAdapters active) {
    return active.lineups(this).stream()
        .mapToLong(lineup -> lineup.stream().mapToLong(InputSite::taken).sum())
        .max()
        .orElse(0);
  }

  private static long taken(TunerLayer<?, ?> layer) {
    return layer instanceof Prepending prompt
        ? prompt.virtualTokens()
        : layer instanceof Shifting prefix ? prefix.shift() : 0;
  }

  /**
   * How many vectors adapters put in front of the sequence.
   *
   * @throws IllegalStateException if they are not as many for all rows of a batch
   */
  public long virtualTokens(ActiveAdapters active) {
    Map<List<String>, Long> counts = new LinkedHashMap<>();
    List<List<String>> names = active.composition().lineups();
    List<List<TunerLayer<Tokens, Sequence>>> lineups = active.lineups(this);
    for (int i = 0; i < names.size(); i++) {
      counts.put(
          names.get(i),
          lineups.get(i).stream()
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
   * @param ahead by how much more those of keys are; 0 but in a stack of relative positions
   * @param embedded vectors (B, n', d) that come in front later, see {@link #prependEmbedded}, or
   *     null
   */
  public record Sequence(
      NDArray vectors,
      @Nullable NDArray mask,
      @Nullable NDArray types,
      long virtual,
      long past,
      long shift,
      long ahead,
      @Nullable NDArray embedded) {

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
    private static final Kernel NONE =
        Kernel.of(
            """
            def none(x: Tensor) -> Tensor:                     # (B, T, d) → (B, 0, d)
                return torch.narrow(x, 1, 0, 0)
            """);
    private static final Kernel JOIN =
        Kernel.of(
            """
            def join(first: Tensor, x: Tensor) -> Tensor:      # (B, n, d), (B, T, d)
                return torch.cat([first.to(x.dtype), x], 1)
            """);
    private static final Kernel PAD_ROWS =
        Kernel.of(
            """
            def pad(mask: Tensor, first: Tensor) -> Tensor:    # mask (B, T), first (B, n, d)
                return torch.constant_pad_nd(mask, [torch.size(first, 1), 0], 1)
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
        return new Sequence(vectors, widened, types, virtual, past, shift, ahead, embedded);
      }
      return new Sequence(
          PREPEND.call(vectors, prompt),
          widened,
          types == null ? null : PAD_ZEROS.call(types, prompt),
          virtual + prompt.getShape().get(0),
          past,
          shift,
          ahead,
          embedded);
    }

    /** Position of the first vector. */
    public long start() {
      return past + shift;
    }

    /** The sequence with its positions counted from {@code n} on, as behind a prefix. */
    public Sequence shift(long n) {
      return new Sequence(vectors, mask, types, virtual, past, shift + n, ahead, embedded);
    }

    /**
     * The sequence with the positions of its keys counted on by {@code n} more than those of its
     * queries, in a stack of relative positions: as AdapterHub's library has it behind a prefix.
     */
    public Sequence ahead(long n) {
      return new Sequence(vectors, mask, types, virtual, past, shift, ahead + n, embedded);
    }

    /**
     * The sequence with virtual tokens that come in front of it when it is embedded: when
     * positions, segments and the embeddings' norm are in it, which they get none of.
     *
     * @param prompt (n', d)
     */
    public Sequence prependEmbedded(NDArray prompt) {
      NDArray rows = embedded == null ? NONE.call(vectors) : embedded;
      NDArray all = PREPEND.call(rows, prompt);
      return new Sequence(vectors, mask, types, virtual, past, shift, ahead, all);
    }

    /** The positions that tokens have while they are embedded: those in front count for none. */
    public Sequence embedding() {
      NDArray first = embedded;
      return first == null || past == 0 ? this : shift(-first.getShape().get(1));
    }

    /**
     * The embedded sequence, with all that comes in front of it.
     *
     * @param x the embedded vectors (B, n + T, d)
     */
    public Sequence embeddedAs(NDArray x) {
      NDArray first = embedded;
      if (first == null) {
        return new Sequence(x, mask, types, virtual, past, shift, ahead, null);
      }
      long n = first.getShape().get(1);
      NDArray widened = mask == null ? null : PAD_ROWS.call(mask, first);
      return past > 0
          ? new Sequence(x, widened, types, virtual, past, shift, ahead, null)
          : new Sequence(
              JOIN.call(first, x), widened, types, virtual + n, past, shift, ahead, null);
    }
  }
}
