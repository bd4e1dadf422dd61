package io.github.peft4j.generate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Turns tokens into pieces of text. A token may hold a part of a character only, but a piece has
 * whole characters. A piece never holds the start of a possible stop string.
 *
 * <p>A token's text depends on the tokens before it, for example on whether it starts with a space.
 * It is therefore computed as the difference of two decodings, with and without the token. Both
 * start only a few tokens earlier, so that a token of a long text costs no more than one of a short
 * text.
 */
final class TextStream {

  /** The number of the prompt's tokens that the first decoding starts with. */
  private static final int CONTEXT = 6;

  private static final char REPLACEMENT = '\uFFFD';

  private final Tokenizer tokenizer;
  private final List<String> stops;
  private final Consumer<String> listener;
  private final StringBuilder text = new StringBuilder();
  private long[] ids;
  private int size;
  private int from;
  private int read;
  private int emitted;
  private boolean stopped;

  TextStream(Tokenizer tokenizer, long[] prompt, List<String> stops, Consumer<String> listener) {
    this.tokenizer = tokenizer;
    this.stops = stops;
    this.listener = listener;
    int context = Math.min(CONTEXT, prompt.length);
    this.ids =
        Arrays.copyOf(Arrays.copyOfRange(prompt, prompt.length - context, prompt.length), 64);
    this.size = context;
    this.read = context;
  }

  /** Adds a token. Returns true if the text now ends at a stop string. */
  boolean add(long id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
    return decode(false);
  }

  /**
   * Emits the text that was held back, because no more tokens follow. Returns true if a stop string
   * ends the text.
   */
  boolean finish() {
    if (!stopped && !decode(true)) {
      emit(text.length());
    }
    return stopped;
  }

  /** The text so far; after {@link #finish}, all pieces joined. */
  String text() {
    return text.toString();
  }

  private boolean decode(boolean last) {
    String known = tokenizer.decode(Arrays.copyOfRange(ids, from, read));
    String whole = tokenizer.decode(Arrays.copyOfRange(ids, from, size));
    boolean partial = !whole.isEmpty() && whole.charAt(whole.length() - 1) == REPLACEMENT;
    if (whole.length() > known.length() && (last || !partial)) {
      text.append(whole, known.length(), whole.length());
      from = read;
      read = size;
    }
    int stop = stop();
    if (stop >= 0) {
      stopped = true;
      text.setLength(stop);
      emit(stop);
      return true;
    }
    emit(text.length() - pending());
    return false;
  }

  /** The index of the first stop string, or -1. */
  private int stop() {
    return stops.stream()
        .mapToInt(stop -> text.indexOf(stop, emitted))
        .filter(place -> place >= 0)
        .min()
        .orElse(-1);
  }

  /** The length of the longest end of the text that is the start of a stop string. */
  private int pending() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, text.length() - emitted); n > longest; n--) {
        if (text.substring(text.length() - n).equals(stop.substring(0, n))) {
          longest = n;
        }
      }
    }
    return longest;
  }

  private void emit(int end) {
    if (end > emitted) {
      String piece = text.substring(emitted, end);
      emitted = end;
      listener.accept(piece);
    }
  }
}
