package io.github.peft4j.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Examples;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.io.TempDir;

/** Two executors, which are processes, train what one process trains. */
@DisabledForJreRange(min = JRE.JAVA_24, disabledReason = LocalSpark.NOT_ON_THIS_JDK)
class SparkFineTunerTest {

  private static final int STEPS = 12;
  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType)
          .add("body", DataTypes.StringType)
          .add("the.class", DataTypes.StringType);

  @TempDir static Path temp;

  private static SparkSession spark;
  private static String bert;

  @BeforeAll
  static void start() throws IOException {
    bert = TinyModels.bert(temp.resolve("bert")).toString();
    spark =
        LocalSpark.processes(2)
            .config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
            .getOrCreate();
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  /** Texts whose first word says the class. */
  private static List<Row> rows(int count) {
    Random random = new Random(3);
    return IntStream.range(0, count)
        .mapToObj(
            i -> {
              int label = random.nextInt(3);
              List<String> words = new ArrayList<>(List.of("w" + label));
              random
                  .ints(1 + random.nextInt(8), 3, TinyModels.WORDS)
                  .forEach(w -> words.add("w" + w));
              return RowFactory.create(
                  (long) i, String.join(" ", words), "abc".substring(label, label + 1));
            })
        .toList();
  }

  private static Dataset<Row> data(List<Row> rows) {
    return spark.createDataFrame(rows, SCHEMA).coalesce(2);
  }

  private static SparkFineTuner tuner(List<Row> rows) {
    return SparkFineTuner.of(SparkModel.of(bert))
        .adapt(SparkFineTunerTest::adapt)
        .on(data(rows))
        .text("body")
        .label("the.class")
        .key("id")
        .tasks(2);
  }

  private static void adapt(PeftModel model) {
    model.adapt(LoraConfig.ofRank(4).targetModules("query", "value").loraDropout(0.1));
  }

  private static void settings(FineTuner tuner) {
    tuner.steps(STEPS).batchSize(8).accumulate(2).learningRate(0.02);
  }

  private static TrainingReport alone(List<Row> rows, List<Row> held) {
    try (PeftModel model = Peft.load(bert)) {
      adapt(model);
      FineTuner tuner = FineTuner.of(model).quiet().on(examples(rows)).validateOn(examples(held));
      settings(tuner);
      TrainingReport report = tuner.run();
      model.save(temp.resolve("alone").toString());
      return report;
    }
  }

  private static Examples<ClassificationExample> examples(List<Row> rows) {
    return Examples.of(
        rows.stream()
            .map(row -> new ClassificationExample(row.getString(1), row.getString(2)))
            .toList());
  }

  /** Losses are equal in the first step, and stay so near that only the order of sums differs. */
  @Test
  void trainsWhatOneProcessTrains() {
    List<Row> rows = rows(80);
    List<Row> held = rows.subList(0, 10);
    TrainingReport alone = alone(rows, held);
    SparkTraining together =
        tuner(rows).validateOn(data(held)).settings(SparkFineTunerTest::settings).run();

    assertThat(together.steps()).isEqualTo(STEPS);
    assertThat(together.losses()).hasSize(STEPS);
    for (int i = 0; i < STEPS; i++) {
      assertThat(together.losses().get(i)).isCloseTo(alone.losses().get(i), within(1e-6));
    }
    assertThat(together.losses().get(STEPS - 1)).isLessThan(together.losses().get(0));
    together
        .evaluations()
        .forEach(
            (step, numbers) ->
                numbers.forEach(
                    (name, value) ->
                        assertThat(value)
                            .isCloseTo(
                                alone.evaluations().stream()
                                    .filter(event -> event.step() == step)
                                    .findFirst()
                                    .orElseThrow()
                                    .metrics()
                                    .get(name),
                                within(1e-5))));
    assertThat(together.evaluations()).hasSameSizeAs(alone.evaluations()).isNotEmpty();

    Path saved = temp.resolve("together");
    together.save(saved.toString());
    try (PeftModel one = Peft.load(bert);
        PeftModel two = Peft.load(bert)) {
      one.loadAdapter("default", temp.resolve("alone"));
      two.loadAdapter("default", saved);
      for (Row row : held) {
        assertThat(two.classify(row.getString(1)).best().getProbability())
            .isCloseTo(one.classify(row.getString(1)).best().getProbability(), within(1e-5));
      }
    }
  }

  /** A killed executor: the losses are those of the run that nobody disturbed. */
  @Test
  void goesOnFromTheLastCheckpointWhenAnExecutorIsKilled() throws InterruptedException {
    List<Row> rows = rows(80);
    SparkTraining undisturbed =
        tuner(rows)
            .settings(SparkFineTunerTest::checkpointed)
            .checkpointTo(temp.resolve("undisturbed").toUri().toString())
            .run();
    Path victim = temp.resolve("victim");
    String file = victim.toString();
    Thread killer =
        new Thread(
            () -> {
              while (!Files.exists(victim)) {
                pause();
              }
              ProcessHandle.of(Long.parseLong(read(victim))).orElseThrow().destroyForcibly();
            });
    killer.start();
    SparkTraining disturbed =
        tuner(rows)
            .settings(
                tuner -> {
                  checkpointed(tuner);
                  tuner.listener(new Victim(file, 7));
                })
            .checkpointTo(temp.resolve("disturbed").toUri().toString())
            .run();
    killer.join();

    assertThat(disturbed.attempt()).isPositive();
    assertThat(disturbed.firstStep()).isEqualTo(6);
    assertThat(undisturbed.attempt()).isZero();
    assertThat(disturbed.losses()).isEqualTo(undisturbed.losses());
    assertThat(disturbed.adapter().get("adapter_model.safetensors"))
        .isEqualTo(undisturbed.adapter().get("adapter_model.safetensors"));
    assertThat(temp.resolve("disturbed/checkpoint-" + STEPS)).isDirectory();
  }

  private static void checkpointed(FineTuner tuner) {
    settings(tuner);
    tuner.checkpointEvery(3);
  }

  private static void pause() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits in the middle of a run to be killed: the first process that comes there. */
  private record Victim(String file, long step) implements TrainingListener {

    @Override
    public void onStep(StepEvent event) {
      if (event.step() != step) {
        return;
      }
      Path mine = Path.of(file + "." + ProcessHandle.current().pid());
      try {
        Files.writeString(mine, "" + ProcessHandle.current().pid());
        Files.createLink(Path.of(file), mine); // fails if there is one
        while (true) {
          pause();
        }
      } catch (FileAlreadyExistsException e) {
        return; // another one is the victim
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Test
  void averagesTensorsNowAndThen() {
    List<Row> rows = rows(80);
    Tuning local =
        tuner -> {
          settings(tuner);
          tuner.averageEvery(4);
        };
    SparkTraining one = tuner(rows).settings(local).run();
    SparkTraining resumed =
        tuner(rows)
            .settings(
                tuner -> {
                  local.set(tuner);
                  tuner.checkpointEvery(4);
                })
            .checkpointTo(temp.resolve("averages").toUri().toString())
            .run();

    assertThat(one.losses()).isEqualTo(resumed.losses());
    assertThat(one.losses().get(STEPS - 1)).isLessThan(one.losses().get(0));
  }

  @Test
  void namesPartitionAndKeyOfABadRow() {
    List<Row> rows = new ArrayList<>(rows(20));
    rows.set(4, RowFactory.create(404L, null, "a"));
    assertThatThrownBy(() -> tuner(rows).run())
        .isInstanceOf(RowException.class)
        .hasMessage("partition 0, id = 404: column body is null");
    rows.set(4, RowFactory.create(404L, "w1", "d"));
    assertThatThrownBy(() -> tuner(rows).run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "partition 0, id = 404: the label (column the.class) is 'd', expected one of the model's"
                + " [a, b, c]");
    assertThatThrownBy(() -> tuner(rows(20)).validateOn(data(rows)).run())
        .hasMessageStartingWith("partition 0 of the validation data, id = 404: the label (column");
    rows.set(4, RowFactory.create(404L, "w1".repeat(60), "a"));
    assertThatThrownBy(() -> tuner(rows).longestText(100).run())
        .hasMessageContaining("partition 0, id = 404: column body has 120 characters");
    rows.set(4, RowFactory.create(404L, "", "a"));
    assertThatThrownBy(() -> tuner(rows).run())
        .hasMessageStartingWith("partition 0, id = 404 ('', 'a'): the example has no tokens");
  }

  /** What fails on one task alone ends the run, and is not tried again. */
  @Test
  void anErrorOfOneTaskSaysWhich() {
    assertThatThrownBy(
            () ->
                tuner(rows(20))
                    .settings(
                        tuner -> {
                          settings(tuner);
                          if (TaskContext.getPartitionId() == 1) {
                            tuner.objective(new Broken());
                          }
                        })
                    .run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("task 1 on 127.0.0.1: java.lang.IllegalStateException: broken");
  }

  /** The usual loss, which fails in the end. */
  private static final class Broken implements LabelLoss {
    private int calls;

    @Override
    public NDArray of(NDArray logits, NDArray targets) {
      if (++calls == 5) {
        throw new IllegalStateException("broken");
      }
      return CrossEntropy.PLAIN.of(logits, targets);
    }

    @Override
    public String toString() {
      return CrossEntropy.PLAIN.toString();
    }
  }

  /** A section's column may be null; the texts are those of the same words in one column. */
  @Test
  void textsMayBeTemplates() {
    List<Row> rows = rows(24);
    Dataset<Row> parts =
        data(rows)
            .selectExpr(
                "id",
                "`the.class`",
                "if(id % 3 = 0, body, substring_index(body, ' ', 1)) first",
                "if(id % 3 = 0, null, substring(body, instr(body, ' ') + 1)) rest");
    Tuning brief = tuner -> tuner.steps(2).batchSize(8);
    SparkTraining whole = tuner(rows).settings(brief).run();
    SparkTraining joined =
        tuner(rows)
            .on(parts)
            .text("{first}{#rest} {rest}{/rest}")
            .label("the.class")
            .settings(brief)
            .run();

    assertThat(joined.losses()).isEqualTo(whole.losses());
    assertThat(joined.toString()).startsWith("2 steps from step 0, attempt 0, final loss ");
    assertThatThrownBy(() -> tuner(rows).on(parts).text("{first} {rest}").label("the.class").run())
        .isInstanceOf(RowException.class)
        .hasMessageContaining(": column rest is null");
    assertThatThrownBy(() -> tuner(rows).on(parts).text("{first} {body}").label("the.class").run())
        .hasMessage(
            "on(rows), column(\"body\"): the data has no column of this name; it has"
                + " [id, the.class, first, rest]");
  }

  @Test
  void settingsThatDoNotFitAreSaidAtOnce() {
    assertThatThrownBy(() -> tuner(rows(8)).settings(tuner -> tuner.checkpointEvery(3)).run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("checkpointEvery does nothing without checkpointTo(folder)");
    assertThatThrownBy(() -> tuner(rows(8)).text("body").label("clazz").run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the data has no column of this name; it has [id, body, the.class]");
    SparkModel noLabels =
        SparkModel.of(bert, folder -> Peft.from(folder).task(Task.featureExtraction()));
    assertThatThrownBy(
            () ->
                SparkFineTuner.of(noLabels)
                    .adapt(SparkFineTunerTest::adapt)
                    .on(data(rows(8)))
                    .text("body")
                    .label("the.class")
                    .run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("label(\"the.class\"): the model has no labels");
    assertThatThrownBy(
            () ->
                SparkFineTuner.of(SparkModel.of(temp.resolve("none").toString()))
                    .adapt(SparkFineTunerTest::adapt)
                    .on(data(rows(8)))
                    .text("body")
                    .label("the.class")
                    .tasks(2)
                    .run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("none");
    assertThatThrownBy(() -> tuner(rows(8)).checkpointTo("file:" + bert + "/config.json/x").run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("/config.json/x\"): the folder cannot be written: ");
    Object notSerialisable = new Object();
    assertThatThrownBy(() -> tuner(rows(8)).settings(t -> t.steps(notSerialisable.hashCode())))
        .hasMessageContaining("what sets the training cannot be sent to executors");
  }
}
