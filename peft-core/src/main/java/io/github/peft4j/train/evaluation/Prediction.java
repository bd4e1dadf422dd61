package io.github.peft4j.train.evaluation;

import io.github.peft4j.data.Example;
import io.github.peft4j.data.batch.EncodedExample;
import org.jspecify.annotations.Nullable;

/**
 * The answer of a model to an example, as logits.
 *
 * @param example the example as it was read, or null if the data was given as ids
 * @param encoded the example as ids; an example that is read in windows has one prediction for each
 * @param logits [1][V] for a text, [T][V] for tokens, without padding and virtual tokens
 */
@SuppressWarnings("ArrayRecordComponent") // Nobody compares them.
public record Prediction(@Nullable Example example, EncodedExample encoded, float[][] logits) {

  /** The index of the largest logit of a row; the first one of equals. */
  public int best(int row) {
    float[] values = logits[row];
    int best = 0;
    for (int k = 1; k < values.length; k++) {
      best = values[k] > values[best] ? k : best;
    }
    return best;
  }
}
