package io.github.peft4j.train.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The members of a group train what one process trains. */
class GroupTest {

  @TempDir static Path temp;

  private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    folder = TinyLlama.write(temp);
  }

  private static TrainingReport run(Group group, Consumer<FineTuner> settings) {
    try (PeftModel model =
        Peft.load(folder).adapt(ToyConfig.of(1, 0).targetModules("all-linear"))) {
      FineTuner tuner =
          FineTuner.of(model)
              .quiet()
              .on(Examples.of(TinyLlama.EXAMPLES))
              .validateOn(Examples.of(TinyLlama.EXAMPLES.subList(0, 2)))
              .steps(8)
              .learningRate(0.05)
              .among(group);
      settings.accept(tuner);
      return tuner.run();
    }
  }

  private static List<TrainingReport> each(int size, Consumer<FineTuner> settings) {
    ExecutorService threads = Executors.newFixedThreadPool(size);
    Threads together = new Threads(size);
    try {
      List<CompletableFuture<TrainingReport>> members =
          IntStream.range(0, size)
              .mapToObj(
                  rank ->
                      CompletableFuture.supplyAsync(
                          () -> {
                            try {
                              return run(together.member(rank), settings);
                            } catch (RuntimeException e) {
                              together.fail();
                              throw e;
                            }
                          },
                          threads))
              .toList();
      return members.stream().map(CompletableFuture::join).toList();
    } finally {
      threads.shutdown();
    }
  }

  /** With a batch for each member, with parts of a batch, and with members that have none. */
  @Test
  void trainWhatOneProcessTrains() {
    for (int[] shape : new int[][] {{2, 2, 2}, {2, 4, 1}, {3, 2, 3}, {2, 1, 4}}) {
      int size = shape[0];
      Consumer<FineTuner> settings = tuner -> tuner.batchSize(shape[1]).accumulate(shape[2]);
      TrainingReport alone = run(Group.ALONE, settings);
      List<TrainingReport> members = each(size, settings);
      for (TrainingReport member : members) {
        assertThat(member.losses()).isEqualTo(members.get(0).losses());
        assertThat(member.evaluations()).isEqualTo(members.get(0).evaluations());
      }
      for (int i = 0; i < alone.losses().size(); i++) {
        assertThat(members.get(0).losses().get(i)).isCloseTo(alone.losses().get(i), within(1e-5));
      }
    }
  }

  /** The members compare codes, too, before a checkpoint is written. */
  @Test
  void momentsMayHaveEightBits(@TempDir Path runs) {
    List<TrainingReport> members =
        each(
            2,
            tuner ->
                tuner
                    .batchSize(2)
                    .accumulate(2)
                    .optimizer(AdamW.DEFAULT.eightBit(1))
                    .checkpointTo(runs.resolve(Thread.currentThread().getName())));
    assertThat(members.get(0).losses()).isEqualTo(members.get(1).losses());
  }

  /** Two members, whose settings may depend on which one it is. */
  private static void pair(BiConsumer<FineTuner, Boolean> settings) {
    each(
        2,
        tuner ->
            settings.accept(
                tuner.batchSize(2).accumulate(2), Thread.currentThread().getName().endsWith("-1")));
  }

  @Test
  void anotherSettingOfOneMemberIsAnError() {
    assertThatThrownBy(() -> pair((tuner, first) -> tuner.learningRate(first ? 0.5 : 0.25)))
        .hasMessageContaining("of the group has another learning_rate: 0.")
        .hasRootCauseInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> pair((tuner, first) -> tuner.evaluateEvery(first ? 2 : 3)))
        .hasMessageContaining("of the group has another evaluate_every: ");
  }

  @Test
  void oneThatStopsStopsAllAfterTheSameStep() {
    List<TrainingReport> members =
        each(
            2,
            tuner -> {
              tuner.batchSize(2).accumulate(2);
              boolean first = Thread.currentThread().getName().endsWith("-1");
              tuner.listener(new StopsAt(first ? 3 : Long.MAX_VALUE));
            });
    assertThat(members).extracting(TrainingReport::steps).containsExactly(3L, 3L);
    assertThat(members)
        .extracting(TrainingReport::ending)
        .containsOnly(TrainingReport.Ending.STOPPED);
  }

  private static final class StopsAt implements TrainingListener {
    private final long last;
    private boolean stops;

    StopsAt(long last) {
      this.last = last;
    }

    @Override
    public void onStep(StepEvent event) {
      stops = event.step() >= last;
    }

    @Override
    public boolean stops() {
      return stops;
    }
  }

  @Test
  void averagesMakeTensorsAlike() {
    List<TrainingReport> members =
        each(2, tuner -> tuner.batchSize(2).accumulate(2).averageEvery(3).evaluateEvery(2));
    assertThat(members.get(0).losses()).isEqualTo(members.get(1).losses());
    TrainingReport summed = each(2, tuner -> tuner.batchSize(2).accumulate(2)).get(0);
    assertThat(members.get(0).losses().get(0)).isEqualTo(summed.losses().get(0));
    assertThat(members.get(0).losses()).isNotEqualTo(summed.losses());
    assertThat(members.get(0).finalLoss()).isLessThan(members.get(0).losses().get(0));
  }

  @Test
  void refusesWhatMembersWouldDoDifferently() {
    assertThatThrownBy(() -> run(Group.ALONE, tuner -> tuner.averageEvery(2)))
        .hasMessageContaining("averageEvery does nothing without among(group)");
    assertThatThrownBy(() -> each(2, tuner -> tuner.autoBatchSize(true)))
        .isInstanceOf(CompletionException.class)
        .hasMessageContaining("autoBatchSize is for one process");
    assertThatThrownBy(() -> each(2, tuner -> tuner.averageEvery(2).skipNonFinite(1)))
        .hasMessageContaining("averageEvery is not for skipNonFinite");
    assertThatThrownBy(
            () -> each(2, tuner -> tuner.averageEvery(2).optimizer(AdamW.DEFAULT.eightBit(1))))
        .hasMessageContaining("averageEvery: ")
        .hasMessageContaining("which have no mean");
    assertThatThrownBy(() -> each(2, tuner -> tuner.batchSize(1)))
        .hasMessageContaining("a group of 2 processes with 1 devices each");
  }

  @Test
  void tensorsThatDifferAreNoticed() {
    assertThatThrownBy(() -> differing()).hasMessageContaining("differ from those of member 0");
  }

  private static void differing() {
    Threads together = new Threads(2);
    List<CompletableFuture<Void>> members =
        IntStream.range(0, 2)
            .mapToObj(
                rank ->
                    CompletableFuture.runAsync(
                        () -> {
                          try (PeftModel model = Peft.load(folder).adapt(ToyConfig.of(1, 0))) {
                            if (rank == 1) { // has begun to train by itself
                              FineTuner.of(model)
                                  .quiet()
                                  .on(Examples.of(TinyLlama.EXAMPLES))
                                  .steps(1)
                                  .run();
                            }
                            FineTuner.of(model)
                                .quiet()
                                .on(Examples.of(TinyLlama.EXAMPLES))
                                .steps(1)
                                .among(together.member(rank))
                                .run();
                          }
                        }))
            .toList();
    members.forEach(CompletableFuture::join);
  }
}
