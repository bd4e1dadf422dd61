package io.github.peft4j.transformer.family;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The heads of a family, one for each task.
 *
 * @param className the prefix of the family's class names in transformers, such as {@code "Llama"}
 * @param body the prefix of the body's names, such as {@code "model"}; empty for none
 * @param all at least one; the first is that of the default task
 */
@Withers
public record Heads(String className, String body, List<HeadSpec> all) implements HeadsWithers {

  public static Heads of(String className, String body, HeadSpec... all) {
    return new Heads(className, body, List.of(all));
  }

  /** These heads without those of other tasks. */
  public Heads only(Predicate<Task.Type> tasks) {
    return new Heads(
        className, body, all.stream().filter(head -> tasks.test(head.task())).toList());
  }

  /** The tasks that have a head, the default task first. */
  public List<Task.Type> tasks() {
    return all.stream().map(HeadSpec::task).toList();
  }

  /** The task of a model whose config names no class. */
  public Task.Type usual() {
    return all.get(0).task();
  }

  /** The head of a task, if there is one. */
  public Optional<HeadSpec> of(Task.Type task) {
    return all.stream().filter(head -> head.task() == task).findFirst();
  }

  /**
   * The head of a task.
   *
   * @throws IllegalArgumentException if there is none; the message lists the tasks
   */
  public HeadSpec required(Task.Type task, String modelType) {
    return of(task)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "a model of type "
                        + modelType
                        + " has no head for "
                        + task
                        + ": the tasks it has heads for are "
                        + tasks()));
  }

  /** The prefix of the body's names in most classes, with its dot. */
  public String root() {
    return dotted(body);
  }

  /** The prefix of the body's names in the class with the head of a task, with its dot. */
  public String root(Task.Type task) {
    return dotted(body(task));
  }

  private static String dotted(String prefix) {
    return prefix.isEmpty() ? "" : prefix + ".";
  }

  /** The prefix of the body's names in the class with the head of a task; empty for none. */
  public String body(Task.Type task) {
    return of(task).map(HeadSpec::body).orElse(body);
  }

  /** The name of the class in transformers with the head of a task. */
  public String architecture(Task.Type task) {
    return of(task).map(this::architecture).orElse(className);
  }

  private String architecture(HeadSpec head) {
    return className + head.suffix();
  }

  /**
   * The task of the class that {@code architectures} names. Without a class it is the default task;
   * so it is for the class without a head, if the family has one head only: {@code BartModel}.
   *
   * @throws UnsupportedModelException if the class has an unsupported head, which would be dropped
   *     silently
   */
  public Task task(ModelConfig config) {
    Task.Type type = usual();
    for (String named : config.texts("architectures")) {
      type = type(named, config);
    }
    return Task.of(config, type);
  }

  private Task.Type type(String named, ModelConfig config) {
    for (HeadSpec head : all) {
      if (named.equalsIgnoreCase(architecture(head))) { // formerly LLaMAForCausalLM
        return head.task();
      }
    }
    if (all.size() == 1 && named.equals(className + "Model")) {
      return usual();
    }
    throw new UnsupportedModelException(
        config.error(
            "architectures",
            named,
            "one of "
                + all.stream().map(this::architecture).toList()
                + ", whose heads are supported"),
        Remedy.LOAD_FOR_TASK.with(
            "To put a new head on the body of this model, load it for a task of your own, such as"
                + " Task.classification(labels)"));
  }

  /**
   * The dropout probability of a head.
   *
   * @param usual if the config has none of the fields
   * @param fields the first that the config has counts
   */
  public static double dropout(ModelConfig config, double usual, String... fields) {
    for (String field : fields) {
      if (config.has(field)) {
        return config.dropout(field);
      }
    }
    return usual;
  }
}
