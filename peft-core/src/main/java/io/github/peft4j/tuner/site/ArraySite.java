package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Splitting;

/**
 * A computation from one array (B, …) to another, both split by rows along their first dimension.
 */
public abstract class ArraySite extends Site<NDArray, NDArray> {

  /** Creates a site, see {@link Site}. */
  protected ArraySite(String name, Computation<NDArray, NDArray> base) {
    super(name, base);
  }

  @Override
  public final Splitting<NDArray> inputs() {
    return ArrayRows.INSTANCE;
  }

  @Override
  public final Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }
}
