package io.github.peft4j.cli;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.reader.Pairs;
import io.github.peft4j.data.reader.Positives;
import io.github.peft4j.data.reader.Table;
import io.github.peft4j.data.reader.Texts;
import io.github.peft4j.transformer.config.Task;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What is learnt from the data: how its rows are read, and the task of the model.
 *
 * <p>A task has roles, such as {@code text} and {@code label}. Each is a column of the same name,
 * unless {@code --column} names another one.
 */
enum DataTask {
  /** Conversations, in any form that is recognised. */
  CHAT(
      List.of("messages"),
      (table, columns) ->
          columns.named().isEmpty()
              ? table.conversations()
              : table.messages(columns.of("messages")),
      ConversationExample.class::isInstance),
  /** Prompts with their answers. */
  PROMPTS(
      List.of("prompt", "completion"),
      (table, columns) -> table.prompt(columns.of("prompt")).answer(columns.of("completion")),
      PromptExample.class::isInstance),
  /** Plain texts. */
  TEXT(
      List.of("text"),
      (table, columns) -> table.text(columns.of("text")).dataset(),
      TextExample.class::isInstance),
  /** Texts with a label. */
  CLASSIFY(
      List.of("text", "label"),
      (table, columns) -> table.text(columns.of("text")).label(columns.of("label")),
      example -> example instanceof ClassificationExample one && one.pair() == null),
  /** Pairs of texts with a label. */
  PAIRS(
      List.of("text", "pair", "label"),
      (table, columns) ->
          table.text(columns.of("text")).pair(columns.of("pair")).label(columns.of("label")),
      example -> example instanceof ClassificationExample one && one.pair() != null),
  /** Texts or pairs with a number. */
  REGRESSION(
      List.of("text", "score", "pair?"),
      (table, columns) ->
          columns.has("pair")
              ? table.text(columns.of("text")).pair(columns.of("pair")).score(columns.of("score"))
              : table.text(columns.of("text")).score(columns.of("score")),
      RegressionExample.class::isInstance),
  /** Texts or pairs with a list of labels. */
  MULTI_LABEL(
      List.of("text", "labels", "pair?"),
      (table, columns) -> multiLabel(table, columns),
      MultiLabelExample.class::isInstance),
  /** Words with tags. */
  TOKENS(
      List.of("tokens", "tags"),
      (table, columns) -> table.tokens(columns.of("tokens")).tags(columns.of("tags")),
      TokensExample.class::isInstance),
  /** Questions on texts. */
  QUESTIONS(List.of(), (table, columns) -> table.questions(), QuestionExample.class::isInstance),
  /** Plain texts of which a model has to find masked tokens. */
  MASKED(
      List.of("text"),
      (table, columns) -> table.text(columns.of("text")).dataset(),
      example -> false),
  /** A better and a worse answer. */
  PREFERENCES(
      List.of(),
      (table, columns) -> table.preferences(),
      example -> example instanceof PreferenceExample || example instanceof ConversationPreference),
  /** Texts that belong together, whose vectors are to be near. */
  EMBEDDINGS(
      List.of("anchor", "positive", "negative?"),
      (table, columns) -> {
        Positives pairs = table.anchor(columns.of("anchor")).positive(columns.of("positive"));
        return (columns.has("negative") ? pairs.negative(columns.of("negative")) : pairs).dataset();
      },
      AnchorExample.class::isInstance),
  /** Pairs of texts and how alike they are, for their vectors. */
  SIMILARITY(
      List.of("text", "pair", "score"),
      (table, columns) ->
          table.text(columns.of("text")).pair(columns.of("pair")).similarity(columns.of("score")),
      ScoredPair.class::isInstance);

  private static final String OPTIONAL = "?";

  private final List<String> roles;
  private final BiFunction<Table, Columns, Dataset<? extends Example>> reader;
  private final Predicate<Example> recognised;

  DataTask(
      List<String> roles,
      BiFunction<Table, Columns, Dataset<? extends Example>> reader,
      Predicate<Example> recognised) {
    this.roles = roles;
    this.reader = reader;
    this.recognised = recognised;
  }

