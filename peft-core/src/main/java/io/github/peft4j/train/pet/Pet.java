package io.github.peft4j.train.pet;

import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Examples;
import io.github.peft4j.train.FineTuner;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Classification with few labelled texts: PET and iPET (Schick and Schütze 2021, arXiv:2001.07676
 * and arXiv:2009.07118).
 *
 * <pre>{@code
 * PetReport report = Pet.of(model)
 *     .adapter(LoraConfig.ofRank(8))
 *     .patterns(Pattern.of("It was {mask}. {text}"), Pattern.of("{text} All in all, it was {mask}."))
 *     .verbalizer(Verbalizer.of(Map.of("positive", "great", "negative", "terrible")))
 *     .on(labelled)
 *     .unlabelled(texts)
 *     .classifier(classifier, LoraConfig.ofRank(8))
 *     .run(Path.of("pet"));
 * }</pre>
 *
 * <p>A model is trained for each pattern and repetition: an adapter of its own on the one frozen
 * model. Together they give soft labels to the unlabelled texts, from which a classifier learns. In
 * iPET there are several generations: each model of the next one is also trained on texts that
 * other models of the last one labelled.
 *
 * <p>Finished models are in the folder. A run that was stopped goes on after the last of them.
 */
public final class Pet {

  /** The most tokens of a text with its pattern by default, as in the authors' code. */
  static final int MAX_LENGTH = 256;

  /** How much each pattern model counts. */
  public enum Weighting {
    /** By its accuracy on the labelled texts before training. */
    ACCURACY,
    /** All alike. */
    UNIFORM
  }

  final PeftModel model;
  @Nullable PeftConfig adapter;
  List<Pattern> patterns = List.of();
  @Nullable Verbalizer verbalizer;
  @Nullable Examples<ClassificationExample> labelled;
  @Nullable Examples<?> unlabelled;
  @Nullable PeftModel classifier;
  @Nullable PeftConfig classifierAdapter;
  int repetitions = 3;
  long steps = 250;
  long classifierSteps = 1000;
  int batchSize = 4;
  int maxLength = MAX_LENGTH;
  OptionalDouble auxiliary = OptionalDouble.empty();
  Weighting weighting = Weighting.ACCURACY;
  double temperature = 2;
  int generations = 1;
  double scaleFactor = 5;
  double share = 0.25;
  int mostLikely;
  long seed = 42;
  UnaryOperator<FineTuner> training = tuner -> tuner;
  UnaryOperator<FineTuner> distillation = tuner -> tuner;

  private Pet(PeftModel model) {
    this.model = model;
  }

  /**
   * Begins the settings.
   *
   * @param model a masked language model; or a causal one, if patterns end with their gap. Its
   *     adapters stay as they are
   */
  public static Pet of(PeftModel model) {
    return new Pet(model);
  }

  /** Sets the method of each pattern's model, such as LoRA. */
  public Pet adapter(PeftConfig config) {
    this.adapter = config;
    return this;
  }

  /** Sets the patterns, one at least. */
  public Pet patterns(Pattern... patterns) {
    this.patterns = List.of(patterns);
    return this;
  }

  /** Sets what is said for each label. */
  public Pet verbalizer(Verbalizer verbalizer) {
    this.verbalizer = verbalizer;
    return this;
  }

  /** Sets the labelled examples. Their labels are those of the verbalizer. */
  public Pet on(Examples<ClassificationExample> labelled) {
    this.labelled = labelled;
    return this;
  }

  /**
   * Sets the unlabelled examples: texts, or texts with labels, which are not read. They are for the
   * auxiliary loss, for the classifier and for generations after the first.
   */
  public Pet unlabelled(Examples<?> texts) {
    this.unlabelled = texts;
    return this;
  }

  /**
   * Sets the classifier that learns the soft labels.
   *
   * @param classifier a model for classification, whose labels are those of the verbalizer; it gets
   *     an adapter called {@code pet}
   * @param config the adapter's method
   */
  public Pet classifier(PeftModel classifier, PeftConfig config) {
    this.classifier = classifier;
    this.classifierAdapter = config;
    return this;
  }

