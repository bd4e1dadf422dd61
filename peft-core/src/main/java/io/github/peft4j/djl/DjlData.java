package io.github.peft4j.djl;

import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import ai.djl.translate.TranslateException;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads data sets of DJL. Their records are arrays: a reader says which text a record belongs to,
 * and what its label means.
 *
 * <pre>{@code
 * // movies is a StanfordMovieReview of ai.djl.basicdataset, whose TextDataset knows the raw texts
 * Dataset<ClassificationExample> reviews =
 *     DjlData.read(
 *         movies,
 *         (i, record) ->
 *             new ClassificationExample(
 *                 movies.getRawText(i, true),
 *                 record.getLabels().get(0).getInt() == 1 ? "good" : "bad"));
 * }</pre>
 */
public final class DjlData {

  private DjlData() {}

  /**
   * The examples of a data set, which is prepared if it is not yet. All are read at once, by this
   * thread, and kept in memory.
   *
   * @param records the data set
   * @param reader makes an example of each record
   * @param <E> the type of the examples
   * @throws DataException if a record cannot be read; the message says which
   */
  public static <E extends Example> Dataset<E> read(
      RandomAccessDataset records, RecordReader<? extends E> reader) {
    try {
      records.prepare();
    } catch (IOException | TranslateException e) {
      throw new DataException(
          "%s could not be prepared: %s".formatted(name(records), e.getMessage()), e);
    }
    List<E> examples = new ArrayList<>();
    try (NDManager manager = NDManager.newBaseManager()) {
      for (long i = 0; i < records.size(); i++) {
        examples.add(read(records, i, reader, manager));
      }
    }
    return new Dataset<>(examples);
  }

  private static <E extends Example> E read(
      RandomAccessDataset records, long index, RecordReader<? extends E> reader, NDManager parent) {
    try (NDManager manager = parent.newSubManager()) {
      Record record = records.get(manager, index);
      E example = reader.read(index, record);
      if (example == null) {
        throw new DataException("the reader gave null; expected an example");
      }
      return example;
    } catch (IOException | RuntimeException e) {
      throw new DataException(
          "record %d of %s could not be read: %s".formatted(index, name(records), e.getMessage()),
          e);
    }
  }

  private static String name(RandomAccessDataset records) {
    return records.getClass().getSimpleName();
  }
}
