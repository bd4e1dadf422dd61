package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import org.jspecify.annotations.Nullable;

/**
 * One frozen tensor of the model, by its name in the checkpoint. A rewrite maps the frozen value to
 * the one that is used: a trained copy (BitFit), the value plus a sparse delta, a masked value.
 */
public final class ParameterSite extends Site<NDArray, NDArray> implements AutoCloseable {

  private NDArray frozen;
  private @Nullable NDArray unmerged;
  private boolean changed;

  /**
   * Creates a site for a tensor.
   *
   * @param name the name in the checkpoint, such as {@code bert.pooler.dense.bias}
   * @param frozen the tensor, which the site owns from now on
   */
  public ParameterSite(String name, NDArray frozen) {
    super(name, value -> value);
    this.frozen = Scope.release(frozen);
  }

  /** The value to compute with: the frozen one, or what the active adapters make of it. */
  public NDArray value() {
    return isRewritten() ? forward(frozen) : frozen;
  }

  /** The value without adapters (with those that are merged). */
  public NDArray frozen() {
    return frozen;
  }

  /** The value without adapters, those that are merged left out too. */
  public NDArray original() {
    return unmerged == null ? frozen : unmerged;
  }

  /** The tensor's shape. */
  public Shape shape() {
    return frozen.getShape();
  }

  /**
   * Replaces the frozen value until {@link #unmerge}. The former value is kept, so that unmerging
   * is exact: subtracting a delta would leave rounding errors behind.
   */
  public void merge(NDArray merged) {
    NDArray before = frozen;
    frozen = Scope.release(merged);
    if (unmerged == null) {
      unmerged = before;
    } else {
      before.close();
    }
  }

  /** Brings the value before all merging back. */
  public void unmerge() {
    if (unmerged != null) {
      frozen.close();
      frozen = unmerged;
      unmerged = null;
    }
  }

  /** Whether the value has ever been merged for good, or is at present. */
  public boolean hasChanged() {
    return changed || unmerged != null;
  }

  /** Whether a merged value stands in for the frozen one. */
  public boolean isMerged() {
    return unmerged != null;
  }

  /** Makes a merge final. */
  public void forgetUnmerged() {
    if (unmerged != null) {
      unmerged.close();
      unmerged = null;
      changed = true;
    }
  }

  @Override
  public ParameterSite weightSite() {
    return this;
  }

  /** A tensor has no rows of a batch: what computes with it is split instead. */
  @Override
  public Splitting<NDArray> inputs() {
    return new Splitting<>() {
      @Override
      public long rows(NDArray value) {
        throw new IllegalStateException(
            "rows of one batch cannot have a "
                + name()
                + " of their own, as this tensor is read for the whole batch; the layers that"
                + " change it are "
                + layersByAdapter()
                + ": take adapters of another method, or run them one after the other");
      }

      @Override
      public NDArray select(NDArray value, Rows rows) {
        return value;
      }
    };
  }

  @Override
  public Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }

  @Override
  public void close() {
    forgetUnmerged();
    frozen.close();
  }
}
