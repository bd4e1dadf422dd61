package io.github.peft4j.cli;

import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.data.reader.Table;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which data, and what its columns are. */
final class DataOptions {

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "The examples: a file, a folder or a pattern; JSON Lines, JSON, CSV, TSV, Parquet, or"
              + " texts; may be given several times.")
  @Nullable List<String> data;

  @Option(
      names = "--task",
      paramLabel = "NAME",
      description =
          "${COMPLETION-CANDIDATES}. By default it is recognised by the columns, and said.")
  @Nullable DataTask task;

  @Option(
      names = "--column",
      paramLabel = "ROLE=COLUMN",
      description =
          "The column, or the template, of a role of the task: --column text=review --column"
              + " label=stars.")
  @Nullable Map<String, String> columns;

  /** The examples of {@code --data} and their task, which is {@link #task} from then on. */
  DataTask.Read read() {
    Table table = table("--data", Mistakes.given("--data", data));
    Map<String, String> named = columns == null ? Map.of() : columns;
    DataTask known = task;
    DataTask.Read read =
        Mistakes.at(
            "--data",
            () ->
                known == null
                    ? DataTask.recognise(table, named)
                    : new DataTask.Read(known, known.read(table, named)));
    task = read.task();
    return read;
  }

  /** Further examples for the same task, with the same columns. */
  Dataset<? extends Example> read(String option, List<String> paths, DataTask same) {
    Table table = table(option, paths);
    return Mistakes.at(option, () -> same.read(table, columns == null ? Map.of() : columns));
  }

  private static Table table(String option, List<String> paths) {
    return Mistakes.at(
        option,
        () -> {
          String[] all = paths.toArray(String[]::new);
          return all.length == 1
              ? Data.read(all[0])
              : Data.read(all[0], all[1], Arrays.copyOfRange(all, 2, all.length));
        });
  }
}
