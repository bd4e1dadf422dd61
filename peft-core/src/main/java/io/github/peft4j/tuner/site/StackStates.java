package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * What a stack computes.
 *
 * @param states L + 1 hidden states (B, n + T, D): the input of each of the L layers, and the
 *     output of the last one. Read them through the pass's {@link io.github.peft4j.kernel.Tape},
 *     which may have put away those that trained layers have read
 * @param output the stack's output (B, n + T, D'), after its final norm and projection
 * @param replaced whether a method has given the stack another output than its own
 */
public record StackStates(List<NDArray> states, NDArray output, boolean replaced) {

  static final Joining<StackStates> ROWS = new ByRows();

  /** The states and the stack's own output. */
  public StackStates(List<NDArray> states, NDArray output) {
    this(states, output, false);
  }

  /**
   * The same states with another output.
   *
   * @throws IllegalArgumentException if the output is not the stack's own any more: an adapter
   *     below would count for nothing
   */
  public StackStates with(NDArray other) {
    if (replaced) {
      throw new IllegalArgumentException(
          "two adapters, one on top of the other, make a stack's output out of its layers' states, as LST and attention fusion do: the lower one would count for nothing. Take one of them, or Composition.average of both");
    }
    return new StackStates(states, other, true);
  }

  /** Splits and joins all arrays by rows. */
  private static final class ByRows implements Joining<StackStates> {

    private static final ArrayRows ARRAYS = ArrayRows.INSTANCE;

    @Override
    public long rows(StackStates value) {
      return ARRAYS.rows(value.output());
    }

    @Override
    public StackStates select(StackStates value, Rows rows) {
      return new StackStates(
          value.states().stream().map(state -> ARRAYS.select(state, rows)).toList(),
          ARRAYS.select(value.output(), rows),
          value.replaced());
    }

    @Override
    public StackStates concatenate(List<StackStates> values) {
      return each(values, ARRAYS::concatenate);
    }

    @Override
    public StackStates sum(List<StackStates> values, List<Double> weights) {
      return each(values, arrays -> ARRAYS.sum(arrays, weights));
    }

    private static StackStates each(
        List<StackStates> values, Function<List<NDArray>, NDArray> function) {
      List<NDArray> states = new ArrayList<>();
      for (int i = 0; i < values.get(0).states().size(); i++) {
        int index = i;
        states.add(function.apply(values.stream().map(v -> v.states().get(index)).toList()));
      }
      return new StackStates(
          states,
          function.apply(values.stream().map(StackStates::output).toList()),
          values.stream().anyMatch(StackStates::replaced));
    }
  }
}