  /** Sets how many models are trained for each pattern, with other seeds: 1 or more; 3. */
  public Pet repetitions(int repetitions) {
    this.repetitions = positive("repetitions", repetitions);
    return this;
  }

  /** Sets the steps of each pattern's model: 1 or more; 250. */
  public Pet steps(int steps) {
    this.steps = positive("steps", steps);
    return this;
  }

  /** Sets the steps of the classifier: 1 or more; 1000. */
  public Pet classifierSteps(int steps) {
    this.classifierSteps = positive("classifierSteps", steps);
    return this;
  }

  /** Sets the labelled texts of a step, and the unlabelled ones beside them: 1 or more; 4. */
  public Pet batchSize(int batchSize) {
    this.batchSize = positive("batchSize", batchSize);
    return this;
  }

  /** Sets the most tokens of a text with its pattern, 1 or more; 256. */
  public Pet maxLength(int tokens) {
    this.maxLength = positive("maxLength", tokens);
    return this;
  }

  /**
   * Sets the weight α of the auxiliary loss: masked language modelling of unlabelled texts in the
   * pattern. The loss is (1 − α) · task + α · MLM. 10⁻⁴ by default, as in the paper, if there are
   * unlabelled texts, the model is a masked one and words have one token; otherwise 0.
   *
   * @param alpha in [0, 1)
   */
  public Pet auxiliary(double alpha) {
    if (!(alpha >= 0 && alpha < 1)) {
      throw new IllegalArgumentException("auxiliary is " + alpha + "; expected in [0, 1)");
    }
    this.auxiliary = OptionalDouble.of(alpha);
    return this;
  }

  /** Sets how much each pattern model counts; by its accuracy before training. */
  public Pet weighting(Weighting weighting) {
    this.weighting = weighting;
    return this;
  }

  /** Sets the temperature of the soft labels, above 0; 2. */
  public Pet temperature(double temperature) {
    this.temperature = new SoftLabels(temperature).temperature();
    return this;
  }

  /** Sets the number of generations: 1 for PET, the default; 3 in iPET. */
  public Pet generations(int generations) {
    this.generations = positive("generations", generations);
    return this;
  }

  /** Sets by what factor the training data of a generation grows, above 1; 5. */
  public Pet scaleFactor(double factor) {
    if (!(factor > 1) || factor == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("scaleFactor is " + factor + "; expected above 1");
    }
    this.scaleFactor = factor;
    return this;
  }

  /** Sets the part of the other models that label texts for a model, in (0, 1]; 0.25. */
  public Pet share(double share) {
    if (!(share > 0 && share <= 1)) {
      throw new IllegalArgumentException("share is " + share + "; expected in (0, 1]");
    }
    this.share = share;
    return this;
  }

  /**
   * Lets a label draw, for the second generation, from the texts in which it is likeliest, whatever
   * else they are said to be. For few labelled texts, where models say one label only.
   *
   * @param texts from how many, 1 or more
   */
  public Pet mostLikely(int texts) {
    this.mostLikely = positive("mostLikely", texts);
    return this;
  }

  /** Sets the seed; 42. */
  public Pet seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Sets more of the training of each pattern's model, such as its learning rate. */
  public Pet training(UnaryOperator<FineTuner> settings) {
    this.training = settings;
    return this;
  }

  /** Sets more of the training of the classifier. */
  public Pet distillation(UnaryOperator<FineTuner> settings) {
    this.distillation = settings;
    return this;
  }

  private static int positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + "; expected 1 or more");
    }
    return value;
  }

  /**
   * Trains the pattern models and the classifier.
   *
   * @param folder of their adapters; a run that was stopped there goes on
   * @throws IllegalArgumentException if settings, data and models do not fit together, or the
   *     folder is of a run with other settings
   * @throws IllegalStateException if a training is stopped; the next run goes on before it
   */
  public PetReport run(Path folder) {
    return new PetRun(this, folder).run();
  }
}
