package io.github.peft4j.data.reader;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.LabelValues;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.Values;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.format.Row;
import io.github.peft4j.data.format.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

  private static final Logger LOG = LoggerFactory.getLogger(Table.class);
  private static final Pattern NUMBER =
      Pattern.compile("[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?");

  private final Rows rows;
  private final int leftOut;

  Table(Rows rows) {
    this(rows, 0);
  }

  private Table(Rows rows, int leftOut) {
    this.rows = rows;
    this.leftOut = leftOut;
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
    return leftOut;
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
    Template template = template(column);
    return keep(
        "the filter of '" + column + "'",
        row -> condition.test(template.fill(c -> textOrEmpty(row, c), c -> isFilled(row, c))));
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
    template("{" + column + "}");
    return keep(
        "no label in '" + column + "'",
        row -> LabelValues.problem(Values.text(row.values().get(column))) == null);
  }

  private Table keep(String reason, Predicate<Row> condition) {
    int[] kept = IntStream.range(0, size()).filter(row -> condition.test(rows.get(row))).toArray();
    int fewer = size() - kept.length;
    if (kept.length == 0) {
      throw new DataException(
          "%s: all %d rows are left out (%s), expected one at least"
              .formatted(rows.source(), fewer, reason));
    }
    if (fewer == 0) {
      return this;
    }
    LOG.info("{}: {} of {} rows are left out ({})", rows.source(), fewer, size(), reason);
    return new Table(rows.select(kept), leftOut + fewer);
  }

  private static String textOrEmpty(Row row, String column) {
    String text = Values.text(row.values().get(column));
    return text == null ? "" : text;
  }

  private static boolean isFilled(Row row, String column) {
    return !textOrEmpty(row, column).isBlank();
  }

  /**
   * Takes the texts from a column. They are examples for language modelling, or the start of {@link
   * Texts#label} or {@link Texts#pair}.
   *
   * @param column a column or a template
   * @return the texts
   */
  public Texts text(String column) {
    return new Texts(template(column));
  }

  /**
   * Takes the prompts from a column.
   *
   * @param column a column or a template
   * @return the prompts; {@link Prompts#answer} adds the answers
   */
  public Prompts prompt(String column) {
    return new Prompts(template(column));
  }

  /**
   * Takes texts from a column, for embeddings that are near those of other texts.
   *
   * @param column a column or a template
   * @return the texts; {@link Anchors#positive} adds what belongs to them
   */
  public Anchors anchor(String column) {
    return new Anchors(template(column));
  }

  /**
   * Takes words from a column of lists, for token classification.
   *
   * @param column the column: lists of texts, or texts whose words are separated by blanks
   * @return the words; {@link Words#tags} adds their tags
   */
  public Words tokens(String column) {
    return new Words(existing(column));
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
                  case PREFERENCES, QUESTIONS, LABELLED, TEXTS -> false;
                });
    return switch (form) {
      case SHARE_GPT -> shareGpt();
      case ALPACA -> alpaca();
      case PROMPT_COMPLETION -> map(Answers::completionOfMessages, "prompt", "completion");
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
    return map(row -> Chats.messages(row, column), column);
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
    return map(Chats::alpaca, "instruction", "output");
  }

  /**
   * Prompts with completions in TRL's form: the columns {@code prompt} and {@code completion}.
   *
   * @return {@link PromptExample}s if they are texts, {@link ConversationExample}s if they are
   *     lists of messages
   */
  public Dataset<Example> promptCompletion() {
    return map(Answers::completion, "prompt", "completion");
  }

  /**
   * Preferences in TRL's form: the columns {@code chosen} and {@code rejected}, and {@code prompt}.
   * Without a prompt, it is what both begin with: messages, or characters without a last blank.
   *
   * @return {@link io.github.peft4j.data.PreferenceExample}s if they are texts, {@link
   *     io.github.peft4j.data.conversation.ConversationPreference}s if they are lists of messages
   */
  public Dataset<Example> preferences() {
    return map(Answers::preference, "chosen", "rejected");
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
      return map(row -> Questions.of(row).get(0), "question", "context", "answers");
    }
    List<QuestionExample> questions = new ArrayList<>();
    for (int i = 0; i < size(); i++) {
      questions.addAll(read(rows.get(i), row -> Questions.of(new Fields(row.values()))));
    }
    if (questions.isEmpty()) {
      throw new DataException(rows.source() + ": there are no questions, expected one at least");
    }
    return new Dataset<>(questions);
  }

  /**
   * Examples in the form that the columns say: conversations, preferences, prompts with
   * completions, questions, texts with labels, or texts. The log says which.
   *
   * @return the examples
   * @throws DataException if the columns are those of no form, or of several
   */
  @Override
  public Dataset<Example> dataset() {
    Dataset<? extends Example> found =
        switch (Form.of(rows.source(), columns(), form -> true)) {
          case MESSAGES -> messages();
          case SHARE_GPT -> shareGpt();
          case PREFERENCES -> preferences();
          case PROMPT_COMPLETION -> promptCompletion();
          case ALPACA -> alpaca();
          case QUESTIONS -> questions();
          case LABELLED -> text("text").label("label");
          case TEXTS -> texts();
        };
    return Dataset.of(found.size(), found::get);
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
    return examples(row -> mapping.apply(row.values()));
  }

  /** Examples of rows that have some columns. */
  private <E extends Example> Dataset<E> map(Function<Fields, E> mapping, String... needed) {
    for (String column : needed) {
      existing(column);
    }
    return examples(row -> mapping.apply(new Fields(row.values())));
  }

  /**
   * Makes every example once, so that errors are found now. They are kept if their rows are in
   * memory, and made anew when they are needed if the rows are on disk.
   */
  private <E extends Example> Dataset<E> examples(Function<Row, E> mapping) {
    IntFunction<E> example = i -> read(rows.get(i), mapping);
    if (rows.held()) {
      return new Dataset<>(IntStream.range(0, size()).mapToObj(example).toList());
    }
    IntStream.range(0, size()).mapToObj(example).forEach(Objects::requireNonNull);
    return Dataset.of(size(), example);
  }

  private static <T> T read(Row row, Function<Row, T> reader) {
    try {
      return reader.apply(row);
    } catch (DataException e) {
      throw new DataException(row.place() + ": " + e.getMessage(), e);
    }
  }

  private String existing(String column) {
    if (!columns().contains(column)) {
      throw new DataException(
          "%s: no column '%s': the columns are %s"
              .formatted(rows.source(), Quote.shorten(column), Quote.list(columns())));
    }
    return column;
  }

  private Template template(String text) {
    Template template = Template.parse(text);
    template.columns().forEach(this::existing);
    return template;
  }

  private static String value(Template template, Row row) {
    return template.fill(
        column -> {
          Object value = row.values().get(column);
          String text = Values.text(value);
          if (text != null) {
            return text;
          }
          throw new DataException(
              value == null
                  ? ("column '%s' is missing or null, expected text or a number. Fill it in, or"
                          + " leave the row out: .filter(column, value -> !value.isEmpty())")
                      .formatted(column)
                  : ("column '%s' holds %s, expected text or a number: a model would learn its"
                          + " brackets and quotation marks. If these are the messages of a chat,"
                          + " read them by .conversations()")
                      .formatted(column, Values.kind(value)));
        },
        column -> isFilled(row, column));
  }

  private static String label(Template template, Row row) {
    return value(template, row).strip();
  }

  /** Checks that all labels are labels, and that no two of them mean the same. */
  private Template labels(String column) {
    Template template = template(column);
    LabelValues values = new LabelValues();
    for (int i = 0; i < size(); i++) {
      read(rows.get(i), row -> labelled(template, row, values));
    }
    return template;
  }

  private static String labelled(Template template, Row row, LabelValues values) {
    String label = label(template, row);
    String problem = LabelValues.problem(label);
    if (problem != null) {
      throw new DataException(
          ("label '%s' is %s; expected the name or number of a class. Leave out the rows without a"
                  + " label by .labelled(\"%s\") before .text; if it is a class, give it a name in the"
                  + " file or by a template such as \"class {%s}\"")
              .formatted(template, problem, template, template));
    }
    String contradiction = values.contradiction(label, row.position());
    if (contradiction != null) {
      throw new DataException("label '%s' is %s".formatted(template, contradiction));
    }
    return label;
  }

  private static double number(Template template, Row row) {
    String text = value(template, row).strip();
    double number = NUMBER.matcher(text).matches() ? Double.parseDouble(text) : Double.NaN;
    if (!Double.isFinite(number)) {
      throw new DataException(
          "column '%s' is '%s', expected a finite number such as 4.5"
              .formatted(template, Quote.shorten(text)));
    }
    return number;
  }

  @Override
  public String toString() {
    return "%s: %,d row%s with the column%s %s"
            .formatted(
                rows.source(),
                size(),
                size() == 1 ? "" : "s",
                columns().size() == 1 ? "" : "s",
                Quote.list(columns()))
        + (leftOut == 0 ? "" : " (%,d left out)".formatted(leftOut));
  }

  /** Texts of a table: examples for language modelling, or the first part of a labelled example. */
  public final class Texts implements Examples<TextExample> {

    private final Template text;

    private Texts(Template text) {
      this.text = text;
    }

    /**
     * Takes the second text of each pair from a column.
     *
     * @param column a column or a template
     * @return the pairs, to which labels or numbers are added
     */
    public Pairs pair(String column) {
      return new Pairs(text, template(column));
    }

    /**
     * Takes the labels from a column: names or numbers, without surrounding blanks.
     *
     * @param column a column or a template
     * @return the labelled examples
     * @throws DataException naming the line, if a value is not a label (see {@link Table#labelled})
     *     or spells an earlier number or boolean differently, such as 1 and 1.0
     */
    public Dataset<ClassificationExample> label(String column) {
      return alone().label(column);
    }

    /**
     * Takes numbers to predict from a column, such as scores.
     *
     * @param column a column or a template
     * @return the texts with their numbers
     * @throws DataException naming the line, if a value is no finite number
     */
    public Dataset<RegressionExample> score(String column) {
      return alone().score(column);
    }

    /**
     * Takes the labels of several classes at once from a column of lists.
     *
     * @param column the column: lists of names or numbers, which may be empty
     * @return the texts with their labels
     */
    public Dataset<MultiLabelExample> labels(String column) {
      return alone().labels(column);
    }

    /**
     * Takes the labels of several classes at once from a column of texts such as {@code "fire,
     * flood"}.
     *
     * @param column the column
     * @param separator what stands between labels; blanks around them do not count
     * @return the texts with their labels
     */
    public Dataset<MultiLabelExample> labels(String column, String separator) {
      return alone().labels(column, separator);
    }

    /**
     * Takes the labels of several classes at once from columns that are named as the classes, with
     * 1 or true for the texts of a class, and 0 or false for others.
     *
     * @param columns the columns
     * @return the texts with their labels, in the order of the columns
     */
    public Dataset<MultiLabelExample> flags(String... columns) {
      return alone().flags(columns);
    }

    private Pairs alone() {
      return new Pairs(text, null);
    }

    @Override
    public Dataset<TextExample> dataset() {
      return examples(row -> new TextExample(value(text, row)));
    }

    @Override
    public String toString() {
      return "texts '" + text + "' of " + Table.this;
    }
  }

  /** Pairs of texts of a table. */
  public final class Pairs {

    private final Template text;
    private final @Nullable Template pair;

    private Pairs(Template text, @Nullable Template pair) {
      this.text = text;
      this.pair = pair;
    }

    private @Nullable String second(Row row) {
      return pair == null ? null : value(pair, row);
    }

    /**
     * Takes the labels from a column, as {@link Texts#label}.
     *
     * @param column a column or a template
     * @return the labelled examples
     */
    public Dataset<ClassificationExample> label(String column) {
      Template label = Table.this.labels(column);
      return examples(
          row -> new ClassificationExample(value(text, row), second(row), Table.label(label, row)));
    }

    /**
     * Takes numbers to predict from a column, as {@link Texts#score}.
     *
     * @param column a column or a template
     * @return the pairs with their numbers
     */
    public Dataset<RegressionExample> score(String column) {
      Template score = template(column);
      return examples(
          row -> new RegressionExample(value(text, row), second(row), number(score, row)));
    }

    /**
     * Takes how alike the texts of each pair are from a column, for embeddings.
     *
     * @param column a column or a template: a cosine from -1 to 1, or 1 for alike and 0 for not
     *     alike
     * @return the pairs with their numbers
     * @throws DataException naming the line, if a value is no finite number
     */
    public Dataset<ScoredPair> similarity(String column) {
      Template score = template(column);
      Template other = Objects.requireNonNull(pair);
      return examples(
          row -> new ScoredPair(value(text, row), value(other, row), number(score, row)));
    }

    /**
     * Takes the labels of several classes at once, as {@link Texts#labels(String)}.
     *
     * @param column the column: lists of names or numbers
     * @return the pairs with their labels
     */
    public Dataset<MultiLabelExample> labels(String column) {
      return several(column, row -> row.labels(column));
    }

    /**
     * Takes the labels of several classes at once, as {@link Texts#labels(String, String)}.
     *
     * @param column the column
     * @param separator what stands between labels
     * @return the pairs with their labels
     */
    public Dataset<MultiLabelExample> labels(String column, String separator) {
      Pattern between = Pattern.compile(Pattern.quote(separator));
      return several(
          column,
          row ->
              row.text(column).isBlank()
                  ? List.of()
                  : between.splitAsStream(row.text(column)).map(String::strip).toList());
    }

    private Dataset<MultiLabelExample> several(
        String column, Function<Fields, List<String>> labels) {
      existing(column);
      LabelValues values = new LabelValues();
      for (int i = 0; i < size(); i++) {
        read(
            rows.get(i),
            row -> checked(column, row, labels.apply(new Fields(row.values())), values));
      }
      return examples(row -> labelled(row, labels.apply(new Fields(row.values()))));
    }

    private MultiLabelExample labelled(Row row, List<String> labels) {
      return new MultiLabelExample(value(text, row), second(row), labels);
    }

    /**
     * Takes the labels of several classes at once, as {@link Texts#flags}.
     *
     * @param columns the columns
     * @return the pairs with their labels
     */
    public Dataset<MultiLabelExample> flags(String... columns) {
      List<String> names = List.of(columns);
      names.forEach(Table.this::existing);
      return examples(
          row -> labelled(row, names.stream().filter(column -> flag(column, row)).toList()));
    }

    @Override
    public String toString() {
      return (pair == null ? "texts '" + text + "'" : "pairs '" + text + "' and '" + pair + "'")
          + " of "
          + Table.this;
    }
  }

  private static List<String> checked(
      String column, Row row, List<String> labels, LabelValues values) {
    for (String label : labels) {
      String problem = LabelValues.problem(label);
      problem = problem == null ? values.contradiction(label, row.position()) : problem;
      if (problem != null) {
        throw new DataException("a label of '%s' is %s".formatted(column, problem));
      }
    }
    return labels;
  }

  private static boolean flag(String column, Row row) {
    String text = String.valueOf(Values.text(row.values().get(column))).strip();
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "1", "1.0", "true" -> true;
      case "0", "0.0", "false" -> false;
      default ->
          throw new DataException(
              "column '%s' is '%s', expected 1 or 0, or true or false"
                  .formatted(column, Quote.shorten(text)));
    };
  }

  /** Texts of a table, for embeddings. */
  public final class Anchors {

    private final Template anchor;

    private Anchors(Template anchor) {
      this.anchor = anchor;
    }

    /**
     * Takes the texts that belong to the anchors from a column.
     *
     * @param column a column or a template
     * @return the pairs, to which {@link Positives#negative} may add texts that do not belong to
     *     them
     */
    public Positives positive(String column) {
      return new Positives(anchor, template(column), List.of());
    }

    @Override
    public String toString() {
      return "anchors '" + anchor + "' of " + Table.this;
    }
  }

  /** Texts of a table with texts that belong to them, for embeddings. */
  public final class Positives implements Examples<AnchorExample> {

    private final Template anchor;
    private final Template positive;
    private final List<Template> negatives;

    private Positives(Template anchor, Template positive, List<Template> negatives) {
      this.anchor = anchor;
      this.positive = positive;
      this.negatives = negatives;
    }

    /**
     * Takes texts that do not belong to the anchors from a column.
     *
     * @param column a column or a template
     * @return the same with one more negative text for each anchor
     */
    public Positives negative(String column) {
      return new Positives(
          anchor,
          positive,
          Stream.concat(negatives.stream(), Stream.of(template(column))).toList());
    }

    @Override
    public Dataset<AnchorExample> dataset() {
      return examples(
          row ->
              new AnchorExample(
                  value(anchor, row),
                  value(positive, row),
                  negatives.stream().map(negative -> value(negative, row)).toList()));
    }

    @Override
    public String toString() {
      return "anchors '" + anchor + "' with '" + positive + "' of " + Table.this;
    }
  }

  /** Words of a table, for token classification. */
  public final class Words {

    private final String words;

    private Words(String words) {
      this.words = words;
    }

    /**
     * Takes the tags of the words from a column.
     *
     * @param column the column: lists of names, as long as the lists of words, or texts whose tags
     *     are separated by blanks
     * @return the sentences
     */
    public Dataset<TokensExample> tags(String column) {
      return map(
          row -> {
            List<String> tokens = words(row, words);
            if (tokens.isEmpty()) {
              throw new DataException(
                  "column '%s' has no words, expected one at least".formatted(words));
            }
            return new TokensExample(tokens, words(row, column));
          },
          words,
          column);
    }

    private List<String> words(Fields row, String column) {
      return row.get(column) instanceof String text
          ? Pattern.compile("\\s+").splitAsStream(text.strip()).filter(w -> !w.isEmpty()).toList()
          : row.texts(column);
    }

    @Override
    public String toString() {
      return "words '" + words + "' of " + Table.this;
    }
  }

  /** Prompts of a table. */
  public final class Prompts {

    private final Template prompt;

    private Prompts(Template prompt) {
      this.prompt = prompt;
    }

    /**
     * Takes the answers from a column.
     *
     * @param column a column or a template
     * @return the prompts with their answers
     */
    public Dataset<PromptExample> answer(String column) {
      Template answer = template(column);
      return examples(row -> new PromptExample(value(prompt, row), value(answer, row)));
    }

    @Override
    public String toString() {
      return "prompts '" + prompt + "' of " + Table.this;
    }
  }
}
