package io.github.peft4j.examples;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.examples.bench.Environment;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.quantization.named.Quantizations;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.step.Activations;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/**
 * The losses of trainings of a pretrained model on texts, with LoRA of rank 16 on all linear maps.
 * Trainings of one seed begin with the same adapter, and read the same batches.
 *
 * @param loader the model, which each training loads anew
 * @param data rows to learn from, and rows to measure with
 * @param batch rows of a step
 * @param length the most tokens of a row
 * @param steps of each training
 * @param rate the learning rate after the warm-up, from which it falls to 0
 * @param recompute whether layers run again instead of keeping what they computed
 */
record TextLosses(
    Supplier<Peft.Loader> loader,
    Dataset.Split<?> data,
    int batch,
    int length,
    int steps,
    double rate,
    boolean recompute) {

  private static final int RANK = 16;

  /** The steps at the end whose mean is compared. */
  private static final int LAST = 20;

  /**
   * A training.
   *
   * @param quantize how frozen weights are kept, a name of {@link Quantizations}; empty for as they
   *     are
   * @param before the loss of the held-out rows before the training
   * @param after the same after it
   * @param losses of all steps
   * @param line all of it and the machine, as JSON
   */
  record Curve(
      String quantize, int seed, double before, double after, List<Double> losses, String line) {

    /** The mean loss of the last steps. */
    double last() {
      return losses.stream()
          .skip(Math.max(0, losses.size() - LAST))
          .mapToDouble(Double::doubleValue)
          .average()
          .orElse(Double.NaN);
    }

    /** A line that says how far this is from another training. */
    String against(Curve other) {
      return String.format(
          Locale.ROOT,
          "%s, seed %d: held out before %s, last %d steps %s, held out after %s",
          quantize.isEmpty() ? "as they are" : quantize,
          seed,
          compared(before, other.before),
          Math.min(LAST, losses.size()),
          compared(last(), other.last()),
          compared(after, other.after));
    }

    private static String compared(double loss, double other) {
      return String.format(Locale.ROOT, "%.4f (%+.2f %%)", loss, 100 * (loss / other - 1));
    }
  }

  /** Trains the model. */
  Curve train(String quantize, int seed) {
    Peft.Loader weights = loader.get().seed(seed);
    if (!quantize.isEmpty()) {
      weights.quantize(Quantizations.of(quantize));
    }
    try (PeftModel model = weights.load()) {
      Program.requireTokenizer(model);
      model.adapt(LoraConfig.ofRank(RANK).loraAlpha(2.0 * RANK).targetModules("all-linear"));
      Evaluator evaluator = new Evaluator(model, batch, length);
      double before = evaluator.evaluate(data.heldOut()).get(Metrics.LOSS);
      List<Double> losses = new ArrayList<>();
      double seconds =
          FineTuner.of(model)
              .on(data.train())
              .steps(steps)
              .batchSize(batch)
              .maxLength(length)
              .learningRate(rate)
              .warmup(0.06)
              .activations(recompute ? Activations.RECOMPUTED : Activations.KEPT)
              .seed(seed)
              .quiet()
              .listener(
                  new TrainingListener() {
                    @Override
                    public void onStep(StepEvent event) {
                      losses.add(event.loss());
                    }
                  })
              .run()
              .seconds();
      double after = evaluator.evaluate(data.heldOut()).get(Metrics.LOSS);
      JsonObject line = new JsonObject();
      line.addProperty("case", "losses");
      line.addProperty("precision", model.base().precision().name().toLowerCase(Locale.ROOT));
      line.addProperty("quantize", quantize);
      line.addProperty("seed", seed);
      line.addProperty("batch", batch);
      line.addProperty("length", length);
      line.addProperty("rate", rate);
      line.addProperty("seconds", seconds);
      line.addProperty("before", before);
      line.addProperty("after", after);
      line.add("losses", new Gson().toJsonTree(losses));
      new Gson()
          .toJsonTree(Environment.facts(model.base().device().isGpu()))
          .getAsJsonObject()
          .entrySet()
          .forEach(fact -> line.add(fact.getKey(), fact.getValue()));
      return new Curve(quantize, seed, before, after, losses, line.toString());
    }
  }
}
