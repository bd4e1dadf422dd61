package io.github.peft4j.train.optimizer;

import io.github.peft4j.kernel.BoundKernel;

/** The update of some tensors, which are bound once. */
interface BoundUpdate extends AutoCloseable {

  /** Updates the tensors at a learning rate. */
  void run(double rate);

  @Override
  void close();

  /** An update by a kernel whose only number is the learning rate. */
  static BoundUpdate of(BoundKernel kernel) {
    return new BoundUpdate() {
      @Override
      public void run(double rate) {
        kernel.call(rate).close();
      }

      @Override
      public void close() {
        kernel.close();
      }
    };
  }
}
