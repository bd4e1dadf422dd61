package io.github.peft4j.spark;

import io.github.peft4j.PeftModel;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.runtime.AbstractFunction1;

/**
 * The measurements behind the Spark numbers of docs/performance.md. The suite does not run them;
 * {@code -Dtest='SparkBench#scoring'} runs one.
 */
class SparkBench {

  private static final StructType SCHEMA =
      new StructType().add("id", DataTypes.LongType).add("body", DataTypes.StringType);

  @TempDir Path temp;

  private static List<String> texts(int count) {
    Random random = new Random(1);
    return IntStream.range(0, count)
        .mapToObj(
            i ->
                String.join(
                    " ",
                    random
                        .ints(5 + random.nextInt(40), 0, 26)
                        .mapToObj(c -> "word" + (char) ('a' + c))
                        .toList()))
        .toList();
  }

  /** Rows a second of one process, and of Spark's tasks in one process, both by as many threads. */
  @Test
  void scoring() throws IOException {
    int count = Integer.getInteger("rows", 4000);
    List<String> texts = texts(count);
    for (int cores = Integer.getInteger("cores", 1);
        cores <= Runtime.getRuntime().availableProcessors();
        cores *= 2) {
      try (SparkSession spark = LocalSpark.threads(cores).getOrCreate()) {
        Dataset<Row> rows =
            spark
                .createDataFrame(
                    IntStream.range(0, count)
                        .mapToObj(i -> RowFactory.create((long) i, texts.get(i)))
                        .toList(),
                    SCHEMA)
                .repartition(2 * cores)
                .cache();
        SparkScorer scorer =
            SparkScorer.of(
                    SparkModel.of(
                        "all-MiniLM-L6-v2",
                        place -> MiniLm.loader().task(Task.featureExtraction())))
                .text("body")
                .idle(Duration.ofMinutes(5));
        scorer.embed(rows.limit(200)).count();
        scorer.embed(rows).foreach(row -> {}); // loads rows and model
        double before = alone(texts, cores);
        long start = System.nanoTime();
        scorer.embed(rows).foreach(row -> {});
        double together = count / seconds(start) / cores;
        double alone = (before + alone(texts, cores)) / 2; // the machine may be faster at one time
        System.out.printf(
            "Spark, %d tasks at once: %.1f rows/s a core, %.3f of the %.1f of one process with as many threads%n",
            cores, together, together / alone, alone);
      }
    }
  }

  /** Rows a second a core of a program whose threads share a model. */
  private static double alone(List<String> texts, int threads) {
    int part = texts.size() / threads;
    try (PeftModel model = MiniLm.embedder()) {
      model.embed(texts.subList(0, 32));
      long start = System.nanoTime();
      CompletableFuture.allOf(
              IntStream.range(0, threads)
                  .mapToObj(i -> texts.subList(i * part, (i + 1) * part))
                  .map(its -> CompletableFuture.runAsync(() -> model.embed(its)))
                  .toArray(CompletableFuture[]::new))
          .join();
      return part / seconds(start);
    }
  }

  /** Seconds a step that the sum of gradients takes, over the ring and by allGather. */
  @Test
  void exchange() throws IOException {
    for (int processes : new int[] {2, 4}) {
      try (SparkSession spark = LocalSpark.processes(processes).getOrCreate()) {
        for (int megabytes : new int[] {1, 10, 50}) {
          double ring = measured(spark, processes, megabytes, true);
          double gather =
              megabytes > 10 ? Double.NaN : measured(spark, processes, megabytes, false);
          System.out.printf(
              "%d processes, %d MB: ring %.3f s a step, allGather %.3f s%n",
              processes, megabytes, ring, gather);
        }
      }
    }
  }

  private static double measured(SparkSession spark, int processes, int megabytes, boolean ring) {
    return JavaSparkContext.fromSparkContext(spark.sparkContext())
        .parallelize(IntStream.range(0, processes).boxed().toList(), processes)
        .rdd()
        .barrier()
        .mapPartitions(
            new Exchange(megabytes * 1_000_000 / 4, ring),
            false,
            ClassTag.<Double>apply(Double.class))
        .toJavaRDD()
        .collect()
        .get(0);
  }

