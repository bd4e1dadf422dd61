package io.github.peft4j.data;

import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rows of a file, to be mapped to examples.
 *
 * <p>Every method that takes a column also takes a template: a string such as {@code "{mr} ->"}, in
 * which {@code {column}} is replaced by that column's value. For a literal brace, double it.
 *
 * <pre>{@code
 * JsonLines.read("train.jsonl").text("text").label("label")
 * Csv.read("train.csv").text("premise").pair("hypothesis").label("entails")
 * Tsv.read("train.tsv").prompt("{meaning} ->").answer("sentence")
 * JsonLines.read("stories.jsonl").text("story")
 * Csv.read("reviews.csv").labelled("stars").text("review").label("stars")
 * }</pre>
 */
public final class Table {

  private static final Logger LOG = LoggerFactory.getLogger(Table.class);

  /**
   * A line of the file and its values. A null value is absent.
   *
   * @param structured for each column with a JSON array or object, which of the two it is
   */
  record Row(long line, Map<String, String> values, Map<String, String> structured) {
    Row(long line, Map<String, String> values) {
      this(line, values, Map.of());
    }
  }

  private final String source;
  private final List<String> columns;
  private final List<Row> rows;
  private final int leftOut;

  Table(String source, List<String> columns, List<Row> rows) {
    this(source, columns, rows, 0);
    if (rows.isEmpty()) {
      throw new DataException(source + ": there are no rows, expected one at least");
    }
  }

  private Table(String source, List<String> columns, List<Row> rows, int leftOut) {
    this.source = source;
    this.columns = List.copyOf(columns);
    this.rows = List.copyOf(rows);
    this.leftOut = leftOut;
  }

  /**
   * The names of the columns, in the order in which they first appear.
   *
   * @return the names
   */
  public List<String> columns() {
    return columns;
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
        row -> condition.test(template.fill(c -> row.values().getOrDefault(c, ""))));
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
        row -> LabelValues.problem(row.values().get(column)) == null);
  }

  private Table keep(String reason, Predicate<Row> condition) {
    List<Row> kept = rows.stream().filter(condition).toList();
    int fewer = rows.size() - kept.size();
    if (kept.isEmpty()) {
      throw new DataException(
          "%s: all %d rows are left out (%s), expected one at least"
              .formatted(source, fewer, reason));
    }
    if (fewer > 0) {
      LOG.info("{}: {} of {} rows are left out ({})", source, fewer, rows.size(), reason);
    }
    return new Table(source, columns, kept, leftOut + fewer);
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

  private Template template(String text) {
    Template template = Template.parse(text);
    for (String column : template.columns()) {
      if (!columns.contains(column)) {
        throw new DataException(
            "%s: no column '%s': the columns are %s"
                .formatted(source, Quote.shorten(column), Quote.list(columns)));
      }
    }
    return template;
  }

  private <E extends Example> Dataset<E> map(Function<Row, E> mapping) {
    return new Dataset<>(rows.stream().map(mapping).toList());
  }

  private String value(Template template, Row row) {
    return template.fill(
        column -> {
          String value = row.values().get(column);
          if (value != null) {
            return value;
          }
          String kind = row.structured().get(column);
          throw new DataException(
              "%s, line %d: column '%s' ".formatted(source, row.line(), column)
                  + (kind == null
                      ? "is missing or null, expected text or a number. Fill it in, or leave the"
                          + " line out: .filter(column, value -> !value.isEmpty())"
                      : ("holds %s, expected text or a number: a model would learn its brackets and"
                              + " quotation marks. Write what it is to read and what it is to answer"
                              + " into columns of their own, for .prompt(column).answer(column)")
                          .formatted(kind)));
        });
  }

  /** The labels of all rows, in order. */
  private List<String> labels(Template template) {
    LabelValues values = new LabelValues();
    return rows.stream()
        .map(
            row -> {
              String label = value(template, row).strip();
              String problem = LabelValues.problem(label);
              if (problem != null) {
                throw new DataException(
                    ("%s, line %d: label '%s' is %s; expected the name or number of a class. Leave"
                            + " out the rows without a label by .labelled(\"%s\") before .text; if it"
                            + " is a class, give it a name in the file or by a template such as"
                            + " \"class {%s}\"")
                        .formatted(source, row.line(), template, problem, template, template));
              }
              String contradiction = values.contradiction(label, row.line());
              if (contradiction != null) {
                throw new DataException(
                    "%s, line %d: label '%s' is %s"
                        .formatted(source, row.line(), template, contradiction));
              }
              return label;
            })
        .toList();
  }

  private Dataset<ClassificationExample> labelled(
      Template label, BiFunction<Row, String, ClassificationExample> example) {
    List<String> labels = labels(label);
    return new Dataset<>(
        IntStream.range(0, rows.size())
            .mapToObj(i -> example.apply(rows.get(i), labels.get(i)))
            .toList());
  }

  @Override
  public String toString() {
    return "%s: %,d row%s with the column%s %s"
            .formatted(
                source,
                size(),
                size() == 1 ? "" : "s",
                columns.size() == 1 ? "" : "s",
                Quote.list(columns))
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
     * @return the pairs; {@link Pairs#label} adds the labels
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
      Template label = template(column);
      return labelled(label, (row, name) -> new ClassificationExample(value(text, row), name));
    }

    @Override
    public Dataset<TextExample> dataset() {
      return map(row -> new TextExample(value(text, row)));
    }

    @Override
    public String toString() {
      return "texts '" + text + "' of " + Table.this;
    }
  }

  /** Pairs of texts of a table. */
  public final class Pairs {

    private final Template text;
    private final Template pair;

    private Pairs(Template text, Template pair) {
      this.text = text;
      this.pair = pair;
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
      Template label = template(column);
      return labelled(
          label,
          (row, name) -> new ClassificationExample(value(text, row), value(pair, row), name));
    }

    @Override
    public String toString() {
      return "pairs '" + text + "' and '" + pair + "' of " + Table.this;
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
      return map(row -> new PromptExample(value(prompt, row), value(answer, row)));
    }

    @Override
    public String toString() {
      return "prompts '" + prompt + "' of " + Table.this;
    }
  }
}
