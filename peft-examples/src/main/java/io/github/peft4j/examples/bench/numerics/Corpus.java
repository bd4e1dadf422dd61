package io.github.peft4j.examples.bench.numerics;

import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.examples.bench.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Texts from which a model learns something: each counts through half of the tokens with a step of
 * its own, and one token in ten is another. A decoder learns to count, an encoder which half it is.
 *
 * @param batch rows of a batch
 * @param length tokens of a row
 */
record Corpus(Shape shape, int batch, int length) {

  /** The number of batches, which a training repeats. */
  static final int BATCHES = 8;

  private static final Collator COLLATOR = new Collator(0);
  private static final int HALF = Shape.TOKENS / 2;
  private static final int[] STEPS = {1, 3, 5, 7};

  /** Each row is one text. */
  List<Batch> even() {
    Random random = new Random(0);
    return repeated(() -> COLLATOR.collate(texts(random, length, batch)));
  }

  /** Three texts of unequal length for each row: each is a row of its own, padded. */
  List<Batch> padded() {
    Random random = new Random(0);
    return repeated(() -> COLLATOR.collate(rows(random).stream().flatMap(List::stream).toList()));
  }

  /** The texts of {@link #padded}, three in a row. */
  List<Batch> packed() {
    Random random = new Random(0);
    return repeated(() -> COLLATOR.pack(rows(random)));
  }

  private static List<Batch> repeated(Supplier<Batch> batch) {
    return IntStream.range(0, BATCHES).mapToObj(i -> batch.get()).toList();
  }

  private List<List<EncodedExample>> rows(Random random) {
    int[] lengths = {length / 2, length / 4, length - length / 2 - length / 4};
    List<List<EncodedExample>> rows = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      List<EncodedExample> row = new ArrayList<>();
      for (int each : lengths) {
        row.addAll(texts(random, each, 1));
      }
      rows.add(row);
    }
    return rows;
  }

  private List<EncodedExample> texts(Random random, int tokens, int count) {
    return IntStream.range(0, count).mapToObj(i -> text(random, tokens)).toList();
  }

  private EncodedExample text(Random random, int tokens) {
    int half = random.nextInt(2);
    int step = STEPS[random.nextInt(STEPS.length)];
    int next = random.nextInt(HALF);
    long[] ids = new long[tokens];
    for (int i = 0; i < tokens; i++) {
      int shown = random.nextInt(10) == 0 ? random.nextInt(HALF) : next;
      ids[i] = shape.token(half * HALF + shown);
      next = (next + step) % HALF;
    }
    return shape.isDecoder() ? EncodedExample.ofTokens(ids, ids) : EncodedExample.ofText(ids, half);
  }
}
