package io.github.peft4j.examples.bench;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.evaluation.BatchFeed;

/** The logits of a whole batch. */
record Reading(PeftModel model) implements Work {

  @Override
  public int warmUp() {
    return 10;
  }

  @Override
  public void run(Batch batch) {
    try (Scope scope = new Scope()) {
      // Fetching a number waits for the device.
      Tensors.floats(
          model.logits(BatchFeed.input(model.base(), batch)).get("0:1").flatten().get("0:1"));
    }
  }
}
