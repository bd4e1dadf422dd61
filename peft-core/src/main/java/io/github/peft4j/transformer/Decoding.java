package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.transformer.block.Opening;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PaddedRows;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import org.jspecify.annotations.Nullable;

/**
 * A batch of texts that are being generated. Keys and values of all tokens so far and an encoder's
 * output are cached.
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
  private final KeyValueCache cache = new KeyValueCache();
  private final Opening opening;
  private final ActiveAdapters adapters;
  private final @Nullable ModelInput source;
  private PaddedRows texts;
  private boolean read;
  private long end;

  Decoding(TransformerModel model, Opening opening, long padId, ActiveAdapters adapters) {
    this.model = model;
    this.adapters = adapters;
    this.opening = opening;
    this.texts = PaddedRows.left(opening.texts(), padId);
    this.source =
        opening.source().isEmpty()
            ? null
            : PaddedRows.right(opening.source(), padId).toModel(model.manager()).released();
  }

  /** The number of texts. */
  public int rows() {
    return opening.texts().size();
  }

  /** The ids that a text starts from: those of its prompt, or those that a decoder starts with. */
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
    try (Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), cache, adapters).leftPadded()) {
      ModelInput written = texts.toModel(model.manager());
      ModelInput input = source == null ? written : source.decoding(written.ids());
      NDArray logits = model.nextOfReplicas(input, pass);
      end = pass.end();
      return scope.keep(logits);
    }
  }

  /** The number of positions that a row has left. */
  public long room(int row) {
    return model.maxPositions() - (end - texts.padding(row));
  }

  /**
   * Appends a token to each text.
   *
   * @param tokens by row
   * @param open by row, whether the text continues; tokens of other texts are ignored
   */
  public void append(long[] tokens, boolean[] open) {
    texts = texts.next(tokens, open);
    read = false;
  }

  @Override
  public void close() {
    if (source != null) {
      source.close();
    }
    cache.close();
  }
}
