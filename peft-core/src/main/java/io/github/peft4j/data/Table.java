package io.github.peft4j.data;

import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The rows of a file, to be mapped to examples.
 *
 * <p>Wherever a column is asked for, a template does as well: a string with braces, such as {@code
 * "{mr} ->"}, in which each {@code {column}} stands for that column's value. A brace that is to
 * stay is doubled.
 *
 * <pre>{@code
 * JsonLines.read("train.jsonl").text("text").label("label")
 * Csv.read("train.csv").text("premise").pair("hypothesis").label("entails")
 * Tsv.read("train.tsv").prompt("{meaning} ->").answer("sentence")
 * JsonLines.read("stories.jsonl").text("story")
 * }</pre>
 */
public final class Table {

  /** A line of the file and its values; a value that is null in the file is absent here. */
  record Row(long line, Map<String, String> values) {}

  private final String source;
  private final List<String> columns;
  private final List<Row> rows;

  Table(String source, List<String> columns, List<Row> rows) {
    this.source = source;
    this.columns = List.copyOf(columns);
    this.rows = List.copyOf(rows);
    if (rows.isEmpty()) {
      throw new DataException(source + ": there are no rows, expected one at least");
    }
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
   * Takes the texts from a column: for language modelling as they are, or to be followed by {@link
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
   * @return the prompts, whose answers are still to be named
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
          if (value == null) {
            throw new DataException(
                ("%s, line %d: column '%s' is missing or null, expected text or a number."
                        + " Fill it in or take the line out")
                    .formatted(source, row.line(), column));
          }
          return value;
        });
  }

  private String className(Template template, Row row) {
    String label = value(template, row).strip();
    if (label.isEmpty()) {
      throw new DataException(
          "%s, line %d: label '%s' is blank, expected a class name or a number"
              .formatted(source, row.line(), template));
    }
    return label;
  }

  @Override
  public String toString() {
    return "%s: %,d row%s with the column%s %s"
        .formatted(
            source,
            size(),
            size() == 1 ? "" : "s",
            columns.size() == 1 ? "" : "s",
            Quote.list(columns));
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
     * @return the pairs, whose labels are still to be named
     */
    public Pairs pair(String column) {
      return new Pairs(text, template(column));
    }

    /**
     * Takes the classes from a column: names or numbers, without the blanks around them.
     *
     * @param column a column or a template
     * @return the labelled examples
     */
    public Dataset<ClassificationExample> label(String column) {
      Template label = template(column);
      return map(row -> new ClassificationExample(value(text, row), className(label, row)));
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
     * Takes the classes from a column: names or numbers, without the blanks around them.
     *
     * @param column a column or a template
     * @return the labelled examples
     */
    public Dataset<ClassificationExample> label(String column) {
      Template label = template(column);
      return map(
          row ->
              new ClassificationExample(value(text, row), value(pair, row), className(label, row)));
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
