package io.github.peft4j.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.modality.Classifications;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
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

/** Rows of Spark are scored as a single process scores them. */
@DisabledForJreRange(min = JRE.JAVA_24, disabledReason = LocalSpark.NOT_ON_THIS_JDK)
class SparkScorerTest {

  private static final int ROWS = 90;
  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType)
          .add("body", DataTypes.StringType)
          .add("tenant", DataTypes.StringType);

  @TempDir static Path temp;

  private static SparkSession spark;
  private static String bert;
  private static String llama;

  @BeforeAll
  static void start() throws IOException {
    bert = TinyModels.bert(temp.resolve("bert")).toString();
    llama = TinyModels.llama(temp.resolve("llama")).toString();
    for (int i = 0; i < 2; i++) {
      try (PeftModel model = Peft.from(bert).seed(i).load()) {
        model.adapt(
            LoraConfig.ofRank(4)
                .targetModules("query", "value")
                .initLoraWeights(LoraInitialization.RANDOM));
        model.save(temp.resolve(i == 0 ? "adapter" : "adapter ä").toString());
      }
    }
    spark = LocalSpark.threads(2).getOrCreate();
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static List<Row> rows() {
    Random random = new Random(1);
    return IntStream.range(0, ROWS)
        .mapToObj(
            i -> {
              String words =
                  String.join(
                      " ",
                      random
                          .ints(1 + random.nextInt(20), 0, TinyModels.WORDS)
                          .mapToObj(w -> "w" + w)
                          .toList());
              String tenant = i % 3 == 0 ? "first" : i % 3 == 1 ? "second" : Composition.BASE;
              return RowFactory.create((long) i, words, tenant);
            })
        .toList();
  }

  private static Dataset<Row> data(List<Row> rows) {
    return spark.createDataFrame(rows, SCHEMA).repartition(3).sortWithinPartitions("id");
  }

  private static SparkModel withAdapters() {
    return SparkModel.of(bert)
        .adapter("first", temp.resolve("adapter").toString())
        .adapter("second", "file:" + temp.resolve("adapter ä"));
  }

  @Test
  void classifiesEachRowByTheAdapterOfItsColumn() {
    List<Row> given = data(rows()).collectAsList();
    List<Row> scored =
        SparkScorer.of(withAdapters())
            .text("body")
            .key("id")
            .adapterColumn("tenant")
            .batchSize(7)
            .classify(data(rows()))
            .collectAsList();

    assertThat(scored).hasSize(ROWS);
    try (PeftModel model = Peft.load(bert)) {
      model.loadAdapter("first", temp.resolve("adapter"));
      model.loadAdapter("second", temp.resolve("adapter ä"));
      model.activate();
      for (int i = 0; i < ROWS; i++) {
        Row row = scored.get(i);
        assertThat(row.getLong(0)).isEqualTo(given.get(i).getLong(0));
        assertThat(row.getString(1)).isEqualTo(given.get(i).getString(1));
        String tenant = row.getString(2);
        Classifications.Classification best =
            (tenant.equals(Composition.BASE)
                    ? model.classify(row.getString(1))
                    : model.using(tenant).classify(row.getString(1)))
                .best();
        assertThat(row.getString(3)).isEqualTo(best.getClassName());
        assertThat(row.getDouble(4)).isCloseTo(best.getProbability(), within(1e-5));
      }
    }
  }

  @Test
  void embedsWithTheOnlyAdapter() {
    List<Row> scored =
        SparkScorer.of(SparkModel.of(bert).adapter("first", temp.resolve("adapter").toString()))
            .text("body")
            .into("vector")
            .embed(data(rows()))
            .limit(20)
            .collectAsList();

    try (PeftModel model = Peft.load(bert)) {
      model.loadAdapter("first", temp.resolve("adapter"));
      for (Row row : scored) {
        List<Float> vector = new ArrayList<>(row.<Float>getList(3));
        float[] alone = model.embed(row.getString(1));
        assertThat(vector).hasSize(alone.length);
        for (int i = 0; i < alone.length; i++) {
          assertThat(vector.get(i)).isCloseTo(alone[i], within(1e-5f));
        }
      }
    }
  }

  @Test
  void continuesPrompts() {
    List<Row> scored =
        SparkScorer.of(SparkModel.of(llama))
            .text("body")
            .batchSize(4)
            .generate(data(rows().subList(0, 12)), () -> GenerationConfig.greedy().maxNewTokens(5))
            .collectAsList();

    try (PeftModel model = Peft.load(llama)) {
      for (Row row : scored) {
        assertThat(row.getString(3))
            .isEqualTo(
                model.generate(row.getString(1), GenerationConfig.greedy().maxNewTokens(5)).text());
      }
    }
  }

  @Test
  void oneModelServesAllTasksAndIsClosedWhenNoneUsesIt() throws InterruptedException {
    SparkModel model = SparkModel.of(bert, Loads::counted);
    Loads.COUNT.set(0);
    SparkScorer scorer = SparkScorer.of(model).text("body").idle(Duration.ofHours(1));
    scorer.classify(data(rows()).repartition(8)).collectAsList();
    assertThat(Loads.COUNT).hasValue(1);
    assertThat(SharedModels.OF_EXECUTOR.isLoaded(model)).isTrue();

    scorer.idle(Duration.ZERO).classify(data(rows()).coalesce(1)).collectAsList();
    assertThat(Loads.COUNT).hasValue(1);
    assertThat(SharedModels.OF_EXECUTOR.isLoaded(model)).isFalse();

    scorer.idle(Duration.ofMillis(1)).classify(data(rows()).coalesce(1)).collectAsList();
    while (SharedModels.OF_EXECUTOR.isLoaded(model)) {
      Thread.sleep(10);
    }
    assertThat(Loads.COUNT).hasValue(2);
  }

  /** Counts loads in this JVM, where the tasks of local[2] run. */
  static final class Loads {
    static final AtomicInteger COUNT = new AtomicInteger();

    private Loads() {}

    static Peft.Loader counted(String folder) {
      COUNT.incrementAndGet();
      return Peft.from(folder);
    }
  }

  @Test
  void namesPartitionAndKeyOfABadRow() {
    assertBad(RowFactory.create(977L, null, "first"), "id = 977", "the text (column body) is null");
    assertBad(
        RowFactory.create(977L, "w1".repeat(60), "first"), "id = 977", "120 characters", "100");
    assertBad(
        RowFactory.create(977L, "w1", "third"),
        "id = 977",
        "the adapter (column tenant) is 'third'; expected one of [first, second], or __base__");
    assertBad(RowFactory.create(977L, "w1", null), "id = 977", "column tenant) is null");
  }

  private static void assertBad(Row bad, String... said) {
    List<Row> rows = new ArrayList<>(rows());
    rows.set(70, bad);
    Dataset<Row> scored =
        SparkScorer.of(withAdapters())
            .text("body")
            .key("id")
            .adapterColumn("tenant")
            .longestText(100)
            .classify(spark.createDataFrame(rows, SCHEMA).coalesce(1));
    assertThatThrownBy(scored::collectAsList)
        .hasMessageContaining("partition 0, ")
        .hasMessageContainingAll(said);
  }

  @Test
  void blamesTheRowThatTheModelRefuses() throws IOException {
    Path folder = TinyModels.bert(temp.resolve("refusing"));
    Path tokenizer = folder.resolve("tokenizer.json");
    String unknown = // beyond the model's table
        """
        "added_tokens": [
          {"id": 64, "content": "beyond", "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": false},\
        """;
    Files.writeString(
        tokenizer, Files.readString(tokenizer).replace("\"added_tokens\": [", unknown.strip()));
    List<Row> rows = new ArrayList<>(rows().subList(0, 40));
    rows.set(33, RowFactory.create(33L, "w1 beyond", "x"));
    Dataset<Row> scored =
        SparkScorer.of(SparkModel.of(folder.toString()))
            .text("body")
            .key("id")
            .classify(spark.createDataFrame(rows, SCHEMA).coalesce(1));
    assertThatThrownBy(scored::collectAsList)
        .hasMessageContaining("partition 0, id = 33: it cannot be scored: ");
  }

  @Test
  void checksColumnsBeforeAnyJob() {
    Dataset<Row> rows = data(rows());
    SparkModel plain = SparkModel.of("no such folder");
    assertThatThrownBy(() -> SparkScorer.of(plain).text("text").classify(rows))
        .hasMessage(
            "text(\"text\"): the data has no column of this name; it has [id, body, tenant]");
    assertThatThrownBy(
            () -> SparkScorer.of(plain).text("body").classify(rows.crossJoin(rows.select("body"))))
        .hasMessageContaining("text(\"body\"): the data has 2 columns of this name; it has [id, b");
    assertThatThrownBy(() -> SparkScorer.of(plain).text("id").classify(rows))
        .hasMessageContaining("of type bigint, expected string");
    assertThatThrownBy(() -> SparkScorer.of(plain).text("body").into("tenant").classify(rows))
        .hasMessageContaining("a column 'tenant' already");
    assertThatThrownBy(() -> SparkScorer.of(plain).classify(rows)).hasMessageContaining("text(");
    assertThatThrownBy(
            () -> SparkScorer.of(plain).text("body").adapterColumn("tenant").classify(rows))
        .hasMessageContaining("has no adapters");
    assertThatThrownBy(() -> SparkScorer.of(withAdapters()).text("body").classify(rows))
        .hasMessageContaining("adapterColumn(column)");
    Object notSerialisable = new Object();
    assertThatThrownBy(
            () -> SparkModel.of("x", folder -> Peft.from(folder + notSerialisable.hashCode())))
        .hasMessageContaining("cannot be sent to executors");
    assertThatThrownBy(
            () ->
                SparkScorer.of(plain)
                    .text("body")
                    .generate(
                        rows,
                        () -> GenerationConfig.greedy().maxNewTokens(notSerialisable.hashCode())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("what makes the settings of generate cannot be sent to executors");
    assertThatThrownBy(() -> plain.adapter(Composition.BASE, "anywhere"))
        .hasMessageContaining("adapter(\"__base__\", …): the name says that a row has no adapter");
  }

  /** Spark hands scored rows to the next function as they are: they know their columns. */
  @Test
  void theResultMayBeScoredAgain() {
    Dataset<Row> once =
        SparkScorer.of(SparkModel.of(bert)).text("body").classify(data(rows()).limit(5));
    Dataset<Row> twice =
        SparkScorer.of(SparkModel.of(bert)).text("body").into("second").embed(once);
    List<String> labels =
        twice
            .map(
                (MapFunction<Row, String>) row -> row.getAs("label") + "/" + row.length(),
                Encoders.STRING())
            .collectAsList();

    assertThat(labels)
        .containsExactlyElementsOf(
            once.collectAsList().stream().map(row -> row.getString(3) + "/6").toList());
  }

  /** A row after the user's own function may know no columns. */
  @Test
  void readsRowsThatKnowNoColumns() {
    Dataset<Row> made =
        data(rows())
            .map(
                (MapFunction<Row, Row>)
                    row -> RowFactory.create(row.get(0), row.get(1), row.get(2)),
                Encoders.row(SCHEMA));

    assertThat(
            SparkScorer.of(SparkModel.of(bert))
                .text("body")
                .key("id")
                .classify(made)
                .collectAsList())
        .hasSize(ROWS);
  }

  /** Who waited for a load that failed does not load again; who comes later does. */
  @Test
  void aLoadFailsForAllThatWaitForIt() throws InterruptedException {
    SharedModels models = new SharedModels();
    SparkModel model = SparkModel.of("nowhere", Failing::load);
    List<String> errors = Collections.synchronizedList(new ArrayList<>());
    Runnable borrow =
        () -> {
          try {
            models.borrow(model, Device.cpu(), new Configuration(), Duration.ZERO);
          } catch (IllegalStateException e) {
            errors.add(e.getMessage());
          }
        };
    Thread second = new Thread(borrow);
    Failing.second = second;
    borrow.run();
    second.join();

    assertThat(Failing.COUNT).hasValue(1);
    assertThat(errors)
        .containsExactlyInAnyOrder(
            "broken", "nowhere cannot be loaded: java.lang.IllegalStateException: broken");
    borrow.run();
    assertThat(Failing.COUNT).hasValue(2);
  }

  /** Fails when another thread waits for it. */
  static final class Failing {
    static final AtomicInteger COUNT = new AtomicInteger();
    static volatile Thread second = new Thread();

    private Failing() {}

    static Peft.Loader load(String folder) {
      if (COUNT.incrementAndGet() == 1) {
        second.start();
        while (second.getState() != Thread.State.BLOCKED) {
          Thread.onSpinWait();
        }
      }
      throw new IllegalStateException("broken");
    }
  }

  @Test
  void theErrorOfAModelThatIsNotThereSaysItsPlace() {
    Dataset<Row> scored =
        SparkScorer.of(SparkModel.of(temp.resolve("missing").toString()))
            .text("body")
            .classify(data(rows()));
    assertThatThrownBy(scored::collectAsList).hasMessageContaining("missing");
    assertThat(Files.exists(temp.resolve("missing"))).isFalse();
    String missing = temp.resolve("no adapter").toString();
    assertThatThrownBy(
            () ->
                SparkScorer.of(SparkModel.of(bert).adapter("news", missing))
                    .text("body")
                    .classify(data(rows()))
                    .collectAsList())
        .hasMessageContaining("the adapter 'news': this host has no folder " + missing);
  }
}
