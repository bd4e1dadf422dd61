package io.github.peft4j.methods;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A training step of a {@link TinyFamily}'s model, without the update.
 *
 * @param gradients of all trained tensors, one after the other
 */
record TinyStep(double loss, float[] gradients) {

  /** Runs the step. */
  static TinyStep of(PeftModel model, boolean recompute) {
    model.trainables().forEach(Trainable::clearGradient);
    LossTargets targets = TinyFamily.targets(model);
    double share = 1.0 / model.count(targets);
    double loss;
    try (Scope scope = new Scope()) {
      Activations activations = recompute ? Activations.RECOMPUTED : Activations.KEPT;
      Backpropagation back = new Backpropagation(model, activations);
      loss = share * back.run(TinyFamily.input(model), targets, share, 0);
    }
    List<Float> all = new ArrayList<>();
    for (Trainable tensor : model.trainables()) {
      NDArray gradient = Autograd.gradient(tensor.value());
      if (gradient != null) {
        try (gradient) {
          for (float value : Tensors.floats(gradient)) {
            all.add(value);
          }
        }
      }
    }
    float[] gradients = new float[all.size()];
    for (int i = 0; i < gradients.length; i++) {
      gradients[i] = all.get(i);
    }
    return new TinyStep(loss, gradients);
  }

  /** The logits of the family's input. */
  static float[] logits(PeftModel model) {
    try (ModelCall call = model.newCall();
        Scope scope = new Scope()) {
      return Tensors.floats(call.logits(TinyFamily.input(model)));
    }
  }

  /** The cosine between the gradients of two steps. */
  double cosine(TinyStep other) {
    return dot(other) / Math.sqrt(dot(this) * other.dot(other));
  }

  private double dot(TinyStep other) {
    return IntStream.range(0, gradients.length)
        .mapToDouble(i -> (double) gradients[i] * other.gradients[i])
        .sum();
  }
}
