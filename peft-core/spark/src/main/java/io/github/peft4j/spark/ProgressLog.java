package io.github.peft4j.spark;

import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.CollectionConverters;

/** Writes the progress of a training to the driver's log, as executors report it. */
final class ProgressLog extends SparkListener {

  private static final Logger LOG = LoggerFactory.getLogger(ProgressLog.class);

  private final long id;
  private String last = "";

  ProgressLog(Progress progress) {
    this.id = progress.id();
  }

  @Override
  public void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
    CollectionConverters.asJava(update.accumUpdates())
        .forEach(task -> CollectionConverters.asJava(task._4()).forEach(info -> log(info)));
  }

  @Override
  public void onStageCompleted(SparkListenerStageCompleted stage) {
    if (stage.stageInfo().failureReason().isDefined()) {
      LOG.warn(
          "stage {}, attempt {}, has failed: {}",
          stage.stageInfo().stageId(),
          stage.stageInfo().attemptNumber() + 1,
          stage.stageInfo().failureReason().get().lines().findFirst().orElse(""));
    }
  }

  private void log(AccumulableInfo info) {
    if (info.id() == id && info.update().isDefined()) {
      log(info.update().get().toString());
    }
  }

  /** Writes a progress that differs from the last one. */
  synchronized void log(String text) {
    if (!text.isEmpty() && !text.equals(last)) {
      last = text;
      LOG.info("{}", text);
    }
  }
}
