package io.github.peft4j.train.evaluation;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.ByLength;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.objective.Hits;
import io.github.peft4j.train.objective.ModelRun;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures a model on data: its loss, what the {@link Measures} of its task say, the perplexity of
 * a language model, and how many masked tokens a masked language model finds. Losses are means over
 * all labels.
 */
public final class Evaluator {

  private static final Logger LOG = LoggerFactory.getLogger(Evaluator.class);

  private static final String ADVICE =
      "Measure fewer rows at a time, by FineTuner.evaluationBatchSize or the evaluator's batch size,"
          + " take a smaller maxLength, or load the model in fewer bits";

  private final TextModel model;
  private final Collator collator;
  private final int rows;
  private final LongSupplier tokens;
  private final EncodingSettings reading;
  private final Objective objective;
  private final Measures measures;
  private final Copies copies;

  /** A model and its copies on other devices. */
  @FunctionalInterface
  public interface Copies {

    /**
     * Lets the model and each of its copies do something, all at once.
     *
     * @param work gets the model or a copy, and the objective for it. It may be called by several
     *     threads
     */
    void each(BiConsumer<TextModel, Objective> work);
  }

  /**
   * What a batch gives.
   *
   * @param units what the sum of its losses is divided by; 0 if nothing counts
   * @param sums the sum of the losses, and of what the objective reports, by name
   * @param predictions those of the first of parallel adapters, one for each row, then those of the
   *     second, …; none if no measure needs them
   */
  private record Measured(
      double units, Map<String, Double> sums, Hits hits, Prediction[] predictions) {

    static final Prediction[] NO_PREDICTIONS = {};
    static final Measured NOTHING = new Measured(0, Map.of(), Hits.NONE, NO_PREDICTIONS);
  }

  /**
   * Creates an evaluator.
   *
   * @param batchSize rows of a batch, 1 or more
   * @param maxLength the most tokens of an example, 1 or more. Longer examples are cut, and a
   *     warning counts them
   */
  public Evaluator(TextModel model, int batchSize, int maxLength) {
    this(model, batchSize, Long.MAX_VALUE, maxLength);
  }

  /**
   * Creates an evaluator.
   *
   * @param rows the most rows of a batch
   * @param tokens the most tokens of a batch, padding included. A longer example is a batch of its
   *     own
   */
  public Evaluator(TextModel model, int rows, long tokens, int maxLength) {
    this(model, rows, () -> tokens, maxLength);
  }

  /**
   * Creates an evaluator.
   *
   * @param rows the most rows of a batch
   * @param tokens the most tokens of a batch, asked before each evaluation
   */
  public Evaluator(TextModel model, int rows, LongSupplier tokens, int maxLength) {
    this(
        model,
        rows,
        tokens,
        EncodingSettings.of(maxLength),
        Objective.of(model),
        Measures.of(model.base().task()).of(Objective.of(model)),
        null);
  }

  private Evaluator(
      TextModel model,
      int rows,
      LongSupplier tokens,
      EncodingSettings reading,
      Objective objective,
      Measures measures,
      @Nullable Copies copies) {
    if (rows < 1) {
      throw new IllegalArgumentException("batchSize is " + rows + ", expected 1 or more");
    }
    this.model = model;
    this.rows = rows;
    this.tokens = tokens;
    this.reading = reading;
    this.objective = objective.inEvaluation();
    this.measures = measures;
    this.copies = copies == null ? work -> work.accept(model, objective) : copies;
    this.collator = new Collator(model.base().padId(model.tokenizer().padId()));
  }

  /** This evaluator with another loss and other measures than those of the model's task. */
  public Evaluator measuring(Objective objective, Measures measures) {
    return new Evaluator(model, rows, tokens, reading, objective, measures, null);
  }

  /** This evaluator with other settings of how examples become ids. */
  public Evaluator reading(EncodingSettings settings) {
    return new Evaluator(model, rows, tokens, settings, objective, measures, null);
  }

  /**
   * This evaluator with copies of its model, which share the batches. What it measures is the same,
   * bit by bit, if their devices are of one kind. Measures that generate or compare all examples
   * have the model alone.
   *
   * @param copies the model itself, and its copies
   */
  public Evaluator sharing(Copies copies) {
    return new Evaluator(model, rows, tokens, reading, objective, measures, copies);
  }

