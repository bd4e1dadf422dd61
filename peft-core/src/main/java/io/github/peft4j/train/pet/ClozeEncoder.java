package io.github.peft4j.train.pet;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Texts in a pattern as ids. Labels stand at the masks: the class of the text. Texts that are too
 * long lose tokens at their end, those of the longer segment first, as in the authors' code.
 */
final class ClozeEncoder {

  private final Pattern pattern;
  private final Words words;
  private final int masks;
  private final int maxLength;
  private final long mask;
  private final boolean writes;
  private final Encoding frame;

  /**
   * Creates an encoder.
   *
   * @param masks the number of masks of the gap
   * @param maxLength the most ids of a text
   * @throws IllegalArgumentException if the model cannot fill the gap
   */
  ClozeEncoder(Pattern pattern, Words words, Task task, int masks, int maxLength) {
    Tokenizer tokenizer = words.tokenizer();
    this.pattern = pattern;
    this.words = words;
    this.masks = masks;
    this.maxLength = maxLength;
    this.writes = task.type() == Task.Type.CAUSAL_LM;
    this.mask = writes ? tokenizer.padId() : mask(tokenizer, task);
    this.frame = tokenizer.input("a", pattern.segments().size() > 1 ? "a" : null);
    if (writes && !pattern.endsWithMask()) {
      throw new IllegalArgumentException(
          "a model for CAUSAL_LM writes what follows a text: expected {mask} at the end of the pattern, but it is '%s'"
              .formatted(pattern));
    }
  }

  private static long mask(Tokenizer tokenizer, Task task) {
    if (task.type() != Task.Type.MASKED_LM) {
      throw new IllegalArgumentException(
          "a model for %s fills no gaps: load it with Task.maskedLm() or Task.causalLm()"
              .formatted(task.type()));
    }
    return tokenizer
        .maskId()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "the tokenizer has no mask_token; take the tokenizer of the model"));
  }

  /**
   * A text in the pattern.
   *
   * @param label the class, from 0, which stands at each mask
   * @throws DataException if there is no room for the pattern, or a pair is missing
   */
  EncodedExample encode(PetText text, long label) {
    if (pattern.hasPair() && text.pair() == null) {
      throw new DataException(
          "pattern '%s' is for pairs of texts, but the example is one text".formatted(pattern));
    }
    List<List<Piece>> segments = new ArrayList<>();
    for (List<Pattern.Part> parts : pattern.segments()) {
      segments.add(parts.stream().map(part -> piece(part, text)).toList());
    }
    int cut = cut(segments);
    List<Long> ids = new ArrayList<>();
    List<Long> types = new ArrayList<>();
    List<Long> labels = new ArrayList<>();
    int written = 0;
    for (int i = 0; i < frame.ids().length; i++) {
      if (frame.specialTokenMask()[i] != 0) {
        add(frame.ids()[i], frame.typeIds()[i], EncodedExample.IGNORED, ids, types, labels);
      } else if (frame.sequenceIds()[i] == written && written < segments.size()) {
        for (Piece piece : segments.get(written++)) {
          long at = piece.masked ? label : EncodedExample.IGNORED;
          for (long id : piece.ids) {
            add(id, frame.typeIds()[i], at, ids, types, labels);
          }
        }
      }
    }
    int length = writes ? labels.lastIndexOf(label) + 1 : ids.size(); // nothing is read after it
    return new EncodedExample(
            array(ids, length),
            array(types, length),
            array(labels, length),
            EncodedExample.Alignment.TOKEN)
        .cutBy(cut, 0);
  }

  private static void add(
      long id, long type, long label, List<Long> ids, List<Long> types, List<Long> labels) {
    ids.add(id);
    types.add(type);
    labels.add(label);
  }

  private static long[] array(List<Long> values, int length) {
    return values.subList(0, length).stream().mapToLong(Long::longValue).toArray();
  }

  /**
   * The same text as masked language modelling reads it: labels say which word each token is, see
   * {@code Encoder.masked}. Special tokens and the pattern's own masks are no words.
   */
  EncodedExample maskable(PetText text) {
    EncodedExample cloze = encode(text, 0);
    long[] special =
        words.tokenizer().specialTokens().values().stream()
            .flatMapToLong(token -> LongStream.of(words.tokenizer().encode(token, false)))
            .toArray();
    long[] tokens = new long[cloze.length()];
    for (int i = 0; i < tokens.length; i++) {
      long id = cloze.inputIds()[i];
      boolean plain = Arrays.stream(special).noneMatch(other -> other == id);
      tokens[i] = plain ? i : EncodedExample.IGNORED;
    }
    return new EncodedExample(
        cloze.inputIds(), cloze.tokenTypeIds(), tokens, EncodedExample.Alignment.TOKEN);
  }

  /** A part of a text: its ids, of which the last may be cut. */
  private static final class Piece {
    long[] ids;
    final boolean shortens;
    final boolean masked;

    Piece(long[] ids, boolean shortens, boolean masked) {
      this.ids = ids;
      this.shortens = shortens;
      this.masked = masked;
    }
  }

  private Piece piece(Pattern.Part part, PetText text) {
    return switch (part.slot()) {
      case WORDS -> new Piece(words.encode(part.words()), false, false);
      case TEXT -> new Piece(words.encode(text.text()), true, false);
      case PAIR -> new Piece(words.encode(String.valueOf(text.pair())), true, false);
      case MASK -> new Piece(LongStream.generate(() -> mask).limit(masks).toArray(), false, true);
    };
  }

  /** Cuts texts until all fits. */
  private int cut(List<List<Piece>> segments) {
    int specials = (int) Arrays.stream(frame.specialTokenMask()).filter(s -> s != 0).count();
    int length = segments.stream().flatMap(List::stream).mapToInt(piece -> piece.ids.length).sum();
    int cut = Math.max(0, length + specials - maxLength);
    int spare = segments.stream().mapToInt(ClozeEncoder::spare).sum();
    if (cut > spare) {
      throw new DataException(
          "pattern '%s' has %d tokens without the text, but there is room for %d: shorten the pattern, or raise maxLength"
              .formatted(pattern, length + specials - spare, maxLength));
    }
    for (int i = 0; i < cut; i++) {
      boolean first = segments.size() == 1 || spare(segments.get(0)) > spare(segments.get(1));
      List<Piece> longer = segments.get(first ? 0 : 1);
      removeLast(spare(longer) > 0 ? longer : segments.get(first ? 1 : 0));
    }
    return cut;
  }

  private static int spare(List<Piece> pieces) {
    return pieces.stream()
        .filter(piece -> piece.shortens)
        .mapToInt(piece -> piece.ids.length)
        .sum();
  }

  private static void removeLast(List<Piece> pieces) {
    for (int i = pieces.size() - 1; i >= 0; i--) {
      Piece piece = pieces.get(i);
      if (piece.shortens && piece.ids.length > 0) {
        piece.ids = Arrays.copyOf(piece.ids, piece.ids.length - 1);
        return;
      }
    }
  }
}
