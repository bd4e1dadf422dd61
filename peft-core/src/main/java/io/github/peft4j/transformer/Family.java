package io.github.peft4j.transformer;

import java.util.List;
import java.util.stream.Stream;

/**
 * What distinguishes one model family from the others, as data: a {@link StackSpec} for each of its
 * stacks. {@link Families} holds the values.
 */
final class Family {

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
    return Task.of(config, last(config).head.usual());
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
    return new HeadBuilder(spec, config, weights).build(task, body);
  }
}
