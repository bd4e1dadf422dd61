package io.github.peft4j.transformer.config;

import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * The task of a model, which determines its head. Types have the names of Hugging Face PEFT's task
 * types, except for {@link Type#MASKED_LM}, which PEFT does not have.
 *
 * @param type the kind of task
 * @param labels names of the classes by id; empty for language models
 */
public record Task(Type type, List<String> labels) {

  /** The {@code problem_type} of texts that have exactly one of several classes. */
  public static final String SINGLE_LABEL = "single_label_classification";

  /** The kinds of task. */
  public enum Type {
    /** Causal language modelling: the next token of a text. */
    CAUSAL_LM,
    /** Sequence classification: one class for each text. */
    SEQ_CLS,
    /** Token classification: one class for each token. */
    TOKEN_CLS,
    /** Text to text, by an encoder-decoder. */
    SEQ_2_SEQ_LM,
    /** Masked language modelling: the tokens that are masked in a text. */
    MASKED_LM,
    /** Extractive question answering: the first and the last token of the answer in a text. */
    QUESTION_ANS,
    /** No task: the states of the last layer, out of which embeddings are made. */
    FEATURE_EXTRACTION;

    /** Whether the model has a classifier whose classes have labels. */
    public boolean hasLabels() {
      return this == SEQ_CLS || this == TOKEN_CLS;
    }

    /** PEFT's name of the task in adapter_config.json; empty if PEFT has none. */
    public Optional<String> peftName() {
      return this == MASKED_LM ? Optional.empty() : Optional.of(name());
    }

    /** Whether a model for this task generates text. */
    public boolean writes() {
      return this == CAUSAL_LM || this == SEQ_2_SEQ_LM;
    }

    /** Whether generated text continues its prompt, so that both are one text. */
    public boolean continuesPrompts() {
      return this == CAUSAL_LM;
    }
  }

  /** Checks the values and copies the labels. */
  public Task {
    labels = List.copyOf(labels);
    if (type.hasLabels() && labels.isEmpty()) {
      throw new IllegalArgumentException(type + " needs at least one label");
    }
    if (type == Type.SEQ_CLS && labels.size() == 1) {
      throw new IllegalArgumentException(
          "classification of texts needs two labels or more, and there is "
              + labels
              + ": every text would be of that class. A single number for each text (num_labels 1)"
              + " is not supported");
    }
  }

  /** Causal language modelling. */
  public static Task causalLm() {
    return new Task(Type.CAUSAL_LM, List.of());
  }

  /** Text to text, by an encoder-decoder. */
  public static Task sequenceToSequence() {
    return new Task(Type.SEQ_2_SEQ_LM, List.of());
  }

  /** Masked language modelling: the tokens that are masked in a text. */
  public static Task maskedLm() {
    return new Task(Type.MASKED_LM, List.of());
  }

  /** Extractive question answering: the first and the last token of the answer in a text. */
  public static Task questionAnswering() {
    return new Task(Type.QUESTION_ANS, List.of());
  }

  /** No task: the states of the last layer, out of which embeddings are made. */
  public static Task featureExtraction() {
    return new Task(Type.FEATURE_EXTRACTION, List.of());
  }

  /**
   * Sequence classification: one class for each text.
   *
   * @throws IllegalArgumentException if a label is blank or given twice, or if there is only one
   */
  public static Task classification(List<String> labels) {
    return new Task(Type.SEQ_CLS, distinct(labels));
  }

  /** Sequence classification: one class for each text. At least two labels. */
  public static Task classification(String... labels) {
    return classification(List.of(labels));
  }

  /** Token classification: one class for each token. At least one label. */
  public static Task tokenClassification(List<String> labels) {
    return new Task(Type.TOKEN_CLS, distinct(labels));
  }

  /** Two classes of one name could be told apart neither in data nor in answers. */
  private static List<String> distinct(List<String> labels) {
    for (int i = 0; i < labels.size(); i++) {
      String label = labels.get(i);
      if (label.isBlank() || labels.indexOf(label) < i) {
        throw new IllegalArgumentException(
            "label '%s' is %s, in %s; each class needs a name of its own"
                .formatted(label, label.isBlank() ? "blank" : "given twice", labels));
      }
    }
    return labels;
  }

  /**
   * A task of a type, with the labels of a config.
   *
   * @throws UnsupportedModelException if the config is for regression or multi-label
   *     classification, which softmax cross-entropy does not fit
   */
  public static Task of(ModelConfig config, Type type) {
    List<String> labels = type.hasLabels() ? config.labels() : Collections.emptyList();
    if (type == Type.SEQ_CLS) {
      requireClasses(config, labels);
    }
    return new Task(type, labels);
  }

  private static void requireClasses(ModelConfig config, List<String> labels) {
    String usual = labels.size() == 1 ? "regression" : SINGLE_LABEL;
    String problem = config.text("problem_type", usual);
    if (labels.size() == 1 || !problem.equals(SINGLE_LABEL)) {
      throw new UnsupportedModelException(
          config.error(
              "problem_type",
              problem + " of " + labels.size() + " labels",
              SINGLE_LABEL + " of two or more; name labels of your own for a new classifier"));
    }
  }
}
