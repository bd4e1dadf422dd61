package io.github.peft4j.spark;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.CheckpointEvent;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StartEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskKilledException;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;

/**
 * What one task of a training does. All tasks run at once, and wait for each other.
 *
 * @param secret what tasks say to each other first
 * @param checkpoints the URI of their folder, or null for none
 */
record TrainingTask(
    SparkModel model,
    AdapterSource adapter,
    Tuning tuning,
    Broadcast<CollectedRows> training,
    @Nullable Broadcast<CollectedRows> validation,
    String secret,
    @Nullable String checkpoints,
    SerializableConfiguration hadoop,
    Progress progress)
    implements Serializable {

  /**
   * How a task has ended.
   *
   * @param error why the settings or the data are of no use: trying again would not help
   * @param training the result, of the first task
   */
  record Outcome(@Nullable String error, @Nullable SparkTraining training) implements Serializable {

    static final Outcome DONE = new Outcome(null, null);

    /** This as bytes, whatever serialiser Spark has. */
    byte[] bytes() throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
        out.writeObject(this);
      }
      return bytes.toByteArray();
    }

    static Outcome read(byte[] bytes) {
      try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
        return (Outcome) in.readObject();
      } catch (IOException | ClassNotFoundException e) {
        throw new IllegalStateException("the result of a task cannot be read: " + e, e);
      }
    }
  }

  Outcome run(BarrierTaskContext task) throws IOException {
    Path work = Files.createTempDirectory("peft4j-training-");
    try (Prepared prepared = new Prepared(this, task, work)) {
      List<String> errors =
          Arrays.stream(task.allGather(prepared.error()))
              .filter(error -> !error.isEmpty())
              .distinct()
              .toList();
      if (!errors.isEmpty()) {
        return new Outcome(String.join("; ", errors), null);
      }
      return train(task, prepared, work);
    } finally {
      HadoopFolders.delete(work);
    }
  }

  /** A task's model and data, or why it has none. */
  private static final class Prepared implements AutoCloseable {

    private final HadoopFolders files;
    private @Nullable PeftModel model;
    private @Nullable FineTuner tuner;
    private String error = "";

    Prepared(TrainingTask settings, BarrierTaskContext task, Path work) throws IOException {
      this.files = new HadoopFolders(settings.hadoop.value());
      try {
        PeftModel loaded = settings.model.load(TaskDevice.of(task), files);
        model = loaded;
        settings.adapter.adapt(loaded);
        tuner = settings.tuner(loaded, work);
        if (settings.checkpoints != null) {
          new RemoteCheckpoints(settings.checkpoints, settings.hadoop.value())
              .download(settings.runs(work));
        }
      } catch (RowException e) {
        error = String.valueOf(e.getMessage());
      } catch (RuntimeException e) { // such as a file that this host lacks
        error =
            "task %d on %s: %s"
                .formatted(
                    task.partitionId(),
                    host(),
                    e instanceof IllegalArgumentException ? e.getMessage() : e);
      }
    }

    String error() {
      return error;
    }

    @Override
    public void close() {
      if (model != null) {
        model.close();
      }
      files.close();
    }
  }

  private Path runs(Path work) throws IOException {
    return Files.createDirectories(work.resolve("run"));
  }

  private FineTuner tuner(PeftModel model, Path work) throws IOException {
    FineTuner tuner = FineTuner.of(model).quiet().on(examples(training, model, work, "training"));
    if (validation != null) {
      tuner.validateOn(examples(validation, model, work, "validation"));
    }
    if (checkpoints != null) {
      tuner.checkpointTo(runs(work));
    }
    tuning.set(tuner);
    return tuner;
  }

  private static Examples<?> examples(
      Broadcast<CollectedRows> rows, PeftModel model, Path work, String name) throws IOException {
    rows.value().requireLabels(model.base().task().labels());
    return rows.value().examples(work.resolve(name + ".jsonl"));
  }

  /** The host of this executor, as other executors reach it. */
  private static String host() {
    return SparkEnv.get().blockManager().blockManagerId().host();
  }

  private Outcome train(BarrierTaskContext task, Prepared prepared, Path work) throws IOException {
    FineTuner tuner = Objects.requireNonNull(prepared.tuner);
    int rank = task.partitionId();
    try (Ring.Door door = Ring.Door.open(host())) {
      List<String> addresses = List.of(task.allGather(door.address()));
      try (Ring ring = new Ring(door, rank, addresses, secret, () -> requireAlive(task))) {
        FirstStep first = new FirstStep();
        tuner.among(ring).listener(first);
        Uploads uploads = new Uploads();
        if (rank == 0) {
          tuner.listener(progress.listener());
          if (checkpoints != null) {
            tuner.listener(uploads);
          }
        }
        TrainingReport report = tuner.run();
        uploads.requireDone();
        requireLife(ring);
        return rank == 0
            ? new Outcome(null, result(task, prepared, report, first.step, work))
            : Outcome.DONE;
      }
    } catch (TrainingException | IllegalArgumentException e) {
      return new Outcome(String.valueOf(e.getMessage()), null);
    }
  }

  private static void requireAlive(BarrierTaskContext task) {
    if (task.isInterrupted()) {
      throw new TaskKilledException();
    }
  }

  /** A run that ended since an executor is shut down goes on when Spark tries it again. */
  private static void requireLife(Ring ring) {
    boolean ends = false;
    try {
      Thread hook = new Thread(() -> {});
      Runtime.getRuntime().addShutdownHook(hook);
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      ends = true;
    }
    if (ring.gather(new byte[] {(byte) (ends ? 1 : 0)}).stream().anyMatch(said -> said[0] == 1)) {
      throw new IllegalStateException("the executor of a task is shut down; the run can go on");
    }
  }

  /** Which step the run went on from. */
  private static final class FirstStep implements TrainingListener {
    private long step;

    @Override
    public void onStart(StartEvent event) {
      step = event.stepsDone();
    }
  }

  /** Copies checkpoints to their folder. If that fails, the run ends at its next step. */
  private final class Uploads implements TrainingListener {
    private @Nullable IOException failure;

    @Override
    public void onCheckpoint(CheckpointEvent event) {
      try {
        if (checkpoints != null) {
          new RemoteCheckpoints(checkpoints, hadoop.value()).upload(event.folder());
        }
      } catch (IOException e) {
        failure = e;
      }
    }

    @Override
    public boolean stops() {
      return failure != null;
    }

    void requireDone() {
      if (failure != null) {
        throw new UncheckedIOException(
            "cannot copy a checkpoint to %s: %s".formatted(checkpoints, failure), failure);
      }
    }
  }

  private static SparkTraining result(
      BarrierTaskContext task, Prepared prepared, TrainingReport report, long first, Path work)
      throws IOException {
    PeftModel model = Objects.requireNonNull(prepared.model);
    Path folder = work.resolve("adapter");
    model.save(folder.toString());
    Map<String, byte[]> files = new LinkedHashMap<>();
    try (Stream<Path> saved = Files.list(folder)) {
      for (Path file : saved.sorted().toList()) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    Map<Long, Map<String, Double>> evaluations = new TreeMap<>();
    for (EvaluationEvent event : report.evaluations()) {
      Metrics metrics = event.metrics();
      evaluations.put(event.step(), new TreeMap<>(metrics.values()));
    }
    return new SparkTraining(
        report.steps(),
        new ArrayList<>(report.losses()),
        evaluations,
        report.bestStep(),
        task.stageAttemptNumber(),
        first,
        report.seconds(),
        report.tokensPerSecond(),
        ResidentMemory.peak(),
        files);
  }
}
