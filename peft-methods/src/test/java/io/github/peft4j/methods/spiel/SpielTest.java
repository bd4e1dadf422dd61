package io.github.peft4j.methods.spiel;

import static io.github.peft4j.methods.train.Trainings.logits;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.PeftModel;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.sparse.SparseGolden;
import io.github.peft4j.methods.train.Resuming;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.optimizer.Sm3;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.tuner.site.Rewrite;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SpielTest {

  @TempDir Path folder;

  private static SpielConfig config(SelectionAlgorithm algorithm) {
    return SpielConfig.ag()
        .selectionAlgorithm(algorithm)
        .density(0.2)
        .selectionAccumulationSteps(2)
        .reselectionSteps(4)
        .initialReselectionRate(0.4);
  }

  private static List<ExchangedEntries> layers(PeftModel model) {
    return model.adapter("default").rewrites().stream()
        .map(Rewrite::layer)
        .filter(ExchangedEntries.class::isInstance)
        .map(ExchangedEntries.class::cast)
        .toList();
  }

  /** Three exchanges end with the entries, values and losses of a plain loop in PyTorch. */
  @ParameterizedTest
  @EnumSource(SelectionAlgorithm.class)
  void entriesValuesAndLossesAreThoseOfPyTorch(SelectionAlgorithm algorithm) {
    SparseGolden.assertTrainsAs(
        "spiel-" + algorithm.json() + "-tiny-bert.safetensors",
        config(algorithm),
        11,
        folder,
        SpielTest::start);
  }

  private static void start(TensorSource source, PeftModel model) {
    Set<String> names =
        source.names().stream()
            .filter(name -> name.startsWith("start."))
            .map(name -> name.substring(6))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(layers(model)).extracting(layer -> layer.site().name()).hasSameElementsAs(names);
    for (ExchangedEntries layer : layers(model)) {
      long[] places = source.longs("start." + layer.site().name());
      assertThat(layer.values().size()).isEqualTo(places.length);
      layer.choose(Arrays.stream(places).mapToInt(i -> (int) i).toArray());
    }
  }

  private PeftModel llama() {
    return Trainings.bare(folder.resolve("llama"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(11)
        .batchSize(4)
        .learningRate(1e-2)
        .quiet();
  }

  /** While candidates accumulate, and between two rounds. */
  @ParameterizedTest
  @CsvSource({
    "ACCUMULATED_GRADIENTS,1",
    "ACCUMULATED_GRADIENTS,5",
    "ACCUMULATED_GRADIENTS,7",
    "MOMENT_APPROXIMATION,3"
  })
  void aResumedTrainingEndsAsOneThatNeverStopped(SelectionAlgorithm algorithm, int after) {
    Resuming.assertGoesOn(() -> llama().adapt(config(algorithm)), SpielTest::tuner, after, folder);
  }

  /** Entries are exchanged, each is trained once, and the saved adapter computes the same. */
  @ParameterizedTest
  @EnumSource(SelectionAlgorithm.class)
  void entriesAreExchanged(SelectionAlgorithm algorithm) {
    Path saved = folder.resolve("saved");
    try (PeftModel model = llama().adapt(config(algorithm))) {
      List<int[]> before = layers(model).stream().map(ExchangedEntries::indices).toList();
      tuner(model).run();
      for (int i = 0; i < before.size(); i++) {
        int[] now = layers(model).get(i).indices();
        assertThat(now).doesNotHaveDuplicates();
        assertThat(now).isNotEqualTo(before.get(i));
      }
      long parameters = model.base().parameters().mapToLong(p -> p.shape().size()).sum();
      assertThat(model.adapter("default").size()).isBetween(parameters / 6, parameters / 5);
      float[] trained = logits(model);
      model.save(saved.toString());
      model.remove("default").loadAdapter(saved.toString());
      assertThat(logits(model)).containsExactly(trained, Offset.offset(1e-6f));
      tuner(model).run();
      assertThat(logits(model)).isNotEqualTo(trained);
    }
  }

  /** Candidates see the same gradients of layers that run again in the backward pass. */
  @Test
  void recomputedLayersExchangeTheSameEntries() {
    SpielConfig config = config(SelectionAlgorithm.ACCUMULATED_GRADIENTS);
    try (PeftModel whole = llama().adapt(config);
        PeftModel again = llama().adapt(config)) {
      List<Double> expected = tuner(whole).run().losses();
      List<Double> recomputed = tuner(again).activations(Activations.RECOMPUTED).run().losses();
      for (int step = 0; step < expected.size(); step++) {
        assertThat(recomputed.get(step)).isCloseTo(expected.get(step), Offset.offset(1e-4));
      }
      for (int i = 0; i < layers(whole).size(); i++) {
        assertThat(layers(again).get(i).indices()).isEqualTo(layers(whole).get(i).indices());
      }
    }
  }

  /** Entries were exchanged after the best evaluation; the best adapter has those from before. */
  @Test
  void theBestAdapterHasItsEntries() {
    SpielConfig config = config(SelectionAlgorithm.ACCUMULATED_GRADIENTS);
    try (PeftModel model = llama().adapt(config)) {
      float[][] best = new float[1][];
      double[] least = {Double.POSITIVE_INFINITY};
      tuner(model)
          .learningRate(0.3) // which diverges, so that an early evaluation is the best
          .validateOn(Trainings.echoes(6))
          .evaluateEvery(1)
          .keepBest()
          .listener(
              new TrainingListener() {
                @Override
                public void onEvaluation(EvaluationEvent event) {
                  if (event.metrics().get(Metrics.LOSS) < least[0]) {
                    least[0] = event.metrics().get(Metrics.LOSS);
                    best[0] = logits(model);
                  }
                }
              })
          .run();
      assertThat(logits(model)).containsExactly(best[0], Offset.offset(1e-6f));
    }
  }

  @Test
  void nothingIsLeftInMemoryAfterATraining() {
    try (PeftModel model = llama().adapt(config(SelectionAlgorithm.ACCUMULATED_GRADIENTS))) {
      tuner(model).run();
      long after = Tensors.live();
      tuner(model).run();
      assertThat(Tensors.live()).isEqualTo(after);
    }
  }

  @Test
  void whatCannotBeTrainedIsRefused() {
    assertThatThrownBy(() -> SpielConfig.ag().reselectionSteps(5))
        .hasMessageContaining("'reselection_steps' is 5")
        .hasMessageContaining("above selection_accumulation_steps, which is 5");
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.adapt(SpielConfig.ag().density(1)))
          .hasMessageContaining("'density' is 1.0")
          .hasMessageContaining("weights of the targets");
      assertThatThrownBy(() -> model.adapt(SpielConfig.ag().numTunableWeights(1)))
          .hasMessageContaining("'num_tunable_weights' is 1")
          .hasMessageContaining("enough for an entry");
    }
    for (SelectionAlgorithm algorithm : SelectionAlgorithm.values()) {
      try (PeftModel model = llama().adapt(config(algorithm))) {
        float[] before = logits(model);
        assertThatThrownBy(
                () ->
                    tuner(model)
                        .optimizer(
                            algorithm == SelectionAlgorithm.ACCUMULATED_GRADIENTS
                                ? AdamW.DEFAULT
                                : Sm3.DEFAULT)
                        .run())
            .hasMessageContaining("an optimizer of its own")
            .hasMessageContaining("do not set another one");
        assertThat(logits(model)).isEqualTo(before);
      }
    }
  }
}
