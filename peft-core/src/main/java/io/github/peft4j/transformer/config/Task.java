package io.github.peft4j.transformer.config;

import java.util.Collections;
import java.util.List;

/**
 * What a model is for: which head stands on its body. Names are Hugging Face PEFT's task types.
 *
 * @param type of the task
 * @param labels names of the classes by id; empty for language models
 */
public record Task(Type type, List<String> labels) {

  /** What {@code problem_type} calls a text that has one class of several. */
  public static final String SINGLE_LABEL = "single_label_classification";

  /** The kinds of task. */
  public enum Type {
    /** The next token of a text. */
    CAUSAL_LM,
    /** A class for a text. */
    SEQ_CLS,
    /** A class for each token. */
    TOKEN_CLS,
    /** A text for a text. */
    SEQ_2_SEQ_LM;

    /** Whether a model for it writes texts. */
    public boolean writes() {
      return this == CAUSAL_LM || this == SEQ_2_SEQ_LM;
    }

    /** Whether a text that is written goes on from its prompt, and so is one text with it. */
    public boolean continuesPrompts() {
      return this == CAUSAL_LM;
    }
  }

  /** Checks and copies. */
  public Task {
    labels = List.copyOf(labels);
    boolean classifies = type == Type.SEQ_CLS || type == Type.TOKEN_CLS;
    if (classifies && labels.isEmpty()) {
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

  /** Language modelling. */
  public static Task causalLm() {
    return new Task(Type.CAUSAL_LM, List.of());
  }

  /** Text to text. */
  public static Task sequenceToSequence() {
    return new Task(Type.SEQ_2_SEQ_LM, List.of());
  }

  /**
   * Classification of texts.
   *
   * @throws IllegalArgumentException if a label is blank or given twice, or if there is only one
   */
  public static Task classification(List<String> labels) {
    return new Task(Type.SEQ_CLS, distinct(labels));
  }

  /** Classification of texts. */
  public static Task classification(String... labels) {
    return classification(List.of(labels));
  }

  /** Classification of tokens. */
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
   * A task of a type, with the labels that a config names.
   *
   * @throws UnsupportedModelException if the config's classifier does not give each text one class
   *     of several, but a number or any number of classes: a softmax would say something else
   */
  public static Task of(ModelConfig config, Type type) {
    List<String> labels =
        type == Type.SEQ_CLS || type == Type.TOKEN_CLS ? config.labels() : Collections.emptyList();
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
