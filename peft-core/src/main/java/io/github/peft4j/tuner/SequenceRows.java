package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.InputSite.Sequence;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Sequences of vectors, split and joined by rows: they have to be of one length. */
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
    return new Sequence(
        change.apply(value.vectors()),
        mask == null ? null : change.apply(mask),
        types == null ? null : change.apply(types),
        value.virtual(),
        value.past(),
        value.shift());
  }

  @Override
  public Sequence concatenate(List<Sequence> values) {
    Sequence first = alike(values);
    return new Sequence(
        ARRAYS.concatenate(values.stream().map(Sequence::vectors).toList()),
        concatenate(values, Sequence::mask),
        concatenate(values, Sequence::types),
        first.virtual(),
        first.past(),
        first.shift());
  }

  private static @Nullable NDArray concatenate(
      List<Sequence> values, Function<Sequence, @Nullable NDArray> part) {
    return part.apply(values.get(0)) == null
        ? null
        : ARRAYS.concatenate(values.stream().map(part).toList());
  }

  /** Masks and segments are those of the tokens, the same in all. */
  @Override
  public Sequence sum(List<Sequence> values, List<Double> weights) {
    Sequence first = alike(values);
    NDArray sum = ARRAYS.sum(values.stream().map(Sequence::vectors).toList(), weights);
    return map(first, array -> array == first.vectors() ? sum : array);
  }

  private static Sequence alike(List<Sequence> values) {
    Sequence first = values.get(0);
    for (Sequence other : values) {
      if (other.virtual() != first.virtual() || other.shift() != first.shift()) {
        throw new IllegalStateException(
            "adapters side by side have to put as many virtual tokens or prefixes in front of the"
                + " sequence, but there are "
                + (first.virtual() + first.shift())
                + " and "
                + (other.virtual() + other.shift())
                + "; take prompts of equal length, or run the adapters one after the other");
      }
    }
    return first;
  }
}
