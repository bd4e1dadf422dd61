package io.github.peft4j.cli;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.reader.Positives;
import io.github.peft4j.data.reader.Table;
import io.github.peft4j.transformer.config.Task;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
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
      (table, column) ->
          column.apply("messages").equals("messages")
              ? table.conversations()
              : table.messages(column.apply("messages")),
      ConversationExample.class),
  /** Prompts with their answers. */
  PROMPTS(
      List.of("prompt", "completion"),
      (table, column) -> table.prompt(column.apply("prompt")).answer(column.apply("completion")),
      PromptExample.class),
  /** Plain texts. */
  TEXT(
      List.of("text"),
      (table, column) -> table.text(column.apply("text")).dataset(),
      TextExample.class),
  /** Texts with a label. */
  CLASSIFY(
      List.of("text", "label"),
      (table, column) -> table.text(column.apply("text")).label(column.apply("label")),
      ClassificationExample.class),
  /** Pairs of texts with a label. */
  PAIRS(
      List.of("text", "pair", "label"),
      (table, column) ->
          table.text(column.apply("text")).pair(column.apply("pair")).label(column.apply("label"))),
  /** Texts or pairs with a number. */
  REGRESSION(
      List.of("text", "score", "pair?"),
      (table, column) ->
          column.apply("pair?").isEmpty()
              ? table.text(column.apply("text")).score(column.apply("score"))
              : table
                  .text(column.apply("text"))
                  .pair(column.apply("pair?"))
                  .score(column.apply("score")),
      RegressionExample.class),
  /** Texts or pairs with a list of labels. */
  MULTI_LABEL(
      List.of("text", "labels", "pair?"),
      (table, column) ->
          column.apply("pair?").isEmpty()
              ? table.text(column.apply("text")).labels(column.apply("labels"))
              : table
                  .text(column.apply("text"))
                  .pair(column.apply("pair?"))
                  .labels(column.apply("labels")),
      MultiLabelExample.class),
  /** Words with tags. */
  TOKENS(
      List.of("tokens", "tags"),
      (table, column) -> table.tokens(column.apply("tokens")).tags(column.apply("tags")),
      TokensExample.class),
  /** Questions on texts. */
  QUESTIONS(List.of(), (table, column) -> table.questions(), QuestionExample.class),
  /** Plain texts of which a model has to find masked tokens. */
  MASKED(List.of("text"), (table, column) -> table.text(column.apply("text")).dataset()),
  /** A better and a worse answer. */
  PREFERENCES(
      List.of(),
      (table, column) -> table.preferences(),
      PreferenceExample.class,
      ConversationPreference.class),
  /** Texts that belong together, whose vectors are to be near. */
  EMBEDDINGS(
      List.of("anchor", "positive", "negative?"),
      (table, column) -> {
        Positives pairs = table.anchor(column.apply("anchor")).positive(column.apply("positive"));
        String negative = column.apply("negative?");
        return (negative.isEmpty() ? pairs : pairs.negative(negative)).dataset();
      }),
  /** Pairs of texts and how alike they are, for their vectors. */
  SIMILARITY(
      List.of("text", "pair", "score"),
      (table, column) ->
          table
              .text(column.apply("text"))
              .pair(column.apply("pair"))
              .similarity(column.apply("score")));

  private static final String OPTIONAL = "?";

  private final List<String> roles;
  private final BiFunction<Table, UnaryOperator<String>, Dataset<? extends Example>> reader;
  private final List<Class<?>> recognisedBy;

  DataTask(
      List<String> roles,
      BiFunction<Table, UnaryOperator<String>, Dataset<? extends Example>> reader,
      Class<?>... recognisedBy) {
    this.roles = roles;
    this.reader = reader;
    this.recognisedBy = List.of(recognisedBy);
  }

  /** A task and its examples. */
  record Read(DataTask task, Dataset<? extends Example> examples) {}

  /**
   * Reads a table without being told the task: the columns that are named say it, or, if none is,
   * those that the table has.
   */
  static Read recognise(Table table, Map<String, String> columns) {
    if (columns.isEmpty()) {
      Dataset<Example> examples = table.dataset();
      Class<?> kind = examples.get(0).getClass();
      return new Read(
          Arrays.stream(values())
              .filter(task -> task.recognisedBy.contains(kind))
              .findFirst()
              .orElseThrow(),
          examples);
    }
    DataTask task =
        Arrays.stream(values())
            .filter(each -> each.isSaidBy(columns.keySet()))
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "--column: no task has the columns "
                            + columns.keySet()
                            + "; say which it is with --task"));
    return new Read(task, task.read(table, columns));
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
  Dataset<? extends Example> read(Table table, Map<String, String> columns) {
    columns
        .keySet()
        .forEach(
            role -> {
              if (!names().contains(role)) {
                throw new IllegalArgumentException(
                    "--column %s: the task %s has %s"
                        .formatted(
                            role, this, roles.isEmpty() ? "no columns to name" : names() + ""));
              }
            });
    return reader.apply(
        table,
        role ->
            role.endsWith(OPTIONAL)
                ? optional(role.replace(OPTIONAL, ""), table, columns)
                : columns.getOrDefault(role, role));
  }

  private static String optional(String role, Table table, Map<String, String> columns) {
    return columns.getOrDefault(role, table.columns().contains(role) ? role : "");
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
