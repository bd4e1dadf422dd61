package io.github.peft4j.kernel.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** PyTorch ends the process if a pool is used after its last graph was freed. */
class GraphPoolTest {

  private final CudaGraph.Pool pool = new CudaGraph.Pool();

  @Test
  void graphsShareMemoryUntilTheLastIsFreed() {
    long first = pool.enter();
    assertThat(pool.enter()).isEqualTo(first);
    pool.leave(first);
    assertThat(pool.enter()).isEqualTo(first);
    pool.leave(first);
    pool.leave(first);
    long second = pool.enter();
    assertThat(second).isNotEqualTo(first);
    pool.leave(first); // of a graph of long ago
    assertThat(pool.enter()).isEqualTo(second);
  }

  @Test
  void aRecordingThatWasNotEndedLeavesItsMemoryAlone() {
    long first = pool.enter();
    pool.enter();
    pool.renounce();
    pool.leave(first);
    long second = pool.enter();
    assertThat(second).isNotEqualTo(first);
    pool.leave(first);
    assertThat(pool.enter()).isEqualTo(second);
  }
}
