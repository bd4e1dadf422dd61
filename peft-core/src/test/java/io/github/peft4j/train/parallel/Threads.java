package io.github.peft4j.train.parallel;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;

/** Groups of threads, in place of processes. */
final class Threads {

  private final int size;
  private final CyclicBarrier barrier;
  private final float[][] values;
  private final byte[][] messages;

  Threads(int size) {
    this.size = size;
    this.barrier = new CyclicBarrier(size);
    this.values = new float[size][];
    this.messages = new byte[size][];
  }

  /** Lets the others fail in place of waiting for a member that has failed. */
  void fail() {
    barrier.reset();
  }

  private void await() {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException("a member is lost", e);
    }
  }

  /** The place of a thread. */
  Group member(int rank) {
    return new Group() {
      @Override
      public int rank() {
        return rank;
      }

      @Override
      public int size() {
        return size;
      }

      @Override
      public void sum(float[] own) {
        values[rank] = own.clone();
        await();
        Arrays.fill(own, 0);
        for (float[] each : values) {
          for (int i = 0; i < own.length; i++) {
            own[i] += each[i];
          }
        }
        await();
      }

      @Override
      public List<byte[]> gather(byte[] message) {
        messages[rank] = message;
        await();
        List<byte[]> all = List.of(messages.clone());
        await();
        return all;
      }
    };
  }
}
