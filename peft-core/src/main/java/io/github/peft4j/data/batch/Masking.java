package io.github.peft4j.data.batch;

/**
 * Which tokens of a text a masked language model has to find: the rule of BERT and of transformers'
 * {@code DataCollatorForLanguageModeling}.
 *
 * @param probability the probability that a token, or a whole word, is to be found; 0 to 1
 * @param masked the share of these that the mask replaces; 0 to 1
 * @param random the share that another token replaces; 0 to 1 - masked. The others stay as they are
 * @param wholeWords whether all tokens of a word are to be found together. As in transformers, the
 *     mask then replaces them all
 * @param blocks whether texts are joined and cut into rows of equal length, as transformers'
 *     run_mlm.py does; otherwise a row is a text
 */
public record Masking(
    double probability, double masked, double random, boolean wholeWords, boolean blocks) {

  /** 15 % of all tokens: 80 % of these masked, 10 % random, 10 % as they are. A row is a text. */
  public static final Masking DEFAULT = new Masking(0.15, 0.8, 0.1, false, false);

  /** Checks the numbers. */
  public Masking {
    if (!(probability > 0 && probability <= 1)
        || !(masked >= 0 && random >= 0 && masked + random <= 1 + 1e-9)) {
      throw new IllegalArgumentException(
          "probability is %s, masked %s, random %s; expected a probability above 0 to 1, and shares from 0 whose sum is 1 at most"
              .formatted(probability, masked, random));
    }
  }

  /** A rule with another probability. */
  public Masking probability(double probability) {
    return new Masking(probability, masked, random, wholeWords, blocks);
  }

  /**
   * A rule with other shares of what replaces the tokens to find.
   *
   * @param masked the share of the mask
   * @param random the share of other tokens
   */
  public Masking shares(double masked, double random) {
    return new Masking(probability, masked, random, wholeWords, blocks);
  }

  /** A rule that masks whole words. */
  public Masking wholeWords(boolean on) {
    return new Masking(probability, masked, random, on, blocks);
  }

  /** A rule for texts that are joined and cut into rows of equal length. */
  public Masking inBlocks(boolean on) {
    return new Masking(probability, masked, random, wholeWords, on);
  }

  @Override
  public String toString() {
    return "%s of the tokens to find, of which %s masked and %s random%s%s"
        .formatted(
            probability,
            masked,
            random,
            wholeWords ? ", whole words" : "",
            blocks ? ", in blocks" : "");
  }
}
