package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.site.Sequence.Prompt;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Splits and joins sequences by rows; all have to be of one length. */
final class SequenceRows implements Joining<Sequence> {

  private static final ArrayRows ARRAYS = ArrayRows.INSTANCE;

  @Override
  public long rows(Sequence value) {
    return value.vectors().getShape().get(0);
  }

  @Override
  public Sequence select(Sequence value, Rows rows) {
    return map(value, array -> ARRAYS.select(array, rows));
  }

  private static Sequence map(Sequence value, UnaryOperator<NDArray> change) {
    NDArray mask = value.mask();
    NDArray types = value.types();
    NDArray embedded = value.prompt().embedded();
    return new Sequence(
        change.apply(value.vectors()),
        mask == null ? null : change.apply(mask),
        types == null ? null : change.apply(types),
        value.positions(),
        new Prompt(value.prompt().count(), embedded == null ? null : change.apply(embedded)));
  }

  @Override
  public Sequence concatenate(List<Sequence> values) {
    Sequence first = alike(values);
    return new Sequence(
        ARRAYS.concatenate(values.stream().map(Sequence::vectors).toList()),
        concatenate(values, Sequence::mask),
        concatenate(values, Sequence::types),
        first.positions(),
        new Prompt(
            first.prompt().count(), concatenate(values, value -> value.prompt().embedded())));
  }

  private static @Nullable NDArray concatenate(
      List<Sequence> values, Function<Sequence, @Nullable NDArray> part) {
    return part.apply(values.get(0)) == null
        ? null
        : ARRAYS.concatenate(values.stream().map(part).toList());
  }

  /** Masks and segments belong to the tokens, so they are the same in all values. */
  @Override
  public Sequence sum(List<Sequence> values, List<Double> weights) {
    Sequence first = alike(values);
    NDArray sum = ARRAYS.sum(values.stream().map(Sequence::vectors).toList(), weights);
    NDArray embedded = first.prompt().embedded();
    NDArray sumInFront =
        embedded == null
            ? null
            : ARRAYS.sum(
                values.stream()
                    .map(value -> Objects.requireNonNull(value.prompt().embedded()))
                    .toList(),
                weights);
    return map(
        first,
        array ->
            array == first.vectors()
                ? sum
                : array == embedded && sumInFront != null ? sumInFront : array);
  }

  private static Sequence alike(List<Sequence> values) {
    Sequence first = values.get(0);
    for (Sequence other : values) {
      if (!other.positions().equals(first.positions())
          || other.prompt().count() != first.prompt().count()
          || other.prompt().embeddedCount() != first.prompt().embeddedCount()) {
        throw new IllegalStateException(
            "adapters side by side have to put as many virtual tokens or prefixes in front of the"
                + " sequence, in the same way, but there are "
                + inFront(first)
                + " and "
                + inFront(other)
                + (inFront(first) == inFront(other) ? " of two kinds" : "")
                + "; take prompts of one kind and of equal length, or run the adapters one after"
                + " the other");
      }
    }
    return first;
  }

  private static long inFront(Sequence value) {
    Positions positions = value.positions();
    Prompt prompt = value.prompt();
    return prompt.count() + prompt.embeddedCount() + positions.shift() + positions.keyOffset();
  }
}
