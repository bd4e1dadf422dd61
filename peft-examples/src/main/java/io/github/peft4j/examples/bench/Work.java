package io.github.peft4j.examples.bench;

import io.github.peft4j.data.batch.Batch;
import java.util.Map;

/** What is measured, again and again. */
public interface Work extends AutoCloseable {

  /** How often it is done before measuring, if nothing else is asked for. */
  int warmUp();

  /** Does it once, and waits for the result. */
  void run(Batch batch);

  /** The number of tokens that a batch counts for. */
  default long tokens(Batch batch) {
    return batch.tokens();
  }

  /**
   * Checks that it did what it should.
   *
   * @param first the batch that it did first
   * @return numbers beside its speed, by name
   * @throws UnsoundException if its speed means nothing, because a loss does not fall, for example
   */
  default Map<String, Object> check(Batch first) {
    return Map.of();
  }

  @Override
  default void close() {}
}