  /** This evaluator on a copy of the model. */
  private Evaluator on(TextModel copy, Objective own) {
    return copy == model ? this : new Evaluator(copy, rows, tokens, reading, own, measures, null);
  }

  /** Measures the model, with its active adapters, on examples. */
  public Metrics evaluate(Examples<?> examples) {
    EncodedDataset data = TaskEncoder.encode(model, examples, reading);
    objective.check(data);
    long room = model.room();
    Truncated truncated = Truncated.of(data, (int) Math.min(reading.maxLength(), room));
    if (!truncated.isNone()) {
      LOG.warn(truncated.warning("evaluation", room));
    }
    return evaluate(data, () -> false).orElseThrow();
  }

  /**
   * Measures the model, unless it is asked to give up.
   *
   * @param givesUp asked before each batch
   * @return nothing if it gave up
   */
  public Optional<Metrics> evaluate(EncodedDataset data, BooleanSupplier givesUp) {
    List<int[]> batches = batches(data);
    Measured[] measured = new Measured[batches.size()];
    AtomicInteger next = new AtomicInteger();
    copies.each(
        (copy, own) -> {
          Evaluator there = on(copy, own);
          try (ModelCall call = copy.newCall()) {
            for (int i = next.getAndIncrement();
                i < measured.length && !givesUp.getAsBoolean();
                i = next.getAndIncrement()) {
              measured[i] = there.measure(data, batches.get(i), call);
            }
          } catch (RuntimeException | Error e) {
            next.set(measured.length); // the others end
            throw e;
          }
        });
    return Arrays.asList(measured).contains(null)
        ? Optional.empty()
        : Optional.of(metrics(data, batches, measured));
  }

  /**
   * Measures the model on several data sets, unless it is asked to give up.
   *
   * @param sets by name; {@code dev} is measured as {@code dev/loss} and so on
   * @param givesUp asked before each batch
   * @return nothing if it gave up
   */
  public Optional<Metrics> evaluate(Map<String, EncodedDataset> sets, BooleanSupplier givesUp) {
    Map<String, Double> all = new LinkedHashMap<>();
    for (Map.Entry<String, EncodedDataset> set : sets.entrySet()) {
      Optional<Metrics> measured = evaluate(set.getValue(), givesUp);
      if (measured.isEmpty()) {
        return measured;
      }
      measured
          .get()
          .values()
          .forEach((name, value) -> all.put(Measures.on(set.getKey(), name), value));
    }
    return Optional.of(new Metrics(all));
  }

  private Measured measure(EncodedDataset data, int[] chosen, ModelCall call) {
    Batch batch = collator.collate(data.select(chosen));
    double units = call.adapters().composition().replicas() * units(batch, call);
    if (units == 0 && !measures.needPredictions()) {
      return Measured.NOTHING;
    }
    return OutOfDeviceMemoryException.guard(
        () -> "evaluation of a " + batch,
        () -> ADVICE,
        () -> {
          try (Scope scope = new Scope();
              Pass pass = call.pass();
              ModelRun run = run(batch, pass)) {
            Prediction[] predictions =
                measures.needPredictions()
                    ? predictions(data, chosen, run, pass)
                    : Measured.NO_PREDICTIONS;
            if (units == 0) {
              return new Measured(0, Map.of(), Hits.NONE, predictions);
            }
            Map<String, Double> sums = new LinkedHashMap<>();
            sums.put(Metrics.LOSS, loss(run));
            sums.putAll(run.reported());
            Hits hits = measures.hasAccuracy() ? Hits.of(run) : Hits.NONE;
            return new Measured(units, sums, hits, predictions);
          }
        });
  }

  /** Adds up what batches gave, in their order. */
  private Metrics metrics(EncodedDataset data, List<int[]> batches, Measured[] measured) {
    double units = 0;
    Map<String, Double> sums = new LinkedHashMap<>();
    sums.put(Metrics.LOSS, 0.0);
    Hits hits = Hits.NONE;
    Prediction[] predictions = Measured.NO_PREDICTIONS;
    for (int i = 0; i < measured.length; i++) {
      int[] chosen = batches.get(i);
      units += measured[i].units();
      measured[i].sums().forEach((name, value) -> sums.merge(name, value, Double::sum));
      hits = hits.and(measured[i].hits());
      Prediction[] of = measured[i].predictions();
      if (predictions.length == 0) {
        predictions = new Prediction[of.length / chosen.length * data.size()];
      }
      for (int row = 0; row < of.length; row++) {
        predictions[row / chosen.length * data.size() + chosen[row % chosen.length]] = of[row];
      }
    }
    return metrics(sums, units, hits, data, List.of(predictions));
  }

