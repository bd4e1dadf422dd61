package io.github.peft4j.examples.bench.numerics;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.named.Quantizations;
import io.github.peft4j.train.step.Activations;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The losses of a training, step by step.
 *
 * @param precision null for the default of the device
 * @param batch rows of a step
 * @param length tokens of a row
 * @param recompute whether layers run again instead of keeping what they computed
 */
public record LossCurve(
    Shape shape,
    @Nullable Precision precision,
    int batch,
    int length,
    int steps,
    boolean recompute) {

  private static final int DIGITS = 10_000;

  /**
   * Trains a model, and returns a line of JSON.
   *
   * @param quantize how frozen weights are kept, a name of {@link Quantizations}; empty for as they
   *     are
   */
  public String line(String quantize) {
    Peft.Loader loader = shape.withoutDropout().loader();
    if (precision != null) {
      loader.precision(precision);
    }
    if (!quantize.isEmpty()) {
      loader.quantize(Quantizations.of(quantize));
    }
    try (PeftModel model = loader.load().adapt(Trainings.LORA)) {
      Corpus corpus = new Corpus(shape, batch, length);
      Trajectory trained =
          Trajectory.of(
              model,
              corpus.even(),
              steps,
              Trainings.rate(shape),
              recompute ? Activations.RECOMPUTED : Activations.KEPT);
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("case", "losses");
      facts.put("shape", shape.name());
      facts.put("precision", model.base().precision().name().toLowerCase(Locale.ROOT));
      facts.put("quantize", quantize);
      facts.put("batch", batch);
      facts.put("length", length);
      facts.put("step_ms", trained.stepMillis());
      facts.put("first_loss", trained.first());
      facts.put("loss", trained.last());
      facts.put(
          "losses",
          Arrays.stream(trained.losses()).map(loss -> Math.rint(loss * DIGITS) / DIGITS).toArray());
      JsonObject line = new Gson().toJsonTree(facts).getAsJsonObject();
      trained.machine().entrySet().forEach(fact -> line.add(fact.getKey(), fact.getValue()));
      return line.toString();
    }
  }
}
