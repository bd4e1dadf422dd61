package io.github.peft4j.train;

import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import java.util.List;

/** The values of what a training changes. */
final class TrainedValues {

  private TrainedValues() {}

  static List<float[]> of(PeftModel model) {
    return model.adapter(PeftModel.DEFAULT).trainables().stream()
        .map(tensor -> Tensors.floats(tensor.value()))
        .toList();
  }
}
