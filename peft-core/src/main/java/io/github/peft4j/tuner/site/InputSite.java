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
 * The input of a stack: token ids to vectors, before positions are added. A method may prepend
 * virtual tokens or shift positions.
 */
public final class InputSite extends Site<InputSite.Tokens, InputSite.Sequence> {

  private final String stack;
  private final EmbeddingSite embedding;
  private final @Nullable String alias;
  private final boolean relative;

  /**
   * Creates the site of a token embedding.
   *
   * @param stack the stack's name
   * @param alias see {@link #alias}; or null
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

  /** Whether the stack has relative positions, as T5 has. */
  public boolean isRelative() {
    return relative;
  }

  /** A layer that prepends vectors to the sequence. */
  public interface Prepending {
    /** The number of vectors. */
    long virtualTokens();
  }

  /** A layer that shifts positions. */
  public interface Shifting {
    /** The number that is added to each position. */
    long shift();
  }

  /** The largest number of positions that adapters take from a sequence. */
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
   * The number of vectors that adapters prepend to each sequence.
   *
   * @throws IllegalStateException if the number differs between rows of a batch
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

  /** The token embedding that follows this site. */
  public EmbeddingSite embedding() {
    return embedding;
  }

  /**
   * The embedding's name below this stack in Hugging Face's model, if several stacks share the
   * embedding under different names; null if there is no second name.
   */
  public @Nullable String alias() {
    return alias;
  }

  /**
   * The tokens of a batch.
   *
   * @param ids (B, T)
   * @param mask (B, number of tokens so far without virtual ones), 1 for tokens and 0 for padding;
   *     null without padding
   * @param types (B, T) segment ids, or null
   * @param past number of positions in the cache, virtual ones included
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
   * @param mask (B, past + n + T), 1 for tokens and 0 for padding; null without padding
   * @param types (B, n + T), or null
   * @param virtual n, the number of virtual tokens in front
   * @param past number of positions in the cache
   * @param shift number that is added to positions, in addition to {@code past}
   * @param ahead number that is added to positions of keys but not of queries; 0 unless positions
   *     are relative
   * @param embedded vectors (B, n', d) that are prepended after the embedding, see {@link
   *     #prependEmbedded}; or null
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
     * A copy with virtual tokens in front. All tokens attend to them; they have segment 0 and no
     * label. If the cache holds them already, only the mask is widened.
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

    /** The position of the first vector. */
    public long start() {
      return past + shift;
    }

    /** A copy whose positions are larger by {@code n}, as after a prefix. */
    public Sequence shift(long n) {
      return new Sequence(vectors, mask, types, virtual, past, shift + n, ahead, embedded);
    }

    /**
     * A copy whose positions are larger by {@code n} for keys but not for queries, in a stack with
     * relative positions. AdapterHub's library does so after a prefix.
     */
    public Sequence ahead(long n) {
      return new Sequence(vectors, mask, types, virtual, past, shift, ahead + n, embedded);
    }

    /**
     * A copy with virtual tokens that are prepended after the embedding layer, so they receive no
     * position, segment or norm.
     *
     * @param prompt (n', d)
     */
    public Sequence prependEmbedded(NDArray prompt) {
      NDArray rows = embedded == null ? NONE.call(vectors) : embedded;
      NDArray all = PREPEND.call(rows, prompt);
      return new Sequence(vectors, mask, types, virtual, past, shift, ahead, all);
    }

    /**
     * A copy with the positions that the embedding layer uses: vectors of {@link #prependEmbedded}
     * take none.
     */
    public Sequence embedding() {
      NDArray first = embedded;
      return first == null || past == 0 ? this : shift(-first.getShape().get(1));
    }

    /**
     * The embedded sequence with its virtual tokens in front.
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
