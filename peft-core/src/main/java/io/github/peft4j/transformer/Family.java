package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.LinearSite.Role;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * What distinguishes one model family from the others, as data: a {@link StackSpec} for each of its
 * stacks. {@link Families} holds the values.
 */
final class Family {

  private static final Kernel FIRST_TOKEN =
      Kernel.of(
          """
          def first_token(x: Tensor) -> Tensor:                  # (B, T, D) → (B, D)
              return torch.select(x, 1, 0)
          """);

  private static final String PADDING = "pad_token_id";

  /** Describes a stack; most of it is the same whatever the config file says. */
  interface Layout {
    void describe(StackSpec spec, ModelConfig config);

    /** This layout and then some changes. */
    default Layout then(Layout changes) {
      return (spec, config) -> {
        describe(spec, config);
        changes.describe(spec, config);
      };
    }
  }

  final String modelType;
  private final List<Layout> stacks;

  private Family(String modelType, List<Layout> stacks) {
    this.modelType = modelType;
    this.stacks = stacks;
  }

  /** A family of one stack, which differs from Llama's as the layouts say, one after the other. */
  static Family of(String modelType, Layout... layouts) {
    return new Family(
        modelType, List.of(Stream.of(layouts).reduce((spec, config) -> {}, Layout::then)));
  }

  /** A family whose decoder reads the output of an encoder. */
  static Family encoderDecoder(String modelType, Layout encoder, Layout decoder) {
    return new Family(modelType, List.of(encoder, decoder));
  }

  /** Another family that differs from this one in a few things. */
  Family like(String modelType, Layout changes) {
    return new Family(modelType, stacks.stream().map(s -> s.then(changes)).toList());
  }

  private List<StackSpec> specs(ModelConfig config) {
    return stacks.stream().map(layout -> spec(layout, config)).toList();
  }

  private static StackSpec spec(Layout layout, ModelConfig config) {
    StackSpec spec = new StackSpec();
    layout.describe(spec, config);
    return spec;
  }

  /** The stack that the head stands on. */
  private StackSpec last(ModelConfig config) {
    return spec(stacks.get(stacks.size() - 1), config);
  }

  /** What stands before the body's names in a checkpoint. */
  String root(ModelConfig config) {
    return last(config).named("");
  }

  /** The class in transformers that has the head of a task. */
  String architecture(ModelConfig config, Task.Type task) {
    StackSpec spec = last(config);
    return spec.className
        + switch (task) {
          case CAUSAL_LM -> spec.languageModelName;
          case SEQ_CLS -> "ForSequenceClassification";
          case TOKEN_CLS -> "ForTokenClassification";
          case SEQ_2_SEQ_LM -> "ForConditionalGeneration";
        };
  }

  Task task(ModelConfig config) {
    return Task.of(config, last(config).usualTask);
  }

  /** The body, out of a checkpoint. */
  TransformerModel.Body body(ModelConfig config, Checkpoint weights) {
    List<StackSpec> specs = specs(config);
    Stack first = new StackBuilder(specs.get(0), config, weights).build(null);
    return specs.size() == 1
        ? first
        : new EncoderDecoder(
            first, new StackBuilder(specs.get(1), config, weights).build(first.tokens()));
  }

  /** The head of a task on this family's body. */
  Head head(ModelConfig config, Task task, Checkpoint weights, TransformerModel.Body body) {
    StackSpec spec = last(config);
    boolean reads = stacks.size() > 1;
    if (reads != (task.type() == Task.Type.SEQ_2_SEQ_LM)
        || (task.type() == Task.Type.CAUSAL_LM && !spec.causal)) {
      throw new IllegalArgumentException(
          "a model of type " + modelType + " has no head for " + task.type());
    }
    return switch (task.type()) {
      case CAUSAL_LM ->
          new CausalLmHead(languageModel(spec, config, weights, body), 1, spec.outputScale);
      case SEQ_2_SEQ_LM ->
          new CausalLmHead(languageModel(spec, config, weights, body), 0, spec.outputScale);
      case SEQ_CLS -> sequenceClassification(spec, config, task, weights);
      case TOKEN_CLS ->
          new ClassificationHead(
              List.of(),
              (x, pass) -> x,
              weights.head(
                  spec.tokenClassifier,
                  Role.HEAD,
                  config.size(spec.hiddenSize),
                  task.labels().size(),
                  true),
              true,
              classifierDropout(spec, config));
    };
  }

  private static Linear languageModel(
      StackSpec spec, ModelConfig config, Checkpoint weights, TransformerModel.Body body) {
    if (config.flag("tie_word_embeddings", true) && !weights.has(spec.output + ".weight")) {
      return Linear.tied(spec.output, Role.HEAD, body.stacks().get(0).tokens().site().weight());
    }
    return weights.linear(
        spec.output, Role.HEAD, config.size(spec.hiddenSize), config.size("vocab_size"), false);
  }

  private static Head sequenceClassification(
      StackSpec spec, ModelConfig config, Task task, Checkpoint weights) {
    int classes = task.labels().size();
    int hidden = config.size(spec.hiddenSize);
    if (spec.pooler == null) {
      Linear score = weights.head(spec.classifier, Role.HEAD, hidden, classes, false);
      return new ClassificationHead(List.of(), lastToken(config), score, false, 0);
    }
    Linear pooler = weights.head(spec.named(spec.pooler), Role.POOLER, hidden, hidden, true);
    return new ClassificationHead(
        List.of(pooler),
        (x, pass) -> Activation.TANH.apply(pooler.forward(FIRST_TOKEN.call(x))),
        weights.head(spec.classifier, Role.HEAD, hidden, classes, true),
        false,
        classifierDropout(spec, config));
  }

  /**
   * A decoder's state for a whole text: as in transformers that of the last token whose id is not
   * {@code pad_token_id}, whatever the mask says; of the last that the mask counts if config.json
   * has no such id, where transformers takes no more than one row. Behind virtual tokens, too:
   * there PEFT gives transformers no ids, which then takes the last position, be it padding.
   */
  private static BiFunction<NDArray, Pass, NDArray> lastToken(ModelConfig config) {
    if (!config.has(PADDING)) {
      return (x, pass) -> pass.lastToken(x);
    }
    long padding = config.integer(PADDING);
    return (x, pass) -> pass.lastTokenBut(padding, x);
  }

  private static double classifierDropout(StackSpec spec, ModelConfig config) {
    double usual = spec.hiddenDropout == null ? 0 : config.number(spec.hiddenDropout, 0);
    return config.number("classifier_dropout", usual);
  }
}
