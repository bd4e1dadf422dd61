package io.github.peft4j.spark;

import io.github.peft4j.train.FineTuner;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.runtime.AbstractFunction1;

/**
 * Trains an adapter on the rows of a data set, by several tasks at once:
 *
 * <pre>{@code
 * SparkTraining training = SparkFineTuner.of(SparkModel.of("/models/bert"))
 *     .adapt(model -> model.adapt(LoraConfig.ofRank(16)))
 *     .on(rows).text("body").label("label").key("id")
 *     .settings(tuner -> tuner.epochs(3).batchSize(32).learningRate(2e-4).checkpointEvery(100))
 *     .checkpointTo("hdfs:///runs/support")
 *     .tasks(4)
 *     .run();
 * training.save("hdfs:///adapters/support");
 * }</pre>
 *
 * <p>It is the run that {@link FineTuner} makes of the same rows and settings in one process:
 * {@code batchSize} and {@code accumulate} count the rows of all tasks. Each task loads the frozen
 * model and computes its share of each step; the adapter's gradients are summed. Losses are equal
 * up to rounding, and to what dropout draws if a batch is computed in parts.
 *
 * <p>The tasks are a barrier stage: they run all at once, each on the GPU that Spark gives it or on
 * the CPU. If an executor is lost, Spark tries the stage again, and it goes on from its last
 * checkpoint, with the losses that it would have had.
 *
 * <p>The rows are checked, brought to the driver and from there to each executor, so they have to
 * fit into the driver's memory.
 */
public final class SparkFineTuner {

  private final SparkModel model;
  private @Nullable AdapterSource adapter;
  private @Nullable Dataset<Row> rows;
  private @Nullable Dataset<Row> validation;
  private @Nullable RowRoles roles;
  private @Nullable String text;
  private @Nullable String prompt;
  private @Nullable String key;
  private Tuning tuning = tuner -> {};
  private @Nullable String checkpoints;
  private int tasks = 1;
  private int longestText = 1_000_000;

  private SparkFineTuner(SparkModel model) {
    this.model = model;
  }

  /** Creates the training of an adapter of a model. */
  public static SparkFineTuner of(SparkModel model) {
    return new SparkFineTuner(model);
  }

  /**
   * Sets what adds the adapter to the model, on each executor.
   *
   * @throws IllegalArgumentException if it cannot be serialised
   */
  public SparkFineTuner adapt(AdapterSource adapter) {
    this.adapter = Serialised.require("what adapts the model", adapter);
    return this;
  }

  /** Sets the training data. */
  public SparkFineTuner on(Dataset<Row> rows) {
    this.rows = rows;
    return this;
  }

  /** Sets the validation data, with the same columns. The first task evaluates. */
  public SparkFineTuner validateOn(Dataset<Row> rows) {
    this.validation = rows;
    return this;
  }

  /**
   * Sets the texts to classify; {@link #label} sets the column of their classes.
   *
   * @param text a column, or a template such as {@code "{title}: {body}"}; see {@link
   *     io.github.peft4j.data.reader.Table}
   */
  public SparkFineTuner text(String text) {
    this.text = text;
    return this;
  }

  /**
   * Sets the column of the classes of {@link #text}. Each has to be one of the model's labels,
   * which are in its config.json, or which {@code Peft.from(folder).task(Task.classification(…))}
   * says.
   *
   * @throws IllegalArgumentException if a brace or a section of the text is not closed
   * @throws IllegalStateException if the texts are not set
   */
  public SparkFineTuner label(String column) {
    if (text == null) {
      throw new IllegalStateException("label(\"%s\") follows text(column)".formatted(column));
    }
    this.roles = RowRoles.labelled(text, column);
    return this;
  }

  /**
   * Sets the prompts; {@link #answer} sets the answers. A prompt and its answer are one text for a
   * decoder, so the template says what separates them.
   *
   * @param template a template such as {@code "{question}\n"}, or a column; see {@link
   *     io.github.peft4j.data.reader.Table}
   */
  public SparkFineTuner prompt(String template) {
    this.prompt = template;
    return this;
  }

  /**
   * Sets the answers to {@link #prompt}.
   *
   * @param template a column, or a template such as {@code " {answer}"}
   * @throws IllegalArgumentException if a brace or a section is not closed
   * @throws IllegalStateException if the prompt is not set
   */
  public SparkFineTuner answer(String template) {
    if (prompt == null) {
      throw new IllegalStateException(
          "answer(\"%s\") follows prompt(template)".formatted(template));
    }
    this.roles = RowRoles.answered(prompt, template);
    return this;
  }

  /**
   * Sets what the rows mean, for other tasks: any columns of a {@link
   * io.github.peft4j.data.reader.Table}.
   *
   * @param source makes the examples, on each executor
   * @param columns the columns that it uses, one or more. None may be null in a row
   * @throws IllegalArgumentException if the source cannot be serialised
   */
  public SparkFineTuner examples(ExampleSource source, String... columns) {
    if (columns.length == 0) {
      throw new IllegalArgumentException("examples(…): name the columns that the source uses");
    }
    this.roles =
        RowRoles.of(Serialised.require("what makes the examples", source), List.of(columns));
    return this;
  }

  /** Sets the column that names a row in errors. */
  public SparkFineTuner key(String column) {
    this.key = column;
    return this;
  }

