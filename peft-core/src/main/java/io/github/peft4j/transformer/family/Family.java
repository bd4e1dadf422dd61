package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.Body;
import io.github.peft4j.transformer.block.EncoderDecoder;
import io.github.peft4j.transformer.block.Head;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A model family as data: its {@link Heads}, and a {@link StackSpec} for each of its stacks. {@link
 * Families} holds the values.
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
  private final Function<ModelConfig, Heads> heads;
  private final List<Layout> stacks;

  private Family(String modelType, Function<ModelConfig, Heads> heads, List<Layout> stacks) {
    this.modelType = modelType;
    this.heads = heads;
    this.stacks = stacks;
  }

  /** A family of one stack. Its layouts are applied in order to Llama's. */
  static Family of(String modelType, Function<ModelConfig, Heads> heads, Layout... layouts) {
    return new Family(
        modelType, heads, List.of(Stream.of(layouts).reduce((spec, config) -> {}, Layout::then)));
  }

  /** A family with an encoder and a decoder. */
  static Family encoderDecoder(
      String modelType, Function<ModelConfig, Heads> heads, Layout encoder, Layout decoder) {
    return new Family(modelType, heads, List.of(encoder, decoder));
  }

  private static StackSpec spec(Layout layout, String prefix, ModelConfig config) {
    StackSpec spec = new StackSpec(prefix);
    layout.describe(spec, config);
    return spec;
  }

  /** The family's heads, with values from the config. */
  Heads heads(ModelConfig config) {
    return heads.apply(config);
  }

  /**
   * Builds the body from a checkpoint.
   *
   * @param prefix the prefix of the body's names; empty for none
   */
  Body body(ModelConfig config, String prefix, Checkpoint weights) {
    List<StackSpec> specs = stacks.stream().map(layout -> spec(layout, prefix, config)).toList();
    Stack first = new StackBuilder(specs.get(0), config, weights).build(null);
    return specs.size() == 1
        ? first
        : new EncoderDecoder(
            first, new StackBuilder(specs.get(1), config, weights).build(first.tokens()));
  }

  /** Builds the head of a task. */
  Head head(ModelConfig config, Task task, Checkpoint weights, Body body) {
    Heads all = heads(config);
    HeadSpec head =
        all.of(task.type())
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "a model of type "
                            + modelType
                            + " has no head for "
                            + task.type()
                            + ": the tasks it has heads for are "
                            + all.tasks()));
    return new HeadBuilder(head, config, weights, hidden(config)).build(task, body);
  }

  /** The size of the states that the head reads. */
  private int hidden(ModelConfig config) {
    return config.size(spec(stacks.get(stacks.size() - 1), "", config).sizes.hidden());
  }
}
