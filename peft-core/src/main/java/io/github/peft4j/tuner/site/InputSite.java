package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
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
public final class InputSite extends Site<InputSite.Tokens, Sequence> {

  private final String stack;
  private final EmbeddingSite embedding;
  private final @Nullable String alias;
  private final boolean relative;
  private final double scale;

  /**
   * Creates the site of a token embedding.
   *
   * @param stack the stack's name
   * @param alias see {@link #alias}; or null
   * @param relative see {@link #isRelative}
   * @param scale see {@link #scale}
   */
  public InputSite(
      String name,
      String stack,
      EmbeddingSite embedding,
      @Nullable String alias,
      boolean relative,
      double scale,
      Computation<NDArray, NDArray> lookup) {
    super(
        name,
        (tokens, context) ->
            Sequence.of(
                lookup.forward(tokens.ids(), context),
                tokens.mask(),
                tokens.types(),
                tokens.past()));
    this.stack = stack;
    this.embedding = embedding;
    this.alias = alias;
    this.relative = relative;
    this.scale = scale;
  }

  /** The name of the stack that the sequence enters. */
  public String stack() {
    return stack;
  }

  /** Whether the stack has relative positions, as T5 has. */
  public boolean isRelative() {
    return relative;
  }

  /**
   * The factor between a row of the embedding's table and the vector that enters the sequence, as
   * in Gemma. A vector that is put in front has no factor any more.
   */
  public double scale() {
    return scale;
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
}
