package io.github.peft4j.spark;

import io.github.peft4j.data.Examples;
import io.github.peft4j.data.reader.Table;
import java.io.Serializable;

/** Says what the columns of rows mean. It runs on executors, so it is serialised. */
@FunctionalInterface
public interface ExampleSource extends Serializable {

  /** The examples of a table, such as {@code table.text("body").label("label")}. */
  Examples<?> examples(Table table);
}
