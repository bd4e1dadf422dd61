package io.github.peft4j.train.report;

import java.util.Locale;

/**
 * What a training reads in an epoch.
 *
 * @param examples number of examples
 * @param withoutLabels how many of them have no label that counts, so that nothing is learnt of
 *     them
 * @param tokens number of their tokens, without virtual tokens of adapters and without the answers
 *     that an encoder-decoder writes
 * @param rows number of rows; with packing, a row holds several examples
 * @param fill share of the rows' positions that are tokens, from 0 to 1. The others are padding
 */
public record DataCounts(int examples, int withoutLabels, long tokens, int rows, double fill) {

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%,d examples of %,d tokens%s, %.1f %% of the positions filled%s",
        examples,
        tokens,
        rows == examples ? "" : String.format(Locale.ROOT, " in %,d rows", rows),
        100 * fill,
        withoutLabels == 0
            ? ""
            : String.format(Locale.ROOT, "; %,d have no label that counts", withoutLabels));
  }
}
