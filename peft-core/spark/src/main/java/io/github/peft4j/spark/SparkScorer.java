package io.github.peft4j.spark;

import io.github.peft4j.generate.GenerationConfig;
import java.io.Serializable;
import java.time.Duration;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;

/**
 * Lets a model score the rows of a data set:
 *
 * <pre>{@code
 * Dataset<Row> scored = SparkScorer.of(model).text("body").key("id").adapterColumn("tenant")
 *     .classify(rows);
 * }</pre>
 *
 * <p>The result has the columns and the order of the rows, and new columns. Nothing is computed
 * before Spark needs it, and then as often as Spark computes a partition: cache or write the result
 * if it is used twice.
 *
 * <p>An executor loads the model once, however many tasks it runs, and closes it when no task has
 * used it for a while: see {@link #idle}. Names of columns are checked at once. A row that cannot
 * be scored ends the job with a {@link RowException}, whose message names its partition and key.
 */
public final class SparkScorer {

  private final SparkModel model;
  private @Nullable String text;
  private @Nullable String key;
  private @Nullable String adapterColumn;
  private @Nullable String into;
  private int batchSize = 32;
  private int longestText = 1_000_000;
  private Duration idle = Duration.ofMinutes(1);

  /**
   * What a task has to know.
   *
   * @param adapterColumn which adapter a row has, or null
   * @param adapter the adapter of all rows, or null for none
   * @param longestText in characters
   * @param result the columns of a scored row
   */
  record Settings(
      RowField text,
      RowNames names,
      @Nullable RowField adapterColumn,
      @Nullable String adapter,
      int batchSize,
      int longestText,
      StructType result)
      implements Serializable {}

  private SparkScorer(SparkModel model) {
    this.model = model;
  }

  /** Creates a scorer. If the model has one adapter, it is active; several need a column. */
  public static SparkScorer of(SparkModel model) {
    return new SparkScorer(model);
  }

  /** Sets the column of the texts or prompts, of type string. */
  public SparkScorer text(String column) {
    this.text = column;
    return this;
  }

  /**
   * Sets the column that names a row in errors. Without one, a row is named by its place in its
   * partition.
   */
  public SparkScorer key(String column) {
    this.key = column;
    return this;
  }

  /**
   * Sets the column that says which adapter a row has: a name that {@link SparkModel#adapter} gave,
   * or {@value io.github.peft4j.composition.Composition#BASE} for none.
   */
  public SparkScorer adapterColumn(String column) {
    this.adapterColumn = column;
    return this;
  }

  /**
   * Sets the name of the new column. By default it is {@code label}, {@code embedding} or {@code
   * answer}.
   */
  public SparkScorer into(String column) {
    this.into = column;
    return this;
  }

  /** Sets the number of texts in a batch, 1 or more; the default is 32. */
  public SparkScorer batchSize(int batchSize) {
    this.batchSize = positive("batchSize", batchSize);
    return this;
  }

  /**
   * Sets the most characters of a text; the default is a million. A longer text is an error: it is
   * rather a mistake than a text. What exceeds the model's positions is cut off.
   */
  public SparkScorer longestText(int characters) {
    this.longestText = positive("longestText", characters);
    return this;
  }

  /**
   * Sets how long an executor keeps the model after the last use; the default is one minute.
   *
   * @param idle 0 or more; with zero the model is closed with the last task that uses it
   */
  public SparkScorer idle(Duration idle) {
    if (idle.isNegative()) {
      throw new IllegalArgumentException("idle is " + idle + ", expected 0 or more");
    }
    this.idle = idle;
    return this;
  }

  /**
   * Classifies the rows. New columns: {@code label}, the likeliest class, and {@code
   * label_probability}.
   *
   * @throws IllegalArgumentException if a column is missing or of another type
   */
  public Dataset<Row> classify(Dataset<Row> rows) {
    return score(rows, new Scoring.Classes(), "label");
  }

  /**
   * Computes the vectors of texts. New column: {@code embedding}, of type array of float.
   *
   * @throws IllegalArgumentException if a column is missing or of another type
   */
  public Dataset<Row> embed(Dataset<Row> rows) {
    return score(rows, new Scoring.Vectors(), "embedding");
  }

  /**
   * Continues prompts, greedily, by up to 256 tokens. New column: {@code answer}.
   *
   * @throws IllegalArgumentException if a column is missing or of another type
   */
  public Dataset<Row> generate(Dataset<Row> rows) {
    return generate(rows, GenerationConfig::greedy);
  }

  /**
   * Continues prompts. New column: {@code answer}. A setting that draws at random draws the same
   * for a batch in each task.
   *
   * @param settings makes the settings on the executor; what it refers to is serialised
   * @throws IllegalArgumentException if a column is missing or of another type, or if what makes
   *     the settings cannot be serialised
   */
  public Dataset<Row> generate(Dataset<Row> rows, GenerationSource settings) {
    return score(
        rows,
        new Scoring.Texts(Serialised.require("what makes the settings of generate", settings)),
        "answer");
  }

  private Dataset<Row> score(Dataset<Row> rows, Scoring scoring, String name) {
    StructType schema = rows.schema();
    if (text == null) {
      throw new IllegalArgumentException("there is no column of texts: call text(column)");
    }
    Settings settings =
        new Settings(
            Schemas.requireText(schema, "text", text),
            new RowNames("", key == null ? null : Schemas.require(schema, "key", key)),
            adapterColumn == null
                ? null
                : Schemas.requireText(schema, "adapterColumn", adapterColumn),
            adapter(),
            batchSize,
            longestText,
            Schemas.with(schema, scoring.fields(into == null ? name : into)));
    return rows.mapPartitions(
        new Partition(
            model,
            settings,
            scoring,
            idle,
            new SerializableConfiguration(
                rows.sparkSession().sparkContext().hadoopConfiguration())),
        Encoders.row(settings.result()));
  }

  private @Nullable String adapter() {
    if (adapterColumn != null) {
      if (model.adapters().isEmpty()) {
        throw new IllegalArgumentException(
            "adapterColumn(\"%s\"), but the model has no adapters: call adapter(name, place) of it"
                .formatted(adapterColumn));
      }
      return null;
    }
    if (model.adapters().size() > 1) {
      throw new IllegalArgumentException(
          "the model has the adapters %s: say which a row has by adapterColumn(column)"
              .formatted(model.adapters().keySet()));
    }
    return model.adapters().keySet().stream().findFirst().orElse(null);
  }

  /** Scores a partition, on an executor. */
  private record Partition(
      SparkModel model,
      Settings settings,
      Scoring scoring,
      Duration idle,
      SerializableConfiguration hadoop)
      implements MapPartitionsFunction<Row, Row> {

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
      if (!rows.hasNext()) {
        return rows; // no model is loaded for nothing
      }
      TaskContext task = TaskContext.get();
      Configuration configuration = hadoop.value();
      SharedModels.Lease lease =
          SharedModels.OF_EXECUTOR.borrow(model, TaskDevice.of(task), configuration, idle);
      task.addTaskCompletionListener((TaskCompletionListener) ended -> lease.close());
      return new RowScorer(rows, settings, scoring, lease.model(), task);
    }
  }

  private static int positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + ", expected 1 or more");
    }
    return value;
  }
}
