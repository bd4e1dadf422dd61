package io.github.peft4j.transformer.config;

import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The task of a model, which determines its head. Types have the names of Hugging Face PEFT's task
 * types, except for {@link Type#MASKED_LM}, which PEFT does not have.
 *
 * @param type the kind of task
 * @param labels names of the classes or values by id; empty for language models
 * @param problem what labels of texts are; {@link Problem#SINGLE_LABEL} for other tasks
 */
public record Task(Type type, List<String> labels, Problem problem) {

  private static final String PROBLEM_TYPE = "problem_type";

  /** What the labels of a text are, by the names of Hugging Face's {@code problem_type}. */
  public enum Problem {
    /** Exactly one of several classes. */
    SINGLE_LABEL("single_label_classification"),
    /** Any number of several labels, each of which applies to the text or not. */
    MULTI_LABEL("multi_label_classification"),
    /** One number or several. */
    REGRESSION("regression");

    private final String problemType;

    Problem(String problemType) {
      this.problemType = problemType;
    }

    /** The value of {@code problem_type} in config.json. */
    public String problemType() {
      return problemType;
    }

    private static Problem of(ModelConfig config, Problem usual) {
      String name = config.text(PROBLEM_TYPE, usual.problemType);
      for (Problem problem : values()) {
        if (problem.problemType.equals(name)) {
          return problem;
        }
      }
      throw new UnsupportedModelException(
          config.error(
              PROBLEM_TYPE,
              name,
              "one of "
                  + List.of(
                      SINGLE_LABEL.problemType, MULTI_LABEL.problemType, REGRESSION.problemType)));
    }
  }

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
    if (type == Type.SEQ_CLS && problem == Problem.SINGLE_LABEL && labels.size() == 1) {
      throw new IllegalArgumentException(
          "classification of texts needs two labels or more, and there is "
              + labels
              + ": every text would be of that class. For a number for each text, take"
              + " Task.regression(); for a label that applies or not, Task.multiLabel(label)");
    }
    if (type != Type.SEQ_CLS && problem != Problem.SINGLE_LABEL) {
      throw new IllegalArgumentException(
          type + " cannot be " + problem.problemType + ": only the labels of texts can");
    }
  }

  private Task(Type type, List<String> labels) {
    this(type, labels, Problem.SINGLE_LABEL);
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

  /**
   * Sequence classification with several labels at once: each applies to a text or not.
   *
   * @throws IllegalArgumentException if there is no label, or if one is blank or given twice
   */
  public static Task multiLabel(List<String> labels) {
    return new Task(Type.SEQ_CLS, distinct(labels), Problem.MULTI_LABEL);
  }

  /** Sequence classification with several labels at once: each applies to a text or not. */
  public static Task multiLabel(String... labels) {
    return multiLabel(List.of(labels));
  }

  /** Regression: one number for each text or pair of texts, such as a reranker's score. */
  public static Task regression() {
    return regression("LABEL_0");
  }

  /** Regression: a number for each name and text. At least one name. */
  public static Task regression(String... names) {
    return new Task(Type.SEQ_CLS, distinct(List.of(names)), Problem.REGRESSION);
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
   * A task of a type, with the labels and the {@code problem_type} of a config. As in transformers,
   * a config of one label without a {@code problem_type} is for regression.
   *
   * @throws UnsupportedModelException if the {@code problem_type} is unknown, or is for one of
   *     several classes while there is one label
   */
  public static Task of(ModelConfig config, Type type) {
    List<String> labels = type.hasLabels() ? config.labels() : Collections.emptyList();
    if (type != Type.SEQ_CLS) {
      return new Task(type, labels);
    }
    boolean one = labels.size() == 1;
    Problem problem = Problem.of(config, one ? Problem.REGRESSION : Problem.SINGLE_LABEL);
    if (one && problem == Problem.SINGLE_LABEL) {
      throw new UnsupportedModelException(
          config.error(
              PROBLEM_TYPE,
              problem.problemType + " of 1 label",
              "two labels or more; name labels of your own for a new classifier"));
    }
    return new Task(type, labels, problem);
  }

  /** The task in words, such as "SEQ_CLS (regression) of [LABEL_0]". */
  @Override
  public String toString() {
    String kind =
        problem == Problem.SINGLE_LABEL
            ? ""
            : " (" + problem.name().toLowerCase(Locale.ROOT).replace('_', ' ') + ")";
    return type + kind + (labels.isEmpty() ? "" : " of " + labels);
  }
}
