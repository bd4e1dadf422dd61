package io.github.peft4j.train.evaluation;

import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.data.batch.QuestionWindow;
import java.util.OptionalInt;

/**
 * How examples become ids.
 *
 * @param maxLength the most tokens of an example, or of a window
 * @param skipTooLong whether examples whose answers do not fit are left out
 * @param stride the number of tokens that windows of long texts share. If it is empty, lists of
 *     words are cut, and windows of questions share {@link QuestionWindow#STRIDE}
 * @param labelAllTokens whether all tokens of a tagged word have labels, not only the first
 * @param masking what a masked language model has to find
 * @param trainOn which parts of a conversation count in the loss
 * @param seed of the masks
 */
public record EncodingSettings(
    int maxLength,
    boolean skipTooLong,
    OptionalInt stride,
    boolean labelAllTokens,
    Masking masking,
    TrainOn trainOn,
    long seed) {

  /** The usual settings. */
  public static EncodingSettings of(int maxLength) {
    return new EncodingSettings(
        maxLength, false, OptionalInt.empty(), false, Masking.DEFAULT, TrainOn.ASSISTANT_TURNS, 0);
  }
}
