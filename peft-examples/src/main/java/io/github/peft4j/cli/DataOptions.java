package io.github.peft4j.cli;

import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.reader.Conll;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.data.reader.Table;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which data, and what its columns are. */
final class DataOptions {

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "The examples: a file, a folder or a pattern; JSON Lines, JSON, CSV, TSV, Parquet, or"
              + " texts; for tokens, CoNLL too; may be given several times.")
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

  @Mixin final LabelsOption labels = new LabelsOption();

  @Option(
      names = "--label-separator",
      paramLabel = "TEXT",
      description = "For multi-label: what stands between labels in a text, as in fire,flood.")
  @Nullable String separator;

  @Option(
      names = "--skip-unlabelled",
      description = "Leaves out rows without a label, which are an error by default.")
  boolean skipUnlabelled;

  @Option(
      names = "--skip-empty",
      paramLabel = "COLUMN",
      description = "Leaves out rows in which a column of the file has no text.")
  @Nullable List<String> skipEmpty;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Takes the first N examples of --data alone.")
  @Nullable Integer limit;

  /** The examples of {@code --data} and their task, which is {@link #task} from then on. */
  DataTask.Read read() {
    List<String> paths = Mistakes.given("--data", data);
    DataTask known = task == null && separator != null ? DataTask.MULTI_LABEL : task;
    DataTask.Read read =
        known == null
            ? recognised(columns("--data", paths))
            : new DataTask.Read(known, read("--data", paths, known));
    task = read.task();
    check(read.task());
    return limit == null ? read : new DataTask.Read(read.task(), first(read.examples(), limit));
  }

  private static DataTask.Read recognised(Columns columns) {
    return Mistakes.at("--data", () -> DataTask.recognise(columns));
  }

  /** By what the task is recognised, if it is not said. */
  String recognisedBy() {
    if (separator != null) {
      return "--label-separator";
    }
    return columns == null ? "the columns of the data" : "--column";
  }

  private static Dataset<? extends Example> first(Dataset<? extends Example> examples, int limit) {
    return Mistakes.at("--limit", () -> examples.take(limit));
  }

  private void check(DataTask known) {
    Mistakes.isFor("--label-separator", separator != null, known, DataTask.MULTI_LABEL);
    if (labels.labels != null && !known.hasLabels()) {
      throw new IllegalArgumentException("--labels is for tasks with labels, and this is " + known);
    }
  }

  /** Further examples for the same task, with the same columns. */
  Dataset<? extends Example> read(String option, List<String> paths, DataTask same) {
    if (same == DataTask.TOKENS && paths.stream().allMatch(DataOptions::isConll)) {
      return conll(option, paths);
    }
    Columns columns = columns(option, paths);
    return Mistakes.at(option, () -> same.read(columns));
  }

  /** Whether a file is no table by its name: words with tags are in CoNLL's format then. */
  private static boolean isConll(String path) {
    return Files.isRegularFile(Path.of(path))
        && !path.matches("(?i).*\\.(jsonl|ndjson|json|csv|tsv|tab|parquet)(\\.gz)?");
  }

  private Dataset<TokensExample> conll(String option, List<String> paths) {
    if (columns != null || skipUnlabelled || skipEmpty != null) {
      throw new IllegalArgumentException(
          "%s: %s is read as CoNLL's format, which has no columns of a name. Leave out --column, --skip-unlabelled and --skip-empty"
              .formatted(option, paths.get(0)));
    }
    return Mistakes.at(
        option,
        () ->
            new Dataset<>(paths.stream().flatMap(p -> Conll.read(p).examples().stream()).toList()));
  }

  private Columns columns(String option, List<String> paths) {
    Map<String, String> named = columns == null ? Map.of() : columns;
    Table table =
        Mistakes.at(
            option,
            () -> {
              String[] all = paths.toArray(String[]::new);
              return all.length == 1
                  ? Data.read(all[0])
                  : Data.read(all[0], all[1], Arrays.copyOfRange(all, 2, all.length));
            });
    if (skipUnlabelled) {
      Table all = table;
      table =
          Mistakes.at(
              "--skip-unlabelled", () -> all.labelled(named.getOrDefault("label", "label")));
    }
    for (String column : skipEmpty == null ? List.<String>of() : skipEmpty) {
      Table all = table;
      table =
          Mistakes.at(
              "--skip-empty", () -> all.filter("{" + column + "}", text -> !text.isBlank()));
    }
    return new Columns(table, named, separator);
  }
}
