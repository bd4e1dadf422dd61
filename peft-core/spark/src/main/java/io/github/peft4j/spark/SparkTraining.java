package io.github.peft4j.spark;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.sql.SparkSession;
import scala.Option;

/**
 * The result of a training on Spark.
 *
 * @param steps number of optimizer steps, those before a resume included
 * @param losses mean loss of a label at every step, from the first
 * @param evaluations the numbers of each evaluation, by the step that it followed
 * @param bestStep the step of the best evaluation, or -1 without evaluations
 * @param attempt how often Spark had tried the stage before, from 0
 * @param firstStep the step from which the last attempt went on, from 0
 * @param seconds duration of the last attempt's training
 * @param tokensPerSecond speed of its steps, all tasks together
 * @param peakResidentBytes the most memory that the first task's process had, or 0 if unknown
 * @param adapter the files of the adapter, by name
 */
public record SparkTraining(
    long steps,
    List<Double> losses,
    Map<Long, Map<String, Double>> evaluations,
    long bestStep,
    int attempt,
    long firstStep,
    double seconds,
    double tokensPerSecond,
    long peakResidentBytes,
    Map<String, byte[]> adapter)
    implements Serializable {

  /** The loss of the last step. */
  public double finalLoss() {
    return losses.get(losses.size() - 1);
  }

  /** The run in a line, without the losses and the adapter. */
  @Override
  public String toString() {
    return "%,d steps from step %,d, attempt %d, final loss %.4f, %.1f s, %,.0f tokens/s%s"
        .formatted(
            steps,
            firstStep,
            attempt,
            finalLoss(),
            seconds,
            tokensPerSecond,
            evaluations.isEmpty()
                ? ""
                : ", best step %d: %s".formatted(bestStep, evaluations.get(bestStep)));
  }

  /**
   * Saves the adapter, in the format that Hugging Face PEFT reads.
   *
   * @param place a folder of this host, or a URI of a Hadoop file system
   * @throws UncheckedIOException if a file cannot be written
   */
  public void save(String place) {
    try {
      if (HadoopFolders.isUri(place)) {
        upload(place, configuration());
      } else {
        Path folder = Files.createDirectories(Path.of(place));
        for (Map.Entry<String, byte[]> file : adapter.entrySet()) {
          Files.copy(
              new ByteArrayInputStream(file.getValue()),
              folder.resolve(file.getKey()),
              StandardCopyOption.REPLACE_EXISTING);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot save the adapter to " + place + ": " + e, e);
    }
  }

  /** That of the session, or of the class path if that was stopped. */
  private static Configuration configuration() {
    Option<SparkSession> session = SparkSession.getDefaultSession();
    return session.isDefined()
        ? session.get().sparkContext().hadoopConfiguration()
        : new Configuration();
  }

  private void upload(String uri, Configuration configuration) throws IOException {
    org.apache.hadoop.fs.Path folder = new org.apache.hadoop.fs.Path(uri);
    FileSystem files = folder.getFileSystem(configuration);
    files.mkdirs(folder);
    for (Map.Entry<String, byte[]> file : adapter.entrySet()) {
      try (var out = files.create(new org.apache.hadoop.fs.Path(folder, file.getKey()), true)) {
        out.write(file.getValue());
      }
    }
  }
}
