package io.github.peft4j.train;

import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.train.evaluation.Truncated;
import io.github.peft4j.train.report.DataCounts;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What a run would train on, see {@link FineTuner#preview}.
 *
 * @param data counts of the training data
 * @param truncated counts of the training examples that are too long
 * @param validationTruncated counts of the validation examples that are too long
 * @param steps number of optimizer steps of the run
 * @param epochs number of epochs of the run, a partial last one included
 * @param maxLength the most tokens of an example
 * @param settings the settings of the run by name, as {@link TrainingDetails#settings} has them
 * @param rows the examples of the first rows, in the order of the data; with packing, a row has
 *     several. Masks are those of the first epoch
 */
public record TrainingPreview(
    DataCounts data,
    Truncated truncated,
    Truncated validationTruncated,
    long steps,
    int epochs,
    int maxLength,
    Map<String, String> settings,
    List<List<EncodedExample>> rows) {

  static TrainingPreview of(TrainingSetup setup, int rows) {
    return new TrainingPreview(
        setup.data(),
        setup.truncated(),
        setup.validationTruncated(),
        setup.totalSteps(),
        setup.epochs(),
        setup.maxLength(),
        RunFacts.settings(setup.facts()),
        IntStream.range(0, Math.min(rows, setup.plan().rowCount()))
            .mapToObj(setup.plan()::examples)
            .toList());
  }
}
