package io.github.peft4j.embed;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.batch.EncodedExample.Cut;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.data.tokenizer.Truncation;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Texts as the ids that their vectors are computed from, in inference and in training.
 *
 * @param settings prompt, case and length of texts
 * @param maxLength the most tokens of a text; the settings' limit holds too. Longer texts are cut
 *     at their end
 */
public record EmbeddingEncoder(Tokenizer tokenizer, EmbeddingSettings settings, int maxLength) {

  private static final double[] NO_SCORE = {};

  /** A text. */
  public EncodedExample encode(String text) {
    return encode(text, NO_SCORE, List.of());
  }

  /** The anchor, with the positive and the negatives as texts that belong to it. */
  public EncodedExample encode(AnchorExample example) {
    return encode(
        example.anchor(),
        NO_SCORE,
        Stream.concat(Stream.of(example.positive()), example.negatives().stream())
            .map(this::encode)
            .toList());
  }

  /** The first text, with the second as a text that belongs to it; both have the score. */
  public EncodedExample encode(ScoredPair pair) {
    double[] score = {pair.score()};
    return encode(pair.first(), score, List.of(encode(pair.second(), score, List.of())));
  }

  private EncodedExample encode(String text, double[] score, List<EncodedExample> others) {
    String whole = settings.prompt() + text;
    Encoding encoding =
        tokenizer.input(settings.lowerCased() ? whole.toLowerCase(Locale.ROOT) : whole, null);
    int[] kept = Truncation.kept(encoding, Math.min(settings.maxLength(), maxLength));
    return new EncodedExample(
        Truncation.pick(encoding.ids(), kept),
        Truncation.pick(encoding.typeIds(), kept),
        new long[0],
        score,
        Alignment.NONE,
        new Cut(encoding.ids().length - kept.length, 0),
        null,
        others);
  }
}
