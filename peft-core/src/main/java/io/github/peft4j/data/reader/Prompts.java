package io.github.peft4j.data.reader;

import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PromptExample;

/** Prompts of a table. */
public final class Prompts {

  private final TableRows rows;
  private final Column prompt;

  Prompts(TableRows rows, Column prompt) {
    this.rows = rows;
    this.prompt = prompt;
  }

  /**
   * Takes the answers from a column.
   *
   * @param column a column or a template
   * @return the prompts with their answers
   */
  public Dataset<PromptExample> answer(String column) {
    Column answer = rows.column(column);
    return rows.examples(row -> new PromptExample(prompt.text(row), answer.text(row)));
  }

  @Override
  public String toString() {
    return "prompts '" + prompt + "' of " + rows;
  }
}
