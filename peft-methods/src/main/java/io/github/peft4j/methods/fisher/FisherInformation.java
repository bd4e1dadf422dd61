package io.github.peft4j.methods.fisher;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.optimizer.Gradients;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The diagonal of the Fisher information: for each parameter, the sum over examples of its squared
 * gradient of the example's loss. The dropout of the model is on, as in the code of FISH mask and
 * of Child-Tuning.
 */
final class FisherInformation implements AutoCloseable {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(sum: Tensor, g: Tensor, weight: Tensor) -> Tensor:
              return torch.add_(sum, torch.mul({part}, weight))
          """);
  private static final Kernel SQUARE = ADD.with("part", "torch.square(g)");
  private static final Kernel ABSOLUTE = ADD.with("part", "torch.abs(g)");

  private static final String PROBE = "fisher: probe";

  private final PeftModel model;
  private final AdapterTraining training;
  private final Backpropagation backpropagation;
  private final Gradients gradients;
  private final Map<String, Trainable> copies = new LinkedHashMap<>();
  private final Map<String, NDArray> sums = new LinkedHashMap<>();
  private final Kernel add;
  private long runs;

  private FisherInformation(PeftModel model, Predicate<String> names, GradType part) {
    this.model = model;
    this.training = model.train(PROBE);
    this.backpropagation = new Backpropagation(training, Activations.KEPT);
    this.add = part == GradType.SQUARE ? SQUARE : ABSOLUTE;
    for (Rewrite rewrite : training.adapter().rewrites()) {
      if (rewrite.layer() instanceof TrainableCopy layer && names.test(rewrite.site().name())) {
        copies.put(rewrite.site().name(), layer.value());
        sums.put(rewrite.site().name(), Scope.release(layer.value().value().zerosLike()));
      }
    }
    this.gradients = new Gradients(training.adapter().trainables());
  }

  /**
   * Computes with the information of a model's tensors, which starts with sums of zero.
   *
   * @param trained trains all of the model, meanwhile
   * @param names the tensors that are of interest
   */
  static <T> T in(
      PeftModel model,
      FullConfig trained,
      Predicate<String> names,
      GradType part,
      Function<FisherInformation, T> use) {
    Composition before = model.active();
    try {
      model.adapt(PROBE, trained);
      try (FisherInformation information = new FisherInformation(model, names, part)) {
        return use.apply(information);
      }
    } finally {
      if (model.adapters().containsKey(PROBE)) {
        model.remove(PROBE);
      }
      model.activate(before);
    }
  }

  /**
   * Adds the information of one example with these labels. The loss is the mean over its labels.
   *
   * @param weight of the example in the sum
   */
  void add(Batch example, LossTargets labels, double weight) {
    double count = model.count(labels);
    if (count == 0 || weight == 0) {
      return;
    }
    try (Calls.Call alone = training.step();
        Scope all = new Scope()) {
      backpropagation.run(
          BatchFeed.input(model.base(), example), labels, 1 / count, runs++ * 1_000_003L);
      Autograd.without(
          () -> {
            Map<Trainable, NDArray> arrived = gradients.arrived();
            copies.forEach((name, copy) -> add(name, arrived.get(copy), weight));
            return null;
          });
      gradients.clear();
    }
  }

  private void add(String name, @Nullable NDArray gradient, double weight) {
    if (gradient != null) {
      NDArray factor = gradient.getManager().create((float) weight);
      add.call(requireNonNull(sums.get(name)), gradient, factor).close();
    }
  }

  /** The sums by the names of tensors, each read when it is asked for. */
  Map<String, Supplier<float[]>> scores() {
    if (runs == 0) {
      throw new IllegalArgumentException(
          "no example has a label that counts, so that nothing is known of the parameters: give"
              + " examples of the task, or raise maxLength if their answers were cut");
    }
    Map<String, Supplier<float[]>> scores = new LinkedHashMap<>();
    sums.forEach((name, sum) -> scores.put(name, () -> Tensors.floats(sum)));
    return scores;
  }

  @Override
  public void close() {
    sums.values().forEach(NDArray::close);
    gradients.close();
    training.close();
  }
}
