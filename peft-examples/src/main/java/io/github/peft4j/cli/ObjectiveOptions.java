package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.train.embedding.CoSentLoss;
import io.github.peft4j.train.embedding.EmbeddingLoss;
import io.github.peft4j.train.embedding.EmbeddingObjective;
import io.github.peft4j.train.embedding.MultipleNegativesRankingLoss;
import io.github.peft4j.train.embedding.SimilarityMeasure;
import io.github.peft4j.train.evaluation.Measure;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.preference.Dpo;
import io.github.peft4j.train.preference.Orpo;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What is minimised, for tasks whose model has no loss of its own. */
final class ObjectiveOptions {

  /** The losses of preferences. */
  enum Preference {
    DPO,
    ORPO
  }

  @Option(
      names = "--preference",
      paramLabel = "NAME",
      description = "The loss of preferences: dpo (the default) or orpo.")
  @Nullable Preference preference;

  @Option(
      names = "--beta",
      paramLabel = "X",
      description = "The weight of preferences; 0.1 by default.")
  @Nullable Double beta;

  /** Options that do nothing for a task. */
  void check(DataTask task) {
    Mistakes.isFor("--preference", preference != null, task, DataTask.PREFERENCES);
    Mistakes.isFor("--beta", beta != null, task, DataTask.PREFERENCES);
  }

  /** The objective of a task; empty for the loss of the model. */
  Optional<Objective> of(DataTask task, PeftModel model) {
    return switch (task) {
      case PREFERENCES -> Optional.of(preference());
      case EMBEDDINGS -> Optional.of(vectors(model, new MultipleNegativesRankingLoss()));
      case SIMILARITY -> Optional.of(vectors(model, new CoSentLoss()));
      default -> Optional.empty();
    };
  }

  /** The measures of an objective whose task has none of its own. */
  static List<Measure> measures(DataTask task) {
    return task == DataTask.SIMILARITY ? List.of(new SimilarityMeasure()) : List.of();
  }

  private Objective preference() {
    double weight = beta == null ? 0.1 : beta;
    return Mistakes.at(
        "--beta", () -> preference == Preference.ORPO ? new Orpo(weight) : new Dpo(weight));
  }

  private static Objective vectors(PeftModel model, EmbeddingLoss loss) {
    return new EmbeddingObjective(model.embedder().settings(), loss);
  }
}
