package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.Activation;
import io.github.peft4j.transformer.config.Task;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A task head as data: pooling, steps, and an output map. All names are full names.
 *
 * @param suffix the suffix of the class in transformers that has this head
 * @param steps applied to the pooled states in order
 */
public record HeadSpec(Task.Type task, String suffix, Pooling pooling, List<Step> steps, Output output) {

  /** The states that a head reads. */
  public enum Pooling {
    /** The states of all tokens. */
    NONE,
    /** The state of the first token: [CLS]. */
    FIRST,
    /** The state of the last token that is not padding. */
    LAST
  }

  /** A step between pooling and the output map. */
  public sealed interface Step {

    /** Dropout in training. */
    record Dropout(double probability) implements Step {}

    /** A square linear map with a bias, initialised if the checkpoint lacks it. */
    record Dense(String name) implements Step {}

    /** An activation function. */
    record Activate(Activation function) implements Step {}
  }

  /**
   * The output map to a vocabulary or to classes.
   *
   * @param bias whether a new classifier has a bias; that of a vocabulary is in the checkpoint
   * @param scale factor of its input
   * @param cap its outputs z become cap · tanh(z / cap); null for no cap
   */
  public record Output(String name, boolean bias, double scale, @Nullable Double cap) {}

  /** A language model's head, whose output map may be tied to the token table. */
  public static HeadSpec languageModel(Task.Type task, String output) {
    String suffix =
        task == Task.Type.SEQ_2_SEQ_LM ? "ForConditionalGeneration" : "ForCausalLM";
    return new HeadSpec(task, suffix, Pooling.NONE, List.of(), new Output(output, false, 1, null));
  }

  /** A classifier of texts. */
  public static HeadSpec sequenceClassifier(
      Pooling pooling, String classifier, boolean bias, Step... steps) {
    return new HeadSpec(
        Task.Type.SEQ_CLS,
        "ForSequenceClassification",
        pooling,
        List.of(steps),
        new Output(classifier, bias, 1, null));
  }

  /** A classifier of tokens, after dropout. */
  public static HeadSpec tokenClassifier(String classifier, double dropout) {
    return new HeadSpec(
        Task.Type.TOKEN_CLS,
        "ForTokenClassification",
        Pooling.NONE,
        List.of(new Step.Dropout(dropout)),
        new Output(classifier, true, 1, null));
  }

  /** This head in a class of another name. */
  public HeadSpec named(String suffix) {
    return new HeadSpec(task, suffix, pooling, steps, output);
  }

  /** This head, whose output map's input is multiplied by a factor. */
  public HeadSpec scaled(double scale) {
    return new HeadSpec(task, suffix, pooling, steps, new Output(output.name, output.bias, scale, output.cap));
  }

  /** This head, whose outputs z become cap · tanh(z / cap); null for no cap. */
  public HeadSpec capped(@Nullable Double cap) {
    Output capped = new Output(output.name, output.bias, output.scale, cap);
    return new HeadSpec(task, suffix, pooling, steps, capped);
  }
}
