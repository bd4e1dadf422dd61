package io.github.peft4j.djl;

import ai.djl.training.dataset.Record;
import io.github.peft4j.data.Example;

/**
 * Makes an example of a record of a DJL data set.
 *
 * @param <E> the type of the examples
 */
@FunctionalInterface
public interface RecordReader<E extends Example> {

  /**
   * The example of a record.
   *
   * @param index the index of the record, from 0, for data sets that keep their texts elsewhere
   * @param record its arrays, which are freed afterwards
   */
  E read(long index, Record record);
}
