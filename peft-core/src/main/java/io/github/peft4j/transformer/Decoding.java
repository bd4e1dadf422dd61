package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.transformer.block.Body.Opening;
import io.github.peft4j.transformer.pass.IdRange;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PaddedRows;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A batch of texts that are being generated. Keys and values of all tokens so far and an encoder's
 * output are cached, unless {@link #withoutCache} is called.
 *
 * <pre>{@code
 * try (ModelCall call = model.newCall();
 *     Decoding texts = call.decode(prompts, padId)) {
 *   while (anyIsOpen) {
 *     try (Scope scope = new Scope()) {
 *       texts.append(choose(texts.logits()), open);
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Each row gives the same result as it would alone, except for rounding.
 */
public final class Decoding implements AutoCloseable {

  private final TransformerModel model;
  private @Nullable KeyValueCache cache = new KeyValueCache();
  private final Opening opening;
  private final ActiveAdapters adapters;
  private PaddedRows sourceRows;
  private @Nullable ModelInput source;
  private PaddedRows texts;
  private @Nullable PaddedRows whole; // all tokens, if the cache may have to be computed anew
  private final @Nullable RepeatedDecoding repeated;
  private boolean[] open = {};
  private boolean read;
  private long end;
  private long virtual;

  Decoding(TransformerModel model, Opening opening, long padId, ActiveAdapters adapters) {
    this.model = model;
    this.adapters = adapters;
    this.opening = opening;
    this.texts = PaddedRows.left(opening.texts(), padId);
    this.whole = model.outdates(0, Long.MAX_VALUE) ? texts : null;
    this.sourceRows = PaddedRows.right(opening.source(), padId);
    this.source = opening.source().isEmpty() ? null : read(sourceRows);
    this.repeated =
        source == null && model.steps().areWanted(adapters)
            ? new RepeatedDecoding(model, adapters)
            : null;
    if (adapters.all().stream().anyMatch(TunerLayer::readsWholeTexts)) {
      withoutCache();
    }
  }

  private ModelInput read(PaddedRows rows) {
    return rows.toModel(model.manager()).released();
  }

  /**
   * Reads all tokens anew for each new one, which is slow. Call this before {@link #logits}.
   *
   * @throws IllegalStateException if tokens have been read
   */
  public Decoding withoutCache() {
    if (cache != null) {
      if (end > 0) {
        throw new IllegalStateException("tokens have been read: decide about the cache before");
      }
      cache.close();
      cache = null;
    }
    return this;
  }

  /** The number of texts. */
  public int rows() {
    return texts.ids().length;
  }

  /**
   * The ids that a text starts from: those of its prompt, or those that a decoder starts with.
   *
   * @param row of the batch before {@link #select}
   */
  public long[] opening(int row) {
    return opening.texts().get(row).clone();
  }

  /**
   * Reads the new tokens and computes the logits (B, V) of each row's next token.
   *
   * @throws IllegalStateException if there are no new tokens
   */
  public NDArray logits() {
    if (read) {
      throw new IllegalStateException("there is nothing new to read; append(tokens, open) first");
    }
    read = true;
    forgetIfOutdated();
    NDArray next = repeatedLogits();
    if (next != null) {
      end++;
      return next;
    }
    try (Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), cache, adapters).leftPadded()) {
      ModelInput input =
          source == null
              ? texts.toModel(model.manager())
              : source.decoding(model.manager(), texts.ids());
      NDArray logits = model.nextOfReplicas(input, pass);
      if (end == 0 && cache != null) {
        virtual = cache.length() - input.ids().getShape().get(1);
      }
      end = pass.end();
      return scope.keep(logits);
    }
  }

  /** The same by a step that is repeated, or null if the tokens cannot be read so. */
  private @Nullable NDArray repeatedLogits() {
    boolean begun = end > 0 && texts.ids()[0].length == 1;
    return repeated == null || cache == null || !begun
        ? null
        : repeated.read(cache, texts, open, virtual, end);
  }

  /**
   * Says which tokens are going to be {@linkplain #append appended}. A GPU may begin to read them
   * while the host finds out which texts go on after them. Calling this is never necessary.
   *
   * @param tokens by row
   * @param open by row, whether the text was open before its token
   */
  public void readAhead(long[] tokens, boolean[] open) {
    if (repeated != null && read && end < model.maxPositions()) {
      requireKnown(tokens, open);
      repeated.readAhead(texts.next(tokens, open));
    }
  }

  /**
   * Drops a cache whose keys are wrong for the longer text, so that all tokens are read anew. This
   * happens once in a text, where LongRoPE changes its factors.
   */
  private void forgetIfOutdated() {
    if (cache != null && whole != null && end > 0 && model.outdates(end, end + 1)) {
      cache.close();
      if (repeated != null) {
        repeated.close();
      }
      texts = whole;
    }
  }

  /**
   * Whether the last tokens were read by a step that is the same each time, so that a GPU can
   * replay it. The system property {@code peft4j.repeatedSteps} says where steps are repeated:
   * {@code true} on all devices, {@code false} on none; by default on NVIDIA's GPUs, where they are
   * recorded.
   */
  public boolean isRepeated() {
    return repeated != null && repeated.isRunning();
  }

  /** The number of positions that a row has left. */
  public long room(int row) {
    return model.maxPositions() - (end - texts.padding(row));
  }

  /**
   * Replaces the rows of the batch by copies of its rows. Beam search continues a text in several
   * ways like this.
   *
   * @param rows by new row, the row that it copies
   */
  public void select(int[] rows) {
    if (PaddedRows.isIdentity(rows, rows())) {
      return;
    }
    try (Scope scope = new Scope()) {
      ModelInput old = source;
      boolean otherSource = old != null && !sourceRows.equalsSelection(rows);
      if (cache != null) {
        NDArray index = model.manager().create(Arrays.stream(rows).asLongStream().toArray());
        if (repeated == null || !repeated.select(index, cache)) {
          cache.reorder(index, otherSource);
        }
      }
      if (old != null && otherSource) {
        old.close();
        sourceRows = sourceRows.select(rows);
        source = read(sourceRows);
      }
      texts = texts.select(rows);
      if (whole != null) {
        whole = whole.select(rows);
      }
    }
  }

  /**
   * Appends a token to each text.
   *
   * @param tokens by row
   * @param open by row, whether the text continues; tokens of other texts are ignored
   * @throws IllegalArgumentException if a token is not in the vocabulary
   */
  public void append(long[] tokens, boolean[] open) {
    requireKnown(tokens, open);
    texts = cache == null ? texts.longer(tokens, open) : texts.next(tokens, open);
    if (whole != null) {
      whole = whole.longer(tokens, open);
    }
    this.open = open.clone();
    read = false;
  }

  private void requireKnown(long[] tokens, boolean[] open) {
    long[][] read = new long[tokens.length][];
    for (int row = 0; row < read.length; row++) {
      read[row] = open[row] ? new long[] {tokens[row]} : new long[0];
    }
    IdRange.require("tokens", read, "vocab_size", model.config());
  }

  @Override
  public void close() {
    if (source != null) {
      source.close();
    }
    if (repeated != null) {
      repeated.close();
    }
    if (cache != null) {
      cache.close();
    }
  }
}
