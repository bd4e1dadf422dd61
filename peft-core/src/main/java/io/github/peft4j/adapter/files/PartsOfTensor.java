package io.github.peft4j.adapter.files;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.adapter.Merger;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.ParameterSite.Part;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A tensor that is written in parts. If adapters change it, it is merged once, for the part that is
 * written first, and freed with the part that is written last.
 */
final class PartsOfTensor implements AutoCloseable {

  private final ParameterSite parameter;
  private final Merger merger;
  private @Nullable NDArray merged;
  private int left;

  PartsOfTensor(ParameterSite parameter, Merger merger) {
    this.parameter = parameter;
    this.merger = merger;
  }

  /** Passes a part to a reader. */
  void read(Part part, Consumer<NDArray> reader) {
    if (left == 0) {
      left = parameter.parts().size();
      merged = merger.merged(parameter);
      if (merged == null && !parameter.waiting().isEmpty()) {
        merged = Scope.release(parameter.frozen()); // one copy from the host for all parts
      }
    }
    NDArray whole = merged == null ? parameter.frozen() : merged;
    try (NDArray values = Tensors.part(whole, part.offset(), part.shape())) {
      reader.accept(values);
    } finally {
      left--;
      if (left == 0) {
        close();
      }
    }
  }

  @Override
  public void close() {
    if (merged != null) {
      merged.close();
      merged = null;
    }
  }
}
