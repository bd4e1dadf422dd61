package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.HeadSpec;
import io.github.peft4j.transformer.family.HeadSpec.Output;
import io.github.peft4j.transformer.family.HeadSpec.Pooling;
import io.github.peft4j.transformer.family.HeadSpec.Step;
import io.github.peft4j.transformer.head.ClassificationHead;
import io.github.peft4j.transformer.head.FeatureHead;
import io.github.peft4j.transformer.head.Head;
import io.github.peft4j.transformer.head.HeadSteps;
import io.github.peft4j.transformer.head.LanguageModelHead;
import io.github.peft4j.transformer.head.Pooled;
import io.github.peft4j.transformer.head.SpanHead;
import io.github.peft4j.transformer.loss.BinaryCrossEntropy;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.loss.SquaredError;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds a {@link Head} from its spec, a config and a checkpoint. */
final class HeadBuilder {

  private static final Logger LOG = LoggerFactory.getLogger(HeadBuilder.class);

  private static final String PADDING = "pad_token_id";

  private final HeadSpec spec;
  private final ModelConfig config;
  private final Checkpoint weights;

  /** The size of the states after the steps so far. */
  private int size;

  private final List<NamedBlock> parts = new ArrayList<>();

  /**
   * Creates a builder.
   *
   * @param hidden D, the size of the states that the head reads
   */
  HeadBuilder(HeadSpec spec, ModelConfig config, Checkpoint weights, int hidden) {
    this.spec = spec;
    this.config = config;
    this.weights = weights;
    this.size = hidden;
  }

  Head build(Task task, Body body) {
    int hidden = size;
    HeadSteps steps = steps();
    return switch (task.type()) {
      case CAUSAL_LM -> languageModel(steps, body, true);
      case SEQ_2_SEQ_LM, MASKED_LM -> languageModel(steps, body, false);
      case SEQ_CLS ->
          new ClassificationHead(
              pooling(spec.pooling()), steps, classifier(task), false, loss(task.problem()));
      case TOKEN_CLS ->
          new ClassificationHead(
              pooling(spec.pooling()), steps, classifier(task), true, CrossEntropy.PLAIN);
      case QUESTION_ANS -> new SpanHead(steps, classifier(task));
      case FEATURE_EXTRACTION -> new FeatureHead(steps, hidden);
    };
  }

  private static LabelLoss loss(Task.Problem problem) {
    return switch (problem) {
      case SINGLE_LABEL -> CrossEntropy.PLAIN;
      case MULTI_LABEL -> new BinaryCrossEntropy();
      case REGRESSION -> new SquaredError();
    };
  }

  private LanguageModelHead languageModel(HeadSteps steps, Body body, boolean ahead) {
    Output output = output();
    return new LanguageModelHead(
        steps, vocabulary(output, body), bias(output), output.logits(), ahead);
  }

  private Output output() {
    return Objects.requireNonNull(spec.output(), "only a body has no output map");
  }

  private Linear vocabulary(Output output, Body body) {
    String name = output.name();
    String older = output.older();
    if (older != null && weights.has(older + ".weight")) {
      weights.renamed(name, older);
    }
    EmbeddingSite table = body.stacks().get(0).tokens().site();
    return isTied(name, table.name())
        ? Linear.tied(name, Role.HEAD, table)
        : weights.linear(name, Role.HEAD, size, vocabulary(), output.biased(), false);
  }

  /**
   * Whether the output map is the token table. As in transformers, the checkpoint decides if it has
   * two tables that differ.
   */
  private boolean isTied(String output, String table) {
    String field = "tie_word_embeddings";
    if (!config.flag(field, true)) {
      return false;
    }
    if (!weights.has(output + ".weight")) {
      return true;
    }
    boolean same = weights.areSame(output + ".weight", table + ".weight");
    if (same) {
      weights.ignore(output + ".weight");
    } else if (config.has(field)) {
      LOG.warn(
          "{}: field '{}' is true, but {}.weight and {}.weight differ in the checkpoint: they are"
              + " not tied; set the field to false if this is meant",
          config.source(),
          field,
          output,
          table);
    }
    return same;
  }

  private int vocabulary() {
    return config.size("vocab_size");
  }

