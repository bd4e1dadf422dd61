package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The loss of the vectors that a model gives for texts.
 *
 * @param settings how states become vectors: pooling, dense layers and normalisation
 * @param loss of the vectors
 */
public record EmbeddingObjective(EmbeddingSettings settings, EmbeddingLoss loss)
    implements Objective {

  @Override
  public NDArray loss(Outputs outputs) {
    if (!(outputs.targets() instanceof LossTargets.None batch)) {
      throw new IllegalArgumentException(
          "%s needs %s; the batch has labels of another kind".formatted(loss, loss.texts()));
    }
    NDArray vectors = settings.vectors(outputs.hidden(), outputs.pass().wholeMask());
    double[] scores =
        Arrays.stream(batch.values())
            .limit(batch.examples())
            .flatMapToDouble(Arrays::stream)
            .toArray();
    return loss.loss(new TextVectors(vectors, batch.examples(), scores));
  }

  @Override
  public void check(EncodedDataset data) {
    List<EncodedExample> examples = data.examples();
    for (int i = 0; i < examples.size(); i++) {
      EncodedExample example = examples.get(i);
      int texts = example.texts().size();
      boolean scored = example.values().length == 1;
      if (example.alignment() != Alignment.NONE || !loss.texts().fits(texts, scored)) {
        throw new IllegalArgumentException(
            "%s needs %s; example %d has %d text%s %s"
                .formatted(
                    loss,
                    loss.texts(),
                    data.position(i),
                    texts,
                    texts == 1 ? "" : "s",
                    scored ? "and a score" : "and no score"));
      }
      if (texts != examples.get(0).texts().size()) {
        throw new IllegalArgumentException(
            "example %d has %d texts, but example %d has %d; expected equally many in each"
                .formatted(
                    data.position(i), texts, data.position(0), examples.get(0).texts().size()));
      }
      if (scored) {
        try {
          loss.check(example.values()[0]);
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException(
              "example %d: %s".formatted(data.position(i), e.getMessage()), e);
        }
      }
    }
  }

  @Override
  public boolean readsLabels() {
    return false;
  }

  @Override
  public boolean isSumOfExamples() {
    return loss.isSumOfExamples();
  }

  @Override
  public double units(int examples, LossTargets.Rows labels) {
    return loss.units(examples);
  }

  @Override
  public String toString() {
    return "%s of vectors by %s%s%s"
        .formatted(
            loss,
            settings.pooling().name().toLowerCase(Locale.ROOT).replace('_', ' '),
            settings.dense().isEmpty() ? "" : ", " + settings.dense(),
            settings.normalized() ? ", normalised" : "");
  }
}
