package io.github.peft4j.examples.bench;

import com.google.gson.Gson;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.named.Quantizations;
import io.github.peft4j.train.step.Activations;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Measures a model with a method.
 *
 * @param precision null for the default of the device
 * @param quantize how frozen weights are kept, a name of {@link Quantizations}; empty for as they
 *     are
 * @param offloads whether the table of input embeddings is in the host's memory
 * @param optimizer of a training
 * @param batch rows of a step
 * @param length tokens of a row, or of a prompt
 * @param newTokens tokens to generate
 * @param warmUp steps before those that are measured; 0 for ten, or three of generation
 * @param steps measured steps
 * @param devices that train together, each on as many rows; 0 for a training that knows of no
 *     others
 * @param revision of the code, for the result; may be empty
 */
public record Measurement(
    Shape shape,
    Method method,
    @Nullable Precision precision,
    String quantize,
    boolean offloads,
    Optimizers optimizer,
    int batch,
    int length,
    int newTokens,
    int warmUp,
    int steps,
    int devices,
    String revision) {

  /** The names of the cases. */
  public static final List<String> CASES =
      List.of("train", "recompute", "host", "inference", "decode", "serve");

  /** Loads the model, which the caller closes. */
  public PeftModel load() {
    Peft.Loader loader = shape.loader();
    if (precision != null) {
      loader.precision(precision);
    }
    if (offloads) {
      loader.offloadEmbeddings();
    }
    if (!quantize.isEmpty()) {
      loader.quantize(Quantizations.of(quantize));
    }
    return loader.load();
  }

  /** The batches of a step: one of equal rows, or an epoch of unequal ones. */
  public Feed feed(String rows) {
    return rows.equals("even")
        ? Feed.even(shape, batch, length)
        : Feed.ragged(rows, shape, batch, length, steps);
  }

  /**
   * Measures a case, and returns one line of JSON.
   *
   * @param name {@code train}, {@code recompute}, {@code host}, {@code inference} or {@code decode}
   * @throws UnsoundException if the measurement means nothing
   */
  public String measure(String name, PeftModel model, Feed feed) {
    boolean gpu = model.base().device().isGpu();
    Environment.release(gpu);
    PeftConfig config = method.config();
    if (config != null) {
      model.adapt(config);
    }
    try (Work work = work(name, model, feed)) {
      Map<String, Object> line = settings(name, model, feed);
      line.putAll(Environment.facts(gpu));
      line.putAll(numbers(feed, timing(work, feed)));
      line.putAll(Environment.memory(gpu));
      line.putAll(work.check(feed.batches().get(0)));
      return new Gson().toJson(line);
    } catch (UnsoundException e) {
      throw new UnsoundException(
          "%s, %s, %s, %s rows: %s"
              .formatted(shape.name(), method.name(), name, feed.rows(), e.getMessage()));
    } finally {
      if (config != null) {
        model.remove(PeftModel.DEFAULT);
      }
    }
  }

  private Timing timing(Work work, Feed feed) {
    return Timing.of(work, feed.batches(), warmUp > 0 ? warmUp : work.warmUp(), steps);
  }

  private Map<String, Object> settings(String name, PeftModel model, Feed feed) {
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("side", "peft4j");
    settings.put("case", name);
    settings.put("shape", shape.name());
    settings.put("method", method.name());
    settings.put("rows", feed.rows());
    settings.put("precision", numbers(model));
    if (devices > 0) {
      settings.put("devices", devices);
    }
    settings.put("batch", batch);
    settings.put("length", length);
    settings.put("new_tokens", name.equals("decode") ? newTokens : 0);
    settings.put("revision", revision);
    return settings;
  }

  /** How numbers are kept: those of the model, the frozen ones, and the optimizer's. */
  private String numbers(PeftModel model) {
    String numbers = model.base().precision() + (quantize.isEmpty() ? "" : " " + quantize);
    String kept =
        (offloads ? " offloaded" : "") + (optimizer == Optimizers.ADAMW ? "" : " " + optimizer);
    return (numbers + kept).toLowerCase(Locale.ROOT);
  }

  private Work work(String name, PeftModel model, Feed feed) {
    return switch (name) {
      case "train" -> training(model, Activations.KEPT);
      case "recompute" -> training(model, Activations.RECOMPUTED);
      case "host" -> training(model, Activations.ON_HOST);
      case "inference" -> new Reading(model);
      case "decode" -> {
        if (!feed.rows().equals("even")) {
          throw new IllegalArgumentException(
              "decode takes prompts of one length: leave --ragged out");
        }
        yield new Decoding(model, feed.batches().get(0), newTokens);
      }
      default -> throw new IllegalArgumentException("no case '" + name + "'; there are " + CASES);
    };
  }

  private Work training(PeftModel model, Activations activations) {
    method.required();
    return devices > 0
        ? new ParallelTraining(model, method, activations, optimizer, devices)
        : new Training(model, method, activations, optimizer);
  }

  private static Map<String, Object> numbers(Feed feed, Timing timing) {
    boolean equal = feed.batches().size() == 1;
    int steps = timing.seconds().size();
    Map<String, Object> numbers = new LinkedHashMap<>();
    numbers.put("steps", steps);
    numbers.put("step_ms", Numbers.rounded(1e3 * timing.medianSeconds()));
    numbers.put("cpu_ms", Numbers.rounded(1e3 * timing.cpuSeconds() / steps));
    numbers.put("tokens", timing.tokens());
    numbers.put("fill", Numbers.rounded(feed.fill()));
    numbers.put("tokens_per_second", Math.round(timing.tokensPerSecond(equal)));
    return numbers;
  }
}
