package io.github.peft4j.examples.bench;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.parallel.Part;
import io.github.peft4j.train.parallel.ReplicaSettings;
import io.github.peft4j.train.parallel.Replicas;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A training step on several devices, as in {@code FineTuner.on(devices)}: each computes the whole
 * batch, gradients are added up and handed out, and each updates its copy. On one device it is the
 * same code with nothing to add up.
 */
final class ParallelTraining implements Work {

  private static final int WARM_UP = 10;
  private static final double RATE = 1e-4;

  private final AdapterTraining training;
  private final Replicas replicas;
  private double firstLoss = Double.NaN;
  private double loss = Double.NaN;
  private double norm;

  /** Trains the model's adapter on the model's device, and on as many others as are needed. */
  ParallelTraining(
      PeftModel model, Method method, Activations activations, Optimizers kind, int devices) {
    this.training = model.train(PeftModel.DEFAULT);
    try {
      this.replicas =
          new Replicas(
              training,
              Placement.devices("--devices", devices, model.base().device()).subList(1, devices),
              new ReplicaSettings(
                  activations,
                  0,
                  method.rule(),
                  new ParameterGroup(RATE, 0.01),
                  1.0,
                  adapter -> kind.settings(),
                  Objective::of),
              1);
    } catch (RuntimeException | OutOfMemoryError e) {
      training.close();
      throw e;
    }
  }

  @Override
  public int warmUp() {
    return WARM_UP;
  }

  /** Each device computes the batch. */
  @Override
  public long tokens(Batch batch) {
    return replicas.size() * batch.tokens();
  }

  @Override
  public void run(Batch batch) {
    try (Calls.Call alone = training.step()) {
      List<Part> parts =
          IntStream.range(0, replicas.size()).mapToObj(i -> new Part(batch, i)).toList();
      double units =
          replicas.size()
              * BatchFeed.units(Objective.of(training), batch, training.base(), training.active());
      List<Backpropagation.Result> results = replicas.backpropagate(parts, 1 / units);
      loss = results.stream().mapToDouble(Backpropagation.Result::loss).sum() / units;
      double mean = loss;
      replicas.share(1);
      norm = replicas.each(replica -> replica.update().run(1, 1, RATE, mean));
    }
    if (Double.isNaN(firstLoss)) {
      firstLoss = loss;
    }
  }

  /** The loss has to fall, and the copies have to stay the same. */
  @Override
  public Map<String, Object> check(Batch first) {
    if (!(loss < firstLoss) || !(norm > 0)) { // none may be NaN
      throw new UnsoundException(
          String.format(
              Locale.ROOT,
              "the loss does not fall: %.5f at first, %.5f at last, with a gradient's norm of %.5f",
              firstLoss,
              loss,
              norm));
    }
    if (!replicas.areAlike()) {
      throw new UnsoundException("the tensors of the devices are not the same");
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("trainable", training.adapter().size());
    facts.put("first_loss", Numbers.rounded(firstLoss));
    facts.put("loss", Numbers.rounded(loss));
    facts.put("gradient_norm", Numbers.rounded(norm));
    return facts;
  }

  @Override
  public void close() {
    replicas.close();
    training.close();
  }
}
