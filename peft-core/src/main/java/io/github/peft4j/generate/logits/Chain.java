package io.github.peft4j.generate.logits;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import java.util.List;

/** Processors, one after the other. They see float32, whatever the model's precision. */
record Chain(List<LogitsProcessor> processors) implements LogitsProcessor {

  @Override
  public NDArray process(List<Draft> drafts, NDArray logits) {
    if (processors.isEmpty()) {
      return logits;
    }
    NDArray scores = Tensors.cast(logits, Precision.FLOAT32);
    for (LogitsProcessor processor : processors) {
      NDArray changed = processor.process(drafts, scores);
      if (!changed.getShape().equals(logits.getShape())) {
        throw new IllegalStateException(
            "the logits processor %s made shape %s of %s; expected the same shape"
                .formatted(processor, changed.getShape(), logits.getShape()));
      }
      scores = changed;
    }
    return scores;
  }
}