  /** A task and its examples. */
  record Read(DataTask task, Dataset<? extends Example> examples) {}

  private static Dataset<MultiLabelExample> multiLabel(Table table, Columns columns) {
    Texts texts = table.text(columns.of("text"));
    String labels = columns.of("labels");
    String separator = columns.separator();
    if (columns.has("pair")) {
      Pairs pairs = texts.pair(columns.of("pair"));
      return separator == null ? pairs.labels(labels) : pairs.labels(labels, separator);
    }
    return separator == null ? texts.labels(labels) : texts.labels(labels, separator);
  }

  /**
   * Reads a table without being told the task: the columns that are named say it, or, if none is,
   * those that the table has.
   */
  static Read recognise(Columns columns) {
    if (columns.named().isEmpty()) {
      Dataset<Example> examples = columns.table().dataset();
      Example first = examples.get(0);
      return new Read(
          Arrays.stream(values())
              .filter(task -> task.recognised.test(first))
              .findFirst()
              .orElseThrow(),
          examples);
    }
    Set<String> named = columns.named().keySet();
    DataTask task =
        Arrays.stream(values())
            .filter(each -> each.isSaidBy(named))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "--column: no task is recognised by the roles "
                            + named
                            + "; say which it is with --task"));
    return new Read(task, task.read(columns));
  }

  private boolean isSaidBy(Set<String> given) {
    Set<String> needed = new HashSet<>(roles);
    needed.removeIf(role -> role.endsWith(OPTIONAL));
    return !needed.isEmpty() && given.containsAll(needed) && names().containsAll(given);
  }

  private List<String> names() {
    return roles.stream().map(role -> role.replace(OPTIONAL, "")).toList();
  }

  /** The examples of a table. */
  Dataset<? extends Example> read(Columns columns) {
    for (String role : columns.named().keySet()) {
      if (!names().contains(role)) {
        throw new IllegalArgumentException(
            "--column %s: the task %s has %s"
                .formatted(
                    role, this, roles.isEmpty() ? "no columns to name" : "the roles " + names()));
      }
    }
    return reader.apply(columns.table(), columns);
  }

  /** Whether its examples are of classes. */
  boolean hasLabels() {
    return List.of(CLASSIFY, PAIRS, MULTI_LABEL, TOKENS).contains(this);
  }

  /**
   * The task of the model; empty for what its config.json says.
   *
   * @param examples of which the labels are taken
   * @param known the labels, if they are known already; otherwise empty
   */
  Optional<Task> of(Dataset<? extends Example> examples, List<String> known) {
    return switch (this) {
      case CHAT, PROMPTS, TEXT, PREFERENCES -> Optional.empty();
      case CLASSIFY, PAIRS ->
          Optional.of(
              Task.classification(
                  labels(known, examples, ClassificationExample.class, e -> Stream.of(e.label()))));
      case MULTI_LABEL ->
          Optional.of(
              Task.multiLabel(
                  labels(known, examples, MultiLabelExample.class, e -> e.labels().stream())));
      case TOKENS ->
          Optional.of(
              Task.tokenClassification(
                  labels(known, examples, TokensExample.class, e -> e.tags().stream())));
      case REGRESSION -> Optional.of(Task.regression());
      case QUESTIONS -> Optional.of(Task.questionAnswering());
      case MASKED -> Optional.of(Task.maskedLm());
      case EMBEDDINGS, SIMILARITY -> Optional.of(Task.featureExtraction());
    };
  }

  private static <E extends Example> List<String> labels(
      List<String> known,
      Dataset<? extends Example> examples,
      Class<E> kind,
      Function<E, Stream<String>> of) {
    return known.isEmpty()
        ? Labels.sorted(examples.examples().stream().map(kind::cast).flatMap(of).toList()).names()
        : known;
  }

  /** The name in the option. */
  @Override
  public String toString() {
    return Cli.name(this);
  }
}
