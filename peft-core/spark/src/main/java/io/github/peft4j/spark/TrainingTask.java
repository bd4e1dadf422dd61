package io.github.peft4j.spark;

import ai.djl.engine.EngineException;
import io.github.peft4j.PeftModel;
import io.github.peft4j.advice.Advised;
import io.github.peft4j.data.Examples;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.CheckpointEvent;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.report.StartEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskKilledException;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
    CollectedRows training,
    @Nullable CollectedRows validation,
    String secret,
    @Nullable String checkpoints,
    SerializableConfiguration hadoop,
    Progress progress)
    implements Serializable {

  private static final String TRAINING = "training.jsonl";
  private static final String VALIDATION = "validation.jsonl";
  private static final String RUN = "run";

  private static final Logger LOG = LoggerFactory.getLogger(TrainingTask.class);

  /**
   * How a task has ended.
   *
   * @param error why the settings or the data are of no use: trying again would not help
   * @param training the result, of the first task
   */
  record Outcome(@Nullable String error, @Nullable SparkTraining training) implements Serializable {

    byte[] bytes() {
      return Serialised.bytes("the result of a task", this);
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
    Path work = LocalFolders.create("peft4j-training-");
    try (Prepared prepared = new Prepared(this, task, work)) {
      String errors = errors(task, prepared.error());
      if (!errors.isEmpty()) {
        return new Outcome(errors, null);
      }
      Ending ending = train(task, prepared, work);
      // A task that lost a neighbour hears here why. If that was killed, Spark ends this one, too.
      errors = errors(task, ending.error());
      if (!errors.isEmpty()) {
        return new Outcome(errors, null);
      }
      if (ending.lost() != null) {
        throw ending.lost();
      }
      return new Outcome(null, ending.training());
    } finally {
      LocalFolders.delete(work);
    }
  }

  /** The errors of all tasks, each with the tasks that have it, or "". */
  private static String errors(BarrierTaskContext task, String error) {
    String[] all = task.allGather(error);
    Map<String, List<Integer>> tasks = new LinkedHashMap<>();
    for (int i = 0; i < all.length; i++) {
      if (!all[i].isEmpty()) {
        tasks.computeIfAbsent(all[i], e -> new ArrayList<>()).add(i);
      }
    }
    return tasks.entrySet().stream()
        .map(
            entry ->
                entry.getValue().size() == all.length
                    ? entry.getKey()
                    : names(task, entry.getValue()) + ": " + entry.getKey())
        .collect(Collectors.joining("; "));
  }

  private static String names(BarrierTaskContext task, List<Integer> tasks) {
    int first = tasks.get(0);
    String host = task.getTaskInfos()[first].address().replaceFirst(":\\d+$", "");
    return "task %d on %s".formatted(first, host)
        + (tasks.size() == 1 ? "" : ", and %d more".formatted(tasks.size() - 1));
  }

  /**
   * What an error says. Rows and checkpoints have their names outside of this host. An error that
   * nobody foresaw says its class.
   */
  private String message(Exception e, Path work) {
    boolean foreseen = e instanceof IllegalArgumentException || e instanceof Advised;
    String message = foreseen ? String.valueOf(e.getMessage()) : e.toString();
    message = training.named(message, work.resolve(TRAINING), "");
    if (validation != null) {
      message = validation.named(message, work.resolve(VALIDATION), "validation data: ");
    }
    return checkpoints == null
        ? message
        : message.replace(work.resolve(RUN).toString(), checkpoints);
  }

  /** A task's model and data, or why it has none. */
  private static final class Prepared implements AutoCloseable {

    private final HadoopFolders files;
    private @Nullable PeftModel model;
    private @Nullable FineTuner tuner;
    private String error = "";

    Prepared(TrainingTask settings, BarrierTaskContext task, Path work) {
      this.files = new HadoopFolders(settings.hadoop.value());
      try {
        RemoteCheckpoints remote = settings.remote();
        if (remote != null && task.partitionId() == 0) {
          remote.requireWritable();
        }
        PeftModel loaded = settings.model.load(TaskDevice.of(task), files);
        model = loaded;
        settings.adapter.adapt(loaded);
        tuner = settings.tuner(loaded, work);
        if (remote != null) {
          remote.download(settings.runs(work));
        }
      } catch (IOException | RuntimeException e) { // such as a file that this host lacks
        error = settings.message(e, work);
        LOG.error("a training cannot start", e);
      } catch (Error e) {
        close();
        throw e;
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

  private @Nullable RemoteCheckpoints remote() {
    return checkpoints == null ? null : new RemoteCheckpoints(checkpoints, hadoop.value());
  }

  private Path runs(Path work) throws IOException {
    return Files.createDirectories(work.resolve(RUN));
  }

  private FineTuner tuner(PeftModel model, Path work) throws IOException {
    FineTuner tuner =
        FineTuner.of(model).quiet().on(examples(training, model, work.resolve(TRAINING)));
    if (validation != null) {
      tuner.validateOn(examples(validation, model, work.resolve(VALIDATION)));
    }
    if (checkpoints != null) {
      tuner.checkpointTo(runs(work));
    }
    tuning.set(tuner);
    return tuner;
  }

  private static Examples<?> examples(CollectedRows rows, PeftModel model, Path file)
      throws IOException {
    rows.requireLabels(model.base().task().labels());
    return rows.examples(file);
  }

  /** The host of this executor, as other executors reach it. */
  private static String host() {
    return SparkEnv.get().blockManager().blockManagerId().host();
  }

  /**
   * How this task's part has ended.
   *
   * @param error why another try would not help, or ""
   * @param lost why another try may help, or null
   * @param training the result, of the first task
   */
  private record Ending(
      String error, @Nullable RuntimeException lost, @Nullable SparkTraining training) {}

  private Ending train(BarrierTaskContext task, Prepared prepared, Path work) throws IOException {
    try (Ring.Door door = Ring.Door.open(host())) {
      List<String> addresses = List.of(task.allGather(door.address()));
      try (Ring ring =
          new Ring(door, task.partitionId(), addresses, secret, () -> requireAlive(task))) {
        try {
          return new Ending("", null, train(task, ring, prepared, work));
        } catch (RuntimeException e) {
          if (ring.isBroken()) {
            return new Ending("", e, null);
          }
          if (mayPass(e)) {
            throw e;
          }
          LOG.error("a training has failed", e);
          return new Ending(message(e, work), null, null);
        }
      }
    }
  }

  /** Whether another try may help: of files, of native memory, of an executor that is shut down. */
  private static boolean mayPass(RuntimeException e) {
    return e instanceof UncheckedIOException
        || e instanceof EngineException
        || e instanceof TaskKilledException
        || isShutDown();
  }

  private @Nullable SparkTraining train(
      BarrierTaskContext task, Ring ring, Prepared prepared, Path work) throws IOException {
    FineTuner tuner = Objects.requireNonNull(prepared.tuner);
    FirstStep first = new FirstStep();
    tuner.among(ring).listener(first);
    Uploads uploads = new Uploads();
    if (ring.rank() == 0) {
      tuner.listener(progress.listener());
      if (checkpoints != null) {
        tuner.listener(uploads);
      }
    }
    TrainingReport report = tuner.run();
    uploads.requireDone();
    requireLife(ring);
    return ring.rank() == 0 ? result(task, prepared, report, first.step, work) : null;
  }

  private static void requireAlive(BarrierTaskContext task) {
    if (task.isInterrupted()) {
      throw new TaskKilledException();
    }
  }

  /** A run that ended since an executor is shut down goes on when Spark tries it again. */
  private static void requireLife(Ring ring) {
    byte[] mine = {(byte) (isShutDown() ? 1 : 0)};
    if (ring.gather(mine).stream().anyMatch(said -> said[0] == 1)) {
      throw new UncheckedIOException(
          new IOException("the executor of a task is shut down; the run can go on"));
    }
  }

  private static boolean isShutDown() {
    try {
      Thread hook = new Thread(() -> {});
      Runtime.getRuntime().addShutdownHook(hook);
      Runtime.getRuntime().removeShutdownHook(hook);
      return false;
    } catch (IllegalStateException e) {
      return true;
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
        Objects.requireNonNull(remote()).upload(event.folder());
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
