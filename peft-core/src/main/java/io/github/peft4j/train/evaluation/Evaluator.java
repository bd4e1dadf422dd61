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
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
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
        Measures.of(model.base().task()).of(Objective.of(model)));
  }

  private Evaluator(
      TextModel model,
      int rows,
      LongSupplier tokens,
      EncodingSettings reading,
      Objective objective,
      Measures measures) {
    if (rows < 1) {
      throw new IllegalArgumentException("batchSize is " + rows + ", expected 1 or more");
    }
    this.model = model;
    this.rows = rows;
    this.tokens = tokens;
    this.reading = reading;
    this.objective = objective.inEvaluation();
    this.measures = measures;
    this.collator = new Collator(model.base().padId(model.tokenizer().padId()));
  }

  /** This evaluator with another loss and other measures than those of the model's task. */
  public Evaluator measuring(Objective objective, Measures measures) {
    return new Evaluator(model, rows, tokens, reading, objective, measures);
  }

  /** This evaluator with other settings of how examples become ids. */
  public Evaluator reading(EncodingSettings settings) {
    return new Evaluator(model, rows, tokens, settings, objective, measures);
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
    try (ModelCall call = model.newCall()) {
      return evaluate(data, givesUp, call);
    }
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

  private Optional<Metrics> evaluate(EncodedDataset data, BooleanSupplier givesUp, ModelCall call) {
    double units = 0;
    Map<String, Double> sums = new LinkedHashMap<>();
    sums.put(Metrics.LOSS, 0.0);
    Hits hits = Hits.NONE;
    int replicas = call.adapters().composition().replicas();
    Prediction[] predictions =
        new Prediction[measures.needPredictions() ? replicas * data.size() : 0];
    for (int[] chosen : batches(data)) {
      if (givesUp.getAsBoolean()) {
        return Optional.empty();
      }
      Batch batch = collator.collate(data.select(chosen));
      double counted = replicas * units(batch, call);
      if (counted == 0 && predictions.length == 0) {
        continue;
      }
      Hits before = hits;
      hits =
          OutOfDeviceMemoryException.guard(
              () -> "evaluation of a " + batch,
              () -> ADVICE,
              () -> {
                try (Scope scope = new Scope();
                    Pass pass = call.pass();
                    ModelRun run = run(batch, pass)) {
                  if (predictions.length > 0) {
                    predict(data, chosen, run, pass, predictions);
                  }
                  return counted > 0 ? add(run, sums, before) : before;
                }
              });
      units += counted;
    }
    return Optional.of(metrics(sums, units, hits, data, List.of(predictions)));
  }

  private Hits add(ModelRun run, Map<String, Double> sums, Hits hits) {
    sums.merge(Metrics.LOSS, loss(run), Double::sum);
    run.reported().forEach((name, value) -> sums.merge(name, value, Double::sum));
    return measures.hasAccuracy() ? hits.and(Hits.of(run)) : hits;
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
  private void predict(
      EncodedDataset data, int[] chosen, ModelRun run, Pass pass, Prediction[] predictions) {
    NDArray logits = Autograd.without(() -> model.base().head().logits(run.hidden(), pass));
    float[] values = Tensors.floats(logits);
    int replicas = predictions.length / data.size();
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
      predictions[row / chosen.length * data.size() + index] =
          new Prediction(data.sourceOf(index), encoded, of);
    }
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
