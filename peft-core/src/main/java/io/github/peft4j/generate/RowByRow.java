package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.generate.logits.Draft;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.IntToLongFunction;

/** Greedy search and sampling: each row gets a token at a time and keeps it. */
final class RowByRow implements DecodingStrategy {

  private final List<Row> rows;
  private final TokenChooser chooser;

  RowByRow(List<Row> rows, TokenChooser chooser) {
    this.rows = rows;
    this.chooser = chooser;
  }

  @Override
  public boolean isOpen() {
    return rows.stream().anyMatch(Row::isOpen);
  }

  @Override
  public List<Draft> drafts() {
    return rows.stream().map(Row::draft).toList();
  }

  @Override
  public Choice choose(
      NDArray scores, IntToLongFunction room, BiConsumer<long[], boolean[]> known) {
    long[] next = chooser.next(scores);
    boolean[] open = new boolean[next.length];
    for (int i = 0; i < next.length; i++) {
      open[i] = rows.get(i).isOpen();
      if (open[i] && next[i] == TokenChooser.NONE) {
        throw TokenChooser.noToken();
      }
    }
    if (rows.stream().anyMatch(Row::mayGoOn)) {
      known.accept(next, open);
    }
    for (int i = 0; i < next.length; i++) {
      Row row = rows.get(i);
      if (row.isOpen()) {
        row.add(next[i], room.applyAsLong(i));
      }
      open[i] = row.isOpen();
    }
    return new Choice(null, next, open);
  }

  @Override
  public List<Generation> texts(Duration time) {
    return rows.stream().map(row -> row.generation(time)).toList();
  }
}
