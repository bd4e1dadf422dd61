package io.github.peft4j.spark;

import org.apache.spark.sql.SparkSession;

/** Sessions of Spark on this machine, reachable from this machine only. */
final class LocalSpark {

  private LocalSpark() {}

  static SparkSession.Builder builder(String master) {
    return (SparkSession.Builder)
        SparkSession.builder()
            .master(master)
            .appName("peft4j")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2");
  }
}
