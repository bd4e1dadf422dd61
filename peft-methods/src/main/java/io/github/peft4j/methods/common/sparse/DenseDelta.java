package io.github.peft4j.methods.common.sparse;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * W + S of one tensor W, where every entry of S is trained, of which a mask will leave few. Files
 * hold the entries that are not zero, as {@link SparseEntries} has them, which is what is loaded.
 */
public class DenseDelta extends TensorDelta {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(w: Tensor, s: Tensor) -> Tensor:
              return torch.add(w, s).to(w.dtype)
          """);

  /**
   * The entries beyond a threshold; the first one if there are none, as a file has no empty
   * tensors.
   */
  private static final Kernel PLACES =
      Kernel.of(
          """
          def places(s: Tensor) -> Tensor:                                             # (k)
              flat = torch.abs(torch.reshape(s, [-1]))
              found = torch.reshape(torch.nonzero(torch.gt(flat, {least})), [-1])
              if torch.size(found, 0) == 0:
                  found = torch.zeros_like(torch.narrow(flat, 0, 0, 1))
              return torch.to(found, 3)
          """);

  private static final Kernel VALUES =
      Kernel.of(
          """
          def values(s: Tensor, places: Tensor) -> Tensor:                             # (k)
              return torch.index_select(torch.reshape(s, [-1]), 0, torch.to(places, 4))
          """);

  private final ParameterSite site;
  private final Trainable delta;
  private final Trainable indices;
  private final Kernel places;

  /**
   * Creates a layer whose S is zero.
   *
   * @param least an entry whose absolute value is at most this is not saved
   */
  public DenseDelta(ParameterSite site, Initializer initial, double least) {
    SparseEntries.requireCountable(site);
    this.site = site;
    String own = site.name().substring(site.module().length() + 1);
    NDArray zeros = initial.zeros(site.shape().getShape());
    this.delta = trainable(own + SparseEntries.VALUES, zeros);
    this.indices = buffer(own + SparseEntries.INDICES, zeros.getManager().create(new int[1]));
    this.places = PLACES.with("least", least);
  }

  /** The tensor W. */
  public final ParameterSite site() {
    return site;
  }

  /** S, of W's shape. */
  public final Trainable delta() {
    return delta;
  }

  /** S as it is added: by default all of it. */
  protected NDArray effective() {
    return delta.value();
  }

  @Override
  protected final NDArray changed(NDArray weight) {
    return ADD.call(weight, effective());
  }

  @Override
  public final NDArray stored(Trainable tensor) {
    NDArray change = effective();
    NDArray found = places.call(change);
    return tensor == indices ? found : VALUES.call(change, found);
  }
}
