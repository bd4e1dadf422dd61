package io.github.peft4j.spark;

import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.composition.Composition;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema;
import org.jspecify.annotations.Nullable;

/**
 * Scores the rows of a partition as they are read: some batches at a time, each of texts of similar
 * length, in the order of the rows.
 */
final class RowScorer implements Iterator<Row> {

  /** Batches that are read at first: who looks at the first rows of a table waits for few. */
  private static final int FIRST_WINDOW = 4;

  /** Batches that are read at once afterwards. The more, the fewer positions are padding. */
  private static final int WINDOW = 64;

  /** The characters of a window. It ends with the row that reaches them. */
  private static final long WINDOW_CHARACTERS = 16_000_000;

  private final Iterator<Row> rows;
  private final SparkScorer.Settings settings;
  private final Scoring scoring;
  private final PeftModel model;
  private final TaskContext task;
  private final Queue<Row> scored = new ArrayDeque<>();
  private long taken;

  RowScorer(
      Iterator<Row> rows,
      SparkScorer.Settings settings,
      Scoring scoring,
      PeftModel model,
      TaskContext task) {
    this.rows = rows;
    this.settings = settings;
    this.scoring = scoring;
    this.model = model;
    this.task = task;
  }

  /** A row to score. */
  private record Item(Row row, long place, String text, @Nullable String adapter) {}

  @Override
  public boolean hasNext() {
    return !scored.isEmpty() || rows.hasNext();
  }

  @Override
  public Row next() {
    if (scored.isEmpty()) {
      if (!rows.hasNext()) {
        throw new NoSuchElementException();
      }
      scoreWindow();
    }
    return scored.remove();
  }

  private void scoreWindow() {
    List<Item> window = window((taken == 0 ? FIRST_WINDOW : WINDOW) * settings.batchSize());
    // Texts of one adapter stand together, or each batch would have to be taken apart at each site.
    int[] order =
        IntStream.range(0, window.size())
            .boxed()
            .sorted(
                Comparator.comparing(
                        (Integer i) -> window.get(i).adapter(),
                        Comparator.nullsFirst(Comparator.naturalOrder()))
                    .thenComparing(i -> window.get(i).text().length()))
            .mapToInt(i -> i)
            .toArray();
    Row[] results = new Row[window.size()];
    for (int from = 0; from < order.length; from += settings.batchSize()) {
      if (task.isInterrupted()) {
        throw new TaskKilledException();
      }
      int[] places =
          Arrays.copyOfRange(order, from, Math.min(order.length, from + settings.batchSize()));
      List<List<Object>> values = score(Arrays.stream(places).mapToObj(window::get).toList());
      for (int i = 0; i < places.length; i++) {
        results[places[i]] = joined(window.get(places[i]).row(), values.get(i));
      }
    }
    scored.addAll(Arrays.asList(results));
  }

  private List<Item> window(int size) {
    List<Item> window = new ArrayList<>();
    long characters = 0;
    while (rows.hasNext() && window.size() < size && characters < WINDOW_CHARACTERS) {
      Item item = item(rows.next(), taken++);
      characters += characters(item.row());
      window.add(item);
    }
    return window;
  }

  /** The size of a row, other columns included: pictures beside texts fill the heap as well. */
  private static long characters(Row row) {
    long characters = 0;
    for (int i = 0; i < row.length(); i++) {
      Object value = row.get(i);
      characters +=
          value instanceof String text
              ? text.length()
              : value instanceof byte[] bytes ? bytes.length : 0;
    }
    return characters;
  }

  private Item item(Row row, long place) {
    String text = settings.text().text(row);
    if (text == null) {
      throw error(
          row, place, "the text (column %s) is null".formatted(settings.text().name()), null);
    }
    if (text.length() > settings.longestText()) {
      throw error(
          row,
          place,
          "the text (column %s) has %,d characters, more than the %,d of longestText"
              .formatted(settings.text().name(), text.length(), settings.longestText()),
          null);
    }
    return new Item(row, place, text, adapter(row, place));
  }

  private @Nullable String adapter(Row row, long place) {
    RowField column = settings.adapterColumn();
    if (column == null) {
      return settings.adapter();
    }
    String name = column.text(row);
    if (name == null || !(name.equals(Composition.BASE) || model.adapters().containsKey(name))) {
      throw error(
          row,
          place,
          "the adapter (column %s) is %s; expected one of %s, or %s for none"
              .formatted(
                  column.name(),
                  name == null ? "null" : "'" + name + "'",
                  model.adapters().keySet(),
                  Composition.BASE),
          null);
    }
    return name;
  }

  /** Scores a batch. If it fails, its rows are tried one by one, to find the one to blame. */
  private List<List<Object>> score(List<Item> batch) {
    try {
      return values(batch);
    } catch (RuntimeException e) {
      if (batch.size() > 1) {
        batch.forEach(item -> score(List.of(item)));
        throw error(
            batch.get(0).row(),
            batch.get(0).place(),
            "the batch of %d rows that begins with it cannot be scored, though each alone can: %s"
                .formatted(batch.size(), e.getMessage()),
            e);
      }
      Item only = batch.get(0);
      throw error(only.row(), only.place(), "it cannot be scored: " + e.getMessage(), e);
    }
  }

  private List<List<Object>> values(List<Item> batch) {
    return scoring.of(view(batch), batch.stream().map(Item::text).toList());
  }

  private TextModel view(List<Item> batch) {
    String first = batch.get(0).adapter();
    if (first == null) {
      return model;
    }
    boolean one = batch.stream().allMatch(item -> first.equals(item.adapter()));
    if (!one) {
      return model.using(
          Composition.perRow(batch.stream().map(item -> String.valueOf(item.adapter())).toList()));
    }
    return first.equals(Composition.BASE) ? model : model.using(first);
  }

  private RowException error(Row row, long place, String what, @Nullable Throwable cause) {
    return settings.names().error(task.partitionId(), place, row, what, cause);
  }

  /** A row that knows its columns: Spark may hand it to the user's next function as it is. */
  private Row joined(Row row, List<Object> more) {
    Object[] values = new Object[row.length() + more.size()];
    for (int i = 0; i < row.length(); i++) {
      values[i] = row.get(i);
    }
    for (int i = 0; i < more.size(); i++) {
      values[row.length() + i] = more.get(i);
    }
    return new GenericRowWithSchema(values, settings.result());
  }
}