  /** Sets the most characters of a text, 1 or more; the default is a million. */
  public SparkFineTuner longestText(int characters) {
    if (characters < 1) {
      throw new IllegalArgumentException("longestText is " + characters + ", expected 1 or more");
    }
    this.longestText = characters;
    return this;
  }

  /**
   * Sets epochs, batch size, learning rate and all else that a {@link FineTuner} has.
   *
   * @throws IllegalArgumentException if it cannot be serialised
   */
  public SparkFineTuner settings(Tuning tuning) {
    this.tuning = Serialised.require("what sets the training", tuning);
    return this;
  }

  /**
   * Sets the number of tasks, 1 or more; the default is 1. The cluster needs as many slots at once:
   * one for each GPU, or {@code spark.task.cpus} cores.
   */
  public SparkFineTuner tasks(int tasks) {
    if (tasks < 1) {
      throw new IllegalArgumentException("tasks is " + tasks + ", expected 1 or more");
    }
    this.tasks = tasks;
    return this;
  }

  /**
   * Sets the folder for checkpoints, which the first task writes. If it has some, the run goes on
   * from the newest: see {@link FineTuner#checkpointTo(java.nio.file.Path)}.
   *
   * @param uri a folder of a Hadoop file system that all executors see
   */
  public SparkFineTuner checkpointTo(String uri) {
    this.checkpoints = uri;
    return this;
  }

  /**
   * Trains, or goes on from a checkpoint.
   *
   * @throws IllegalArgumentException if columns, rows, settings, model and checkpoints do not fit
   *     together, or if a loss or a tensor is not finite; a {@link RowException} if a row is to
   *     blame and is found before the training
   */
  public SparkTraining run() {
    Dataset<Row> data = require(rows, "there is no training data: call on(rows)");
    RowRoles meaning =
        require(
            roles,
            "the columns of the data have no meaning: call text(column).label(column),"
                + " prompt(template).answer(column) or examples(…)");
    AdapterSource source = require(adapter, "there is no adapter: call adapt(model -> …)");
    SparkContext context = data.sparkSession().sparkContext();
    requireFixedExecutors(context);
    String before = context.getLocalProperty("spark.job.description");
    context.setJobDescription("peft4j: checks and collects the rows of a training");
    try (CollectedRows training = CollectedRows.of(data, "on", "", meaning, key, longestText);
        CollectedRows held =
            validation == null
                ? null
                : CollectedRows.of(
                    validation,
                    "validateOn",
                    " of the validation data",
                    meaning,
                    key,
                    longestText)) {
      context.setJobDescription(
          "peft4j: trains an adapter of %s by %d tasks".formatted(model, tasks));
      Progress progress = new Progress();
      context.register(progress, Progress.NAME);
      return run(
          JavaSparkContext.fromSparkContext(context),
          new TrainingTask(
              model,
              source,
              tuning,
              training,
              held,
              UUID.randomUUID().toString(),
              checkpoints,
              new SerializableConfiguration(context.hadoopConfiguration()),
              progress));
    } finally {
      context.setJobDescription(before);
    }
  }

  /** Spark says the same, but only after the rows were collected. */
  private static void requireFixedExecutors(SparkContext context) {
    if (context.getConf().getBoolean("spark.dynamicAllocation.enabled", false)
        && !context.isLocal()) {
      throw new IllegalArgumentException(
          "spark.dynamicAllocation.enabled is true, but the tasks of a training start all at once:"
              + " set it to false");
    }
  }

  private SparkTraining run(JavaSparkContext spark, TrainingTask task) {
    ProgressLog log = new ProgressLog(task.progress());
    spark.sc().addSparkListener(log);
    try {
      // Spark tries a barrier stage again only if it is not the last one of its job.
      List<TrainingTask.Outcome> outcomes =
          spark
              .parallelize(IntStream.range(0, tasks).boxed().toList(), tasks)
              .rdd()
              .barrier()
              .mapPartitions(new Work(task), false, ClassTag.<byte[]>apply(byte[].class))
              .toJavaRDD()
              .repartition(1)
              .collect()
              .stream()
              .map(TrainingTask.Outcome::read)
              .toList();
      outcomes.stream()
          .map(TrainingTask.Outcome::error)
          .filter(Objects::nonNull)
          .findFirst()
          .ifPresent(
              error -> {
                throw new IllegalArgumentException(error);
              });
      return outcomes.stream()
          .map(TrainingTask.Outcome::training)
          .filter(Objects::nonNull)
          .findFirst()
          .orElseThrow();
    } finally {
      spark.sc().removeSparkListener(log);
      log.log(task.progress().value()); // no heartbeat tells the end
    }
  }

  /** The task, as Spark calls it. */
  private static final class Work extends AbstractFunction1<Iterator<Integer>, Iterator<byte[]>>
      implements Serializable {

    private static final long serialVersionUID = 1;

    private final TrainingTask task;

    Work(TrainingTask task) {
      this.task = task;
    }

    @Override
    public Iterator<byte[]> apply(Iterator<Integer> numbers) {
      try {
        return CollectionConverters.asScala(
            List.of(task.run(BarrierTaskContext.get()).bytes()).iterator());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static <T> T require(@Nullable T value, String message) {
    if (value == null) {
      throw new IllegalArgumentException(message);
    }
    return value;
  }
}
