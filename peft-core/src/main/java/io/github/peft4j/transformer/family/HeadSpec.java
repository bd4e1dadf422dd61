package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.head.LanguageModelHead.Logits;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A task head as data: pooling, steps, and an output map. All names of modules are full names.
 *
 * @param suffix the suffix of the class in transformers that has this head
 * @param body the prefix of the body's names in that class, if it is not the family's; or null
 * @param steps applied to the pooled states in order
 * @param output the output map, or null for no head
 */
public record HeadSpec(
    Task.Type task,
    String suffix,
    @Nullable String body,
    Pooling pooling,
    List<Step> steps,
    @Nullable Output output) {

  /** The states that a head reads. */
  public enum Pooling {
    /** The states of all tokens. */
    NONE,
    /** The state of the first token: [CLS]. */
    FIRST,
    /** The state of the last token that is not padding. */
    LAST,
    /** The mean of the states of all tokens that are not padding. */
    MEAN
  }

  /** A step between pooling and the output map. */
  public sealed interface Step {

    /** Dropout in training. */
    record Dropout(double probability) implements Step {}

    /**
     * A linear map, initialised if the checkpoint lacks it.
     *
     * @param size the number of outputs; null for as many as inputs
     */
    record Dense(String name, boolean bias, @Nullable Integer size) implements Step {

      /** A square map with a bias. */
      public Dense(String name) {
        this(name, true, null);
      }
    }

    /** An activation function. */
    record Activate(Activation function) implements Step {}

    /** A norm, initialised if the checkpoint lacks it. */
    record Norm(String name, NormSpec spec) implements Step {}
  }

  /**
   * The output map to a vocabulary or to classes.
   *
   * @param older the name of the map in older checkpoints, or null
   * @param biased whether the map has a bias
   * @param bias the full name of a bias that is a tensor of its own, or null
   * @param isBuffer whether that bias is a constant, which no method trains
   * @param logits what is done to states and logits of a language model
   */
  public record Output(
      String name,
      @Nullable String older,
      boolean biased,
      @Nullable String bias,
      boolean isBuffer,
      Logits logits) {

    /** The map of a classifier. */
    public static Output classifier(String name, boolean biased) {
      return new Output(name, null, biased, null, false, Logits.PLAIN);
    }

    /** A language model's map to the vocabulary, which may be tied to the token table. */
    public static Output vocabulary(String name) {
      return classifier(name, false);
    }

    /** This map with another name in older checkpoints. */
    public Output formerly(String older) {
      return new Output(name, older, biased, bias, isBuffer, logits);
    }

    /** This map with a bias that is a parameter of its own. */
    public Output plus(String bias) {
      return new Output(name, older, biased, bias, false, logits);
    }

    /** This map with a bias that is a buffer, which is not trained. */
    public Output plusBuffer(String bias) {
      return new Output(name, older, biased, bias, true, logits);
    }

    /** This map with factors and a bound. */
    public Output with(Logits logits) {
      return new Output(name, older, biased, bias, isBuffer, logits);
    }
  }

  /** The head of a causal language model. */
  public static HeadSpec causalLm(Output output) {
    return of(Task.Type.CAUSAL_LM, "ForCausalLM", Pooling.NONE, output);
  }

  /** The head of a masked language model. */
  public static HeadSpec maskedLm(Output output, Step... steps) {
    return of(Task.Type.MASKED_LM, "ForMaskedLM", Pooling.NONE, output, steps);
  }

  /** The head of an encoder-decoder that generates text. */
  public static HeadSpec sequenceToSequence(Output output) {
    return of(Task.Type.SEQ_2_SEQ_LM, "ForConditionalGeneration", Pooling.NONE, output);
  }

  /** A classifier of texts. */
  public static HeadSpec sequenceClassifier(Pooling pooling, Output output, Step... steps) {
    return of(Task.Type.SEQ_CLS, "ForSequenceClassification", pooling, output, steps);
  }

  /** A classifier of tokens. */
  public static HeadSpec tokenClassifier(Output output, Step... steps) {
    return of(Task.Type.TOKEN_CLS, "ForTokenClassification", Pooling.NONE, output, steps);
  }

  /** The head that finds answers in a text. */
  public static HeadSpec questionAnswering(Output output, Step... steps) {
    return of(Task.Type.QUESTION_ANS, "ForQuestionAnswering", Pooling.NONE, output, steps);
  }

  /**
   * The body alone.
   *
   * @param kept the body's modules that only other heads use
   */
  public static HeadSpec features(Step... kept) {
    return new HeadSpec(
        Task.Type.FEATURE_EXTRACTION, "Model", null, Pooling.NONE, List.of(kept), null);
  }

  private static HeadSpec of(
      Task.Type task, String suffix, Pooling pooling, Output output, Step... steps) {
    return new HeadSpec(task, suffix, null, pooling, List.of(steps), output);
  }

  /** This head in a class of another name. */
  public HeadSpec named(String suffix) {
    return new HeadSpec(task, suffix, body, pooling, steps, output);
  }

  /** This head in a class whose body has another prefix. */
  public HeadSpec on(String body) {
    return new HeadSpec(task, suffix, body, pooling, steps, output);
  }
}
