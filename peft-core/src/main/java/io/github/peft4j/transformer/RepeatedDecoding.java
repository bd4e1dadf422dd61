package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.PaddedRows;
import io.github.peft4j.transformer.pass.UnrepeatableException;
import io.github.peft4j.tuner.site.ActiveAdapters;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@linkplain RepeatedStep repeated steps} of a generation: one after the other, each with more
 * places for keys and values.
 */
final class RepeatedDecoding implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RepeatedDecoding.class);

  /**
   * The places of the smallest step: attention to more than are written costs little until then.
   */
  private static final long FEWEST_PLACES = 256;

  private final TransformerModel model;
  private final ActiveAdapters adapters;
  private @Nullable RepeatedStep step;
  private boolean refused;

  RepeatedDecoding(TransformerModel model, ActiveAdapters adapters) {
    this.model = model;
    this.adapters = adapters;
  }

  /**
   * Reads the next token of each text.
   *
   * @param cache what has been read, if this did not read it; it is empty once this has taken over
   * @param texts the next tokens, with the mask of all, or null for no padding
   * @param open by row, whether the text goes on; the logits of other rows mean nothing
   * @param virtual the number of virtual tokens that the cache holds in front of texts
   * @param end the position after the last one that has been read
   * @return the logits (B, V), or null if the step cannot be repeated: then the cache holds all
   *     that has been read
   */
  @Nullable NDArray read(
      KeyValueCache cache, PaddedRows texts, boolean[] open, long virtual, long end) {
    RepeatedStep present = step;
    if (present != null && present.hasRoom()) {
      return present.read(texts, open);
    }
    NDArray logits = refused ? null : begin(cache, texts, open, virtual, end);
    if (logits == null) {
      leave(cache);
    }
    return logits;
  }

  /** Begins to {@link #read} tokens, if the present step has room for them. */
  void readAhead(PaddedRows texts) {
    if (step != null) {
      step.readAhead(texts);
    }
  }

  /** Whether a step is in use. */
  boolean isRunning() {
    return step != null;
  }

  /** Takes a larger step, or the first one. */
  private @Nullable NDArray begin(
      KeyValueCache cache, PaddedRows texts, boolean[] open, long virtual, long end) {
    RepeatedStep former = step;
    KeyValueCache read = former == null ? cache : former.cache();
    long places = Math.max(FEWEST_PLACES, Long.highestOneBit(read.length()) * 2);
    if (!model.hasConstantRotations(end + 1, end + places - read.length())) {
      return null;
    }
    RepeatedStep next = model.steps().take(adapters, texts.ids().length, places, virtual);
    boolean done = false;
    try {
      next.load(read, texts);
      NDArray logits = next.read(texts, open);
      done = true;
      replace(former, next, cache);
      return logits;
    } catch (UnrepeatableException e) {
      LOG.debug("tokens are read one step after the other", e);
      refused = true;
      return null;
    } finally {
      if (!done) {
        next.close();
      }
    }
  }

  private void replace(@Nullable RepeatedStep former, RepeatedStep next, KeyValueCache cache) {
    step = next;
    if (former == null) {
      cache.close();
    } else {
      model.steps().give(former);
    }
  }

  /**
   * Gives what has been read back to a cache, whose passes are of any length.
   *
   * @param cache an empty one, or the one that nothing has been taken from
   */
  void leave(KeyValueCache cache) {
    RepeatedStep present = step;
    if (present != null) {
      cache.takeOver(present.cache());
      present.close();
      step = null;
    }
  }

  /**
   * Replaces the rows by copies of rows.
   *
   * @param rows see {@link Decoding#select}
   * @return false if there is no step, so that the cache has to do it
   */
  boolean select(NDArray rows, KeyValueCache cache) {
    RepeatedStep present = step;
    if (present == null) {
      return false;
    }
    if (rows.size() == present.rows()) {
      present.select(rows);
      return true;
    }
    leave(cache);
    return false;
  }

  /** Forgets all that has been read. */
  @Override
  public void close() {
    if (step != null) {
      model.steps().give(step);
      step = null;
    }
  }
}
