package io.github.peft4j.data;

import java.util.List;
import java.util.stream.Stream;

/**
 * An example of one of several tasks, for a method that computes differently for each.
 *
 * @param example the example
 * @param task its task, from 0
 */
public record TaskExample(Example example, long task) implements Example {

  /** What methods call the task, as PEFT does. */
  public static final String TASK_IDS = "task_ids";

  /**
   * Checks the task.
   *
   * @throws DataException if it is below 0, or the example has a task already
   */
  public TaskExample {
    if (task < 0) {
      throw new DataException("the task of an example is " + task + ", expected 0 or more");
    }
    if (example instanceof TaskExample) {
      throw new DataException("the example has a task already");
    }
  }

  @Override
  public List<String> fields() {
    return Stream.concat(example.fields().stream(), Stream.of("task " + task)).toList();
  }

  /** An example without its task, if it has one. */
  public static Example without(Example example) {
    return example instanceof TaskExample of ? of.example() : example;
  }
}