  private @Nullable ParameterSite bias(Output output) {
    String bias = output.bias();
    if (bias == null) {
      return null;
    }
    if (output.isBuffer()) {
      return ParameterSite.buffer(bias, weights.headTensor(bias, 0, 1, vocabulary()));
    }
    String ofMap = output.name() + ".bias"; // the same tensor, or the one that counts if not tied
    boolean own = !ofMap.equals(bias) && weights.has(ofMap);
    if (own) {
      weights.ignore(bias);
    }
    return new ParameterSite(bias, weights.headTensor(own ? ofMap : bias, 0, vocabulary()));
  }

  private Linear classifier(Task task) {
    Output output = output();
    int classes = task.labels().isEmpty() ? 2 : task.labels().size(); // starts and ends of answers
    return isOfOtherClasses(output, task)
        ? weights.newHead(output.name(), Role.HEAD, size, classes, output.biased())
        : weights.head(output.name(), Role.HEAD, size, classes, output.biased());
  }

  /**
   * Whether the checkpoint's classifier is for other classes than the task: their number differs,
   * or their names if config.json names them. Names of numbers do not matter.
   */
  private boolean isOfOtherClasses(Output output, Task task) {
    List<String> labels = task.labels();
    if (labels.isEmpty()
        || labels.equals(config.labels())
        || !weights.has(output.name() + ".weight")
        || (weights.outputs(output.name()) == labels.size()
            && (task.problem() == Task.Problem.REGRESSION || !config.namesLabels()))) {
      return false;
    }
    LOG.warn(
        "{}: the layer {} is for the classes {}; the task has {}, so it gets a new classifier",
        config.source(),
        output.name(),
        config.labels(),
        labels);
    return true;
  }

  private HeadSteps steps() {
    BiFunction<NDArray, ForwardContext, NDArray> all = HeadSteps.NONE.function();
    for (Step step : spec.steps()) {
      BiFunction<NDArray, ForwardContext, NDArray> before = all;
      BiFunction<NDArray, ForwardContext, NDArray> next = step(step);
      all = (x, context) -> next.apply(before.apply(x, context), context);
    }
    return new HeadSteps(List.copyOf(parts), all);
  }

  private BiFunction<NDArray, ForwardContext, NDArray> step(Step step) {
    if (step instanceof Step.Dropout dropout) {
      return (x, context) -> Pass.of(context).drop(x, dropout.probability());
    }
    if (step instanceof Step.Activate activate) {
      return (x, context) -> activate.function().apply(x);
    }
    if (step instanceof Step.Norm norm) {
      return part(weights.headNorm(norm.name(), size, norm.spec()))::forward;
    }
    Step.Dense dense = (Step.Dense) step;
    boolean superfluous = spec.output() == null && !weights.has(dense.name() + ".weight");
    return superfluous ? HeadSteps.NONE.function() : part(dense(dense))::forward;
  }

  private Linear dense(Step.Dense dense) {
    int in = size;
    size = dense.size() == null ? in : dense.size();
    Role role = isPooler(dense) ? Role.POOLER : Role.HEAD_TRANSFORM;
    return weights.head(dense.name(), role, in, size, dense.bias());
  }

  private boolean isPooler(Step.Dense dense) {
    int next = spec.steps().indexOf(dense) + 1;
    return next < spec.steps().size()
        && spec.steps().get(next) instanceof Step.Activate activate
        && activate.function() == Activation.TANH;
  }

  private <B extends NamedBlock> B part(B block) {
    parts.add(block);
    return block;
  }

  private BiFunction<NDArray, Pass, NDArray> pooling(Pooling pooling) {
    return switch (pooling) {
      case NONE -> (x, pass) -> x;
      case FIRST -> (x, pass) -> Pooled.first(x);
      case LAST -> lastToken();
      case MEAN -> (x, pass) -> Pooled.mean(x, pass.wholeMask());
    };
  }

  /**
   * Selects a decoder's state by which a text is classified. As in transformers, it is that of the
   * last token whose id is not {@code pad_token_id}, whatever the mask. If config.json has no
   * {@code pad_token_id}, it is that of the last token that is not masked; transformers then
   * supports only one row. The same holds with virtual tokens. There PEFT passes embeddings instead
   * of ids, so transformers pools the last position even when it is padding.
   */
  private BiFunction<NDArray, Pass, NDArray> lastToken() {
    if (!config.has(PADDING)) {
      return (x, pass) -> Pooled.last(x, pass.wholeMask());
    }
    long padding = config.integer(PADDING);
    return (x, pass) -> Pooled.lastBut(padding, x, pass.ids());
  }
}
