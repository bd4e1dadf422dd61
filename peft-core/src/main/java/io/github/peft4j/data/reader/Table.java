package io.github.peft4j.data.reader;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.LabelValues;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.Values;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.format.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The rows of one data file or of several, to be mapped to examples.
 *
 * <p>Every method that takes a column also takes a template: a string such as {@code "{mr} ->"}, in
 * which {@code {column}} is replaced by that column's value. What stands between <code>{#column}
 * </code> and <code>{/column}</code> counts only where the column has a text, and after <code>
 * {^column}</code> only where it has none. For a literal brace, double it.
 *
 * <pre>{@code
 * Data.read("train.jsonl").text("text").label("label")
 * Data.read("train.csv").text("premise").pair("hypothesis").label("entails")
 * Data.read("train.tsv").prompt("{meaning} ->").answer("sentence")
 * Data.read("stories.parquet").text("story")
 * Data.read("reviews.csv").labelled("stars").text("review").label("stars")
 * Data.read("chats.jsonl").messages()
 * }</pre>
 *
 * <p>A table is itself a source of examples, if its columns have names that are recognised; see
 * {@link #dataset}.
 */
public final class Table implements Examples<Example> {

  private final TableRows rows;

  Table(Rows rows) {
    this(new TableRows(rows, 0));
  }

  private Table(TableRows rows) {
    this.rows = rows;
  }

  /**
   * The names of the columns, in the order in which they first appear.
   *
   * @return the names
   */
  public List<String> columns() {
    return rows.columns();
  }

  /**
   * The number of rows.
   *
   * @return the number of rows
   */
  public int size() {
    return rows.size();
  }

  /**
   * The number of the file's rows that filters have left out.
   *
   * @return the number of rows
   */
  public int leftOut() {
    return rows.leftOut();
  }

  /**
   * Keeps the rows that satisfy a condition. The number of rows left out is logged and added to
   * {@link #leftOut}.
   *
   * @param column a column or a template
   * @param condition tested on the column's value; a missing or null value is ""
   * @return the rows that are kept, in order
   * @throws DataException if no row is kept
   */
  public Table filter(String column, Predicate<? super String> condition) {
    Column tested = rows.column(column);
    return new Table(
        rows.keep(
            "the filter of '" + column + "'", row -> condition.test(tested.textOrEmpty(row))));
  }

  /**
   * Leaves out the rows without a label, which {@link Texts#label} would refuse: those with a
   * missing, null or blank value, a negative number, or a word that tools write for a missing
   * value, such as {@code nan} and {@code None}. The number of rows left out is logged and added to
   * {@link #leftOut}.
   *
   * @param column the column with the labels
   * @return the rows that are kept, in order
   * @throws DataException if no row is kept
   */
  public Table labelled(String column) {
    rows.column("{" + column + "}");
    return new Table(
        rows.keep(
            "no label in '" + column + "'",
            row -> LabelValues.problem(Values.text(row.values().get(column))) == null));
  }

  /**
   * Takes the texts from a column. They are examples for language modelling, or the start of {@link
   * Texts#label} or {@link Texts#pair}.
   *
   * @param column a column or a template
   * @return the texts
   */
  public Texts text(String column) {
    return new Texts(rows, rows.column(column));
  }

  /**
   * Takes the prompts from a column.
   *
   * @param column a column or a template
   * @return the prompts; {@link Prompts#answer} adds the answers
   */
  public Prompts prompt(String column) {
    return new Prompts(rows, rows.column(column));
  }

  /**
   * Takes texts from a column, for embeddings that are near those of other texts.
   *
   * @param column a column or a template
   * @return the texts; {@link Anchors#positive} adds what belongs to them
   */
  public Anchors anchor(String column) {
    return new Anchors(rows, rows.column(column));
  }

  /**
   * Takes words from a column of lists, for token classification.
   *
   * @param column the column: lists of texts, or texts whose words are separated by blanks
   * @return the words; {@link Words#tags} adds their tags
   */
  public Words tokens(String column) {
    return new Words(rows, rows.existing(column));
  }

  /**
   * Conversations in the form that the columns say: {@link #messages()}, {@link #shareGpt}, {@link
   * #alpaca} or {@link #promptCompletion} with messages. The log says which.
   *
   * @return the conversations
   * @throws DataException if the columns are those of no form, or of several
   */
  public Dataset<ConversationExample> conversations() {
    Form form =
        Form.of(
            rows.source(),
            columns(),
            candidate ->
                switch (candidate) {
                  case MESSAGES, SHARE_GPT, ALPACA, PROMPT_COMPLETION -> true;
                  default -> false;
                });
    return switch (form) {
      case SHARE_GPT -> shareGpt();
      case ALPACA -> alpaca();
      case PROMPT_COMPLETION -> rows.fields(Answers::completionOfMessages, "prompt", "completion");
      default -> messages();
    };
  }

  /**
   * Conversations of the column {@code messages}: lists of objects with {@code role} and {@code
   * content}, as the APIs of chat models have them. The columns {@code tools} and {@code documents}
   * (lists, or their JSON), {@code chat_template_kwargs} and {@code system} are used, if there are
   * any.
   *
   * @return the conversations
   */
  public Dataset<ConversationExample> messages() {
    return messages("messages");
  }

  /**
   * Conversations of a column, as {@link #messages()}.
   *
   * @param column the column with the messages
   * @return the conversations
   */
  public Dataset<ConversationExample> messages(String column) {
    return rows.fields(row -> Chats.messages(row, column), column);
  }

  /**
   * Conversations in ShareGPT's form, as LLaMA-Factory reads them: the column {@code conversations}
   * has lists of objects with {@code from} and {@code value}. {@code from} is {@code human}, {@code
   * gpt}, {@code system}, {@code tool} or {@code observation}, {@code function_call}, or another
   * name of theirs. The columns {@code system} and {@code tools} are used, if there are any.
   *
   * @return the conversations
   */
  public Dataset<ConversationExample> shareGpt() {
    return messages("conversations");
  }

  /**
   * Conversations in Alpaca's form: the columns {@code instruction} and {@code output}, and {@code
   * input}, {@code system} and {@code history} (lists of pairs) if there are any. The user says the
   * instruction and, on the next line, the input.
   *
   * @return the conversations
   */
  public Dataset<ConversationExample> alpaca() {
    return rows.fields(Chats::alpaca, "instruction", "output");
  }

  /**
   * Prompts with completions in TRL's form: the columns {@code prompt} and {@code completion}.
   *
   * @return {@link PromptExample}s if they are texts, {@link ConversationExample}s if they are
   *     lists of messages
   */
  public Dataset<Example> promptCompletion() {
    return rows.fields(Answers::completion, "prompt", "completion");
  }

  /**
   * Preferences in TRL's form: the columns {@code chosen} and {@code rejected}, and {@code prompt}.
   * Without a prompt, it is what both begin with: messages, or characters without a last blank.
   *
   * @return {@link io.github.peft4j.data.PreferenceExample}s if they are texts, {@link
   *     io.github.peft4j.data.conversation.ConversationPreference}s if they are lists of messages
   */
  public Dataset<Example> preferences() {
    return rows.fields(Answers::preference, "chosen", "rejected");
  }

  /**
   * The column {@code text} for language modelling.
   *
   * @return the texts
   */
  public Dataset<TextExample> texts() {
    return text("text").dataset();
  }

  /**
   * Questions in SQuAD's form: the columns {@code question}, {@code context} and {@code answers},
   * or a file of articles and paragraphs.
   *
   * @return the questions, in order
   */
  public Dataset<QuestionExample> questions() {
    if (columns().contains("question")) {
      return rows.fields(row -> Questions.of(row).get(0), "question", "context", "answers");
    }
    List<QuestionExample> questions = new ArrayList<>();
    rows.each(row -> questions.addAll(Questions.of(new Fields(row.values()))));
    if (questions.isEmpty()) {
      throw new DataException(rows.source() + ": there are no questions, expected one at least");
    }
    return new Dataset<>(questions);
  }

  /**
   * Examples in the form that the columns say: conversations, preferences, prompts with
   * completions, questions, texts or pairs with a label or with several, words with tags, texts
   * that belong together, or texts. The log says which.
   *
   * @return the examples
   * @throws DataException if the columns are those of no form, or of several
   */
  @Override
  public Dataset<Example> dataset() {
    Dataset<? extends Example> found =
        switch (Form.of(rows.source(), columns(), form -> form != Form.SQUAD || isSquad())) {
          case MESSAGES -> messages();
          case SHARE_GPT -> shareGpt();
          case PREFERENCES -> preferences();
          case PROMPT_COMPLETION -> promptCompletion();
          case ALPACA -> alpaca();
          case QUESTIONS, SQUAD -> questions();
          case LABELLED -> text("text").label("label");
          case LABELLED_PAIRS -> text("text").pair("pair").label("label");
          case SCORED -> text("text").score("score");
          case SCORED_PAIRS -> text("text").pair("pair").score("score");
          case SIMILAR_PAIRS -> text("text").pair("pair").similarity("score");
          case MULTI_LABELLED ->
              columns().contains("pair")
                  ? text("text").pair("pair").labels("labels")
                  : text("text").labels("labels");
          case TAGGED -> tokens("tokens").tags("tags");
          case ANCHORS -> anchors();
          case TEXTS -> texts();
        };
    return Dataset.of(found.size(), found::get);
  }

  private Dataset<AnchorExample> anchors() {
    Positives pairs = anchor("anchor").positive("positive");
    return (columns().contains("negative") ? pairs.negative("negative") : pairs).dataset();
  }

  /**
   * Examples of this table with a task each, for a method that computes differently for each task.
   *
   * <pre>{@code
   * Table table = Data.read("train.csv");
   * Examples<TaskExample> examples = table.tasks("task", table.prompt("question").answer("answer"));
   * }</pre>
   *
   * @param column a column of whole numbers from 0 on
   * @param examples those of this table's rows, one of each
   * @return the same examples in the same order
   * @throws DataException if a row has no such number, or there are more or fewer examples than
   *     rows
   */
  public Dataset<TaskExample> tasks(String column, Examples<?> examples) {
    rows.column("{" + column + "}");
    Dataset<?> all = examples.dataset();
    if (all.size() != size()) {
      throw new DataException(
          "%s has %,d rows, but there are %,d examples; expected one of each row"
              .formatted(rows.source(), size(), all.size()));
    }
    List<Long> tasks = new ArrayList<>();
    rows.each(row -> tasks.add(task(column, Values.text(row.values().get(column)))));
    return Dataset.of(all.size(), i -> new TaskExample(all.get(i), tasks.get(i)));
  }

  private static long task(String column, @Nullable String value) {
    if (value == null || !value.strip().matches("\\d{1,9}")) {
      throw new DataException(
          "column '%s' is '%s', expected the task: a whole number from 0 on"
              .formatted(column, value));
    }
    return Long.parseLong(value.strip());
  }

  /** Whether the rows are files in SQuAD's form. */
  private boolean isSquad() {
    return Questions.isFile(rows.rows().get(0).values());
  }

  /**
   * Examples in a form of one's own.
   *
   * @param mapping makes an example of a row's values by column; they are {@link Values}. A {@link
   *     DataException} that it throws gets the file and the line
   * @param <E> the type of the examples
   * @return the examples, in order
   */
  public <E extends Example> Dataset<E> map(Function<Map<String, @Nullable Object>, E> mapping) {
    return rows.examples(row -> mapping.apply(row.values()));
  }

  @Override
  public String toString() {
    return rows.toString();
  }
}
