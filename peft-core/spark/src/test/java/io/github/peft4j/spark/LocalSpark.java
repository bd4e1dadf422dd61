package io.github.peft4j.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;

/** Sessions of Spark on this machine, reachable from this machine only. */
final class LocalSpark {

  static final String NOT_ON_THIS_JDK =
      "Hadoop 3.4.2, which Spark 4.1 brings, calls Subject.getSubject, which JDK 24 took away";

  private LocalSpark() {}

  /** Tasks are threads of this process. */
  static SparkSession.Builder threads(int count) {
    return builder("local[%d]".formatted(count));
  }

  /**
   * Executors are processes of one core each. The environment needs SPARK_HOME, a folder that is
   * written to, and SPARK_SCALA_VERSION.
   */
  static SparkSession.Builder processes(int count) throws IOException {
    Files.createDirectories(Path.of(System.getenv("SPARK_HOME"), "jars"));
    return builder("local-cluster[%d,1,1024]".formatted(count))
        .config("spark.executor.memory", "1g")
        .config("spark.executor.heartbeatInterval", "1s")
        .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
        .config(
            "spark.executor.extraJavaOptions",
            "-Dai.djl.offline=true -Dorg.slf4j.simpleLogger.defaultLogLevel=info"
                + " -XX:TieredStopAtLevel=1")
        .config("spark.executorEnv.OMP_NUM_THREADS", "1")
        .config("spark.executorEnv.OPT_OUT_TRACKING", "true");
  }

  private static SparkSession.Builder builder(String master) {
    return SparkSession.builder()
        .master(master)
        .appName("peft4j")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.codegen.wholeStage", "false") // it costs more than it gives here
        .config("spark.sql.adaptive.enabled", "false");
  }
}
