package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.EncoderDecoder;
import io.github.peft4j.transformer.block.Head;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.util.List;
import java.util.stream.Stream;

/**
 * A model family as data: a {@link StackSpec} for each of its stacks. {@link Families} holds the
 * values.
 */
final class Family {

  /** Sets a stack's spec, some of it from the config. */
  interface Layout {
    void describe(StackSpec spec, ModelConfig config);

    /** This layout, followed by changes. */
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

  /** A family of one stack. Its layouts are applied in order to Llama's. */
  static Family of(String modelType, Layout... layouts) {
    return new Family(
        modelType, List.of(Stream.of(layouts).reduce((spec, config) -> {}, Layout::then)));
  }

  /** A family with an encoder and a decoder. */
  static Family encoderDecoder(String modelType, Layout encoder, Layout decoder) {
    return new Family(modelType, List.of(encoder, decoder));
  }

  /** A family that differs from this one by some changes. */
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

  /** The stack whose output the head reads. */
  private StackSpec last(ModelConfig config) {
    return spec(stacks.get(stacks.size() - 1), config);
  }

  /** The prefix of the body's names in a checkpoint. */
  String root(ModelConfig config) {
    return last(config).named("");
  }

  /** The class in transformers with the head of a task. */
  String architecture(ModelConfig config, Task.Type task) {
    return architecture(last(config), task);
  }

  private static String architecture(StackSpec spec, Task.Type task) {
    return spec.className
        + switch (task) {
          case CAUSAL_LM -> spec.languageModelName;
          case SEQ_CLS -> "ForSequenceClassification";
          case TOKEN_CLS -> "ForTokenClassification";
          case SEQ_2_SEQ_LM -> "ForConditionalGeneration";
        };
  }

  /** The tasks for which this family has a head. */
  private List<Task.Type> tasks(StackSpec spec) {
    if (stacks.size() > 1) {
      return List.of(Task.Type.SEQ_2_SEQ_LM);
    }
    return spec.head.usual() == Task.Type.CAUSAL_LM
        ? List.of(Task.Type.CAUSAL_LM, Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS)
        : List.of(Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS);
  }

  /**
   * The task of the class that {@code architectures} names. Without a class, or for a body without
   * a head, it is the family's default task.
   *
   * @throws UnsupportedModelException if the class has an unsupported head, which would be dropped
   *     silently
   */
  Task task(ModelConfig config) {
    StackSpec spec = last(config);
    Task.Type type = spec.head.usual();
    for (String named : config.texts("architectures")) {
      type = type(named, spec, config);
    }
    return Task.of(config, type);
  }

  private Task.Type type(String named, StackSpec spec, ModelConfig config) {
    if (named.equals(spec.className + "Model")) {
      return spec.head.usual();
    }
    for (Task.Type type : tasks(spec)) {
      if (named.equalsIgnoreCase(architecture(spec, type))) { // formerly LLaMAForCausalLM
        return type;
      }
    }
    List<String> supported = tasks(spec).stream().map(type -> architecture(spec, type)).toList();
    throw new UnsupportedModelException(
        config.error(
            "architectures",
            named,
            "one of "
                + supported
                + ", whose heads are supported; to put a new head on the body of this model, load"
                + " it for a task of your own, such as Task.classification(labels)"));
  }

  /** Builds the body from a checkpoint. */
  Body body(ModelConfig config, Checkpoint weights) {
    List<StackSpec> specs = specs(config);
    Stack first = new StackBuilder(specs.get(0), config, weights).build(null);
    return specs.size() == 1
        ? first
        : new EncoderDecoder(
            first, new StackBuilder(specs.get(1), config, weights).build(first.tokens()));
  }

  /** Builds the head of a task. */
  Head head(ModelConfig config, Task task, Checkpoint weights, Body body) {
    StackSpec spec = last(config);
    if (!tasks(spec).contains(task.type())) {
      throw new IllegalArgumentException(
          "a model of type "
              + modelType
              + " has no head for "
              + task.type()
              + ": the tasks it has heads for are "
              + tasks(spec));
    }
    return new HeadBuilder(spec, config, weights).build(task, body);
  }
}