  /** The mean of five sums. */
  private static final class Exchange extends AbstractFunction1<Iterator<Integer>, Iterator<Double>>
      implements Serializable {

    private static final long serialVersionUID = 1;
    private static final int TIMES = 5;

    private final int numbers;
    private final boolean ring;

    Exchange(int numbers, boolean ring) {
      this.numbers = numbers;
      this.ring = ring;
    }

    @Override
    public Iterator<Double> apply(Iterator<Integer> ranks) {
      BarrierTaskContext task = BarrierTaskContext.get();
      float[] values = new float[numbers];
      try (Ring.Door door = Ring.Door.open("127.0.0.1")) {
        List<String> addresses = List.of(task.allGather(door.address()));
        try (Ring sockets = new Ring(door, task.partitionId(), addresses, "secret", () -> {})) {
          sum(task, sockets, values);
          long start = System.nanoTime();
          for (int i = 0; i < TIMES; i++) {
            sum(task, sockets, values);
          }
          return CollectionConverters.asScala(List.of(seconds(start) / TIMES).iterator());
        }
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    private void sum(BarrierTaskContext task, Ring sockets, float[] values) {
      if (ring) {
        sockets.sum(values);
        return;
      }
      ByteBuffer bytes = ByteBuffer.allocate(4 * values.length);
      bytes.asFloatBuffer().put(values);
      float[] sums = new float[values.length];
      for (String each : task.allGather(Base64.getEncoder().encodeToString(bytes.array()))) {
        ByteBuffer got = ByteBuffer.wrap(Base64.getDecoder().decode(each));
        for (int i = 0; i < sums.length; i++) {
          sums[i] += got.getFloat();
        }
      }
      System.arraycopy(sums, 0, values, 0, sums.length);
    }
  }

  /** The memory of executors over many steps. */
  @Test
  void memory() throws IOException {
    String bert = TinyModels.bert(temp.resolve("bert")).toString();
    int steps = Integer.getInteger("steps", 1000);
    try (SparkSession spark = LocalSpark.processes(2).getOrCreate()) {
      List<Row> rows = new ArrayList<>();
      Random random = new Random(1);
      for (int i = 0; i < 400; i++) {
        String text =
            String.join(
                " ", random.ints(1 + random.nextInt(20), 0, 60).mapToObj(w -> "w" + w).toList());
        rows.add(RowFactory.create((long) i, text + "\t" + "abc".charAt(i % 3)));
      }
      Dataset<Row> data =
          spark
              .createDataFrame(rows, SCHEMA)
              .selectExpr("id", "split(body, '\t')[0] as body", "split(body, '\t')[1] as class");
      String folder = temp.toString();
      SparkFineTuner.of(SparkModel.of(bert))
          .adapt(model -> model.adapt(LoraConfig.ofRank(8).targetModules("query", "value")))
          .on(data)
          .text("body")
          .label("class")
          .tasks(2)
          .checkpointTo(temp.resolve("run").toUri().toString())
          .settings(
              tuner ->
                  tuner
                      .steps(steps)
                      .batchSize(8)
                      .accumulate(2)
                      .checkpointEvery(100)
                      .listener(new Watch(folder)))
          .run();
    }
  }

  /** Prints the resident memory of its process now and then. */
  private record Watch(String folder) implements TrainingListener, Serializable {
    @Override
    public void onStep(StepEvent event) {
      if (event.step() % 100 == 0) {
        String line =
            "process %d, step %d: %d MiB%n"
                .formatted(ProcessHandle.current().pid(), event.step(), ResidentMemory.now() >> 20);
        System.err.print(line);
        try {
          java.nio.file.Files.writeString(
              Path.of(folder).resolveSibling("peft4j-memory.txt"),
              line,
              java.nio.file.StandardOpenOption.CREATE,
              java.nio.file.StandardOpenOption.APPEND);
        } catch (IOException e) {
          throw new java.io.UncheckedIOException(e);
        }
      }
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