  private Metrics metrics(
      Map<String, Double> sums,
      double units,
      Hits hits,
      EncodedDataset data,
      List<Prediction> predictions) {
    Map<String, Double> values = new LinkedHashMap<>();
    sums.forEach((name, sum) -> values.put(name, sum / units)); // NaN if nothing counts
    if (measures.hasPerplexity()) {
      values.put(Metrics.PERPLEXITY, Math.exp(sums.getOrDefault(Metrics.LOSS, 0.0) / units));
    }
    if (measures.hasAccuracy()) {
      values.put(Metrics.ACCURACY, hits.accuracy());
    }
    Measure.Evaluation evaluation = new Measure.Evaluation(model, data.source(), predictions);
    measures.all().forEach(measure -> values.putAll(measure.of(evaluation)));
    return new Metrics(values);
  }

  private double units(Batch batch, ModelCall call) {
    return BatchFeed.units(objective, batch, call.model(), call.adapters());
  }

  /** Parallel adapters are measured together: each label counts once for each adapter. */
  private ModelRun run(Batch batch, Pass pass) {
    TransformerModel base = model.base();
    int copies = objective.copies() * ModelRun.replicas(objective, pass.adapters());
    ModelInput input = BatchFeed.input(base, batch);
    NDArray hidden = base.hidden(input.repeat(objective.copies()), pass);
    return new ModelRun(
        base, input, BatchFeed.targets(base, batch), pass, hidden, false, 0, copies);
  }

  private double loss(ModelRun run) {
    return Autograd.without(() -> (double) Tensors.floats(run.loss(objective, null))[0]);
  }

  /**
   * Predictions of parallel adapters follow each other: all of the first, all of the second, ….
   * Those of the first copy count if the objective asks for several.
   */
  private Prediction[] predictions(EncodedDataset data, int[] chosen, ModelRun run, Pass pass) {
    NDArray logits = Autograd.without(() -> model.base().head().logits(run.hidden(), pass));
    float[] values = Tensors.floats(logits);
    int replicas = pass.adapters().composition().replicas();
    Prediction[] predictions = new Prediction[replicas * chosen.length];
    int copied = objective.copies() * chosen.length;
    int width = values.length / (replicas * copied);
    int classes = (int) model.base().head().classes();
    for (int row = 0; row < replicas * chosen.length; row++) {
      int index = chosen[row % chosen.length];
      EncodedExample encoded = data.examples().get(index);
      boolean perToken = logits.getShape().dimension() == 3;
      int states = perToken ? encoded.length() : 1;
      int place = row / chosen.length * copied + row % chosen.length;
      int before = perToken ? (int) model.base().head().before(pass.virtual()) : 0;
      int first = place * width + before * classes;
      float[][] of = new float[states][];
      Arrays.setAll(
          of, i -> Arrays.copyOfRange(values, first + i * classes, first + (i + 1) * classes));
      predictions[row] = new Prediction(data.sourceOf(index), encoded, of);
    }
    return predictions;
  }

  /** Whether the loss of a batch is finite. A batch without labels counts as finite. */
  public boolean isFinite(Batch batch) {
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = call.pass()) {
      if (units(batch, call) == 0) {
        return true;
      }
      try (ModelRun run = run(batch, pass)) {
        return Double.isFinite(loss(run));
      }
    }
  }

  /** Batches of examples of similar length, for less padding. Their order does not matter here. */
  public List<int[]> batches(EncodedDataset data) {
    int[] sizes = data.examples().stream().mapToInt(Evaluator::size).toArray();
    return ByLength.batches(sizes, rows, tokens.getAsLong());
  }

  /**
   * The tokens that an example takes in a batch: those of its input, or of its target if that is
   * longer; for texts that belong together, those of the longest for each.
   */
  public static int size(EncodedExample example) {
    List<EncodedExample> texts = example.texts();
    return texts.size()
        * texts.stream().mapToInt(e -> Math.max(e.length(), e.labels().length)).max().orElse(0);
  }
}
