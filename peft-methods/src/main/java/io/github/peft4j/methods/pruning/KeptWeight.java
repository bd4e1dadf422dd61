package io.github.peft4j.methods.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.sparse.TensorDelta;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A weight of which k entries are kept. They are trained; all others are zero. Files hold the
 * values [k], and a bit for each entry of the weight, row-major, the lowest of each byte first.
 */
final class KeptWeight extends TensorDelta {

  /** The end of the name of the values in files. */
  static final String VALUES = ".values";

  /** The end of the name of the bits. */
  static final String KEPT = ".kept";

  private static final Kernel SPREAD =
      Kernel.of(
          """
          def spread(w: Tensor, values: Tensor, places: Tensor) -> Tensor:      # values, places (k)
              flat = torch.zeros([torch.numel(w)], dtype=values.dtype, layout=None, device=w.device)
              full = torch.index_add(flat, 0, torch.to(places, 4), values)
              return torch.reshape(full, torch.size(w)).to(w.dtype)
          """);

  private final ParameterSite site;
  private final Trainable values;
  private final Trainable kept;
  private @Nullable NDArray places;

  /**
   * Creates a layer whose tensors are about to be read.
   *
   * @param count k
   */
  KeptWeight(ParameterSite site, int count, Initializer initial) {
    this.site = site;
    String own = ownName(site);
    NDArray zeros = initial.zeros(count);
    int[] bytes = new int[(int) ((site.shape().size() + 7) / 8)];
    this.values = trainable(own + VALUES, zeros);
    this.kept = buffer(own + KEPT, zeros.getManager().create(bytes, new Shape(bytes.length)));
  }

  /** The last part of a tensor's name. */
  static String ownName(ParameterSite site) {
    return site.name().substring(site.module().length() + 1);
  }

  /** The bits of the entries that are not zero, of the first one if there are none. */
  static NDArray kept(float[] values, NDManager manager) {
    BitSet bits = new BitSet(values.length);
    places(values).forEach(bits::set);
    byte[] set = bits.toByteArray();
    int[] bytes = new int[(values.length + 7) / 8];
    for (int i = 0; i < set.length; i++) {
      bytes[i] = set[i] & 0xff;
    }
    return manager.create(bytes, new Shape(bytes.length));
  }

  /** The values of the entries that are not zero, of the first one if there are none. */
  static NDArray values(float[] values, NDManager manager) {
    int[] places = places(values).toArray();
    float[] chosen = new float[places.length];
    for (int i = 0; i < places.length; i++) {
      chosen[i] = values[places[i]];
    }
    return manager.create(chosen, new Shape(chosen.length));
  }

  private static IntStream places(float[] values) {
    int[] found = IntStream.range(0, values.length).filter(i -> values[i] != 0).toArray();
    return found.length == 0 ? IntStream.of(0) : Arrays.stream(found);
  }

  ParameterSite site() {
    return site;
  }

  /** The number of entries that are kept. */
  long count() {
    return values.size();
  }

  /** Finds the places of the bits. */
  @Override
  public void loaded(boolean all) {
    int[] bytes = kept.value().toIntArray();
    byte[] packed = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      packed[i] = (byte) bytes[i];
    }
    int[] found = BitSet.valueOf(packed).stream().toArray();
    long size = site.shape().size();
    if (found.length != values.size() || found[found.length - 1] >= size) {
      throw new IllegalArgumentException(
          "%s%s has %,d bits, the last of them at %,d, but there are %,d values for %,d entries: the adapter's file is damaged, or for another base model"
              .formatted(
                  site.name(),
                  KEPT,
                  found.length,
                  found.length == 0 ? -1 : found[found.length - 1],
                  values.size(),
                  size));
    }
    close(places);
    places = Scope.release(kept.value().getManager().create(found, new Shape(found.length)));
  }

  @Override
  protected NDArray changed(NDArray weight) {
    NDArray known = places;
    if (known == null) {
      throw new IllegalStateException(
          "which entries of %s are kept is not known: the config's field 'entries' tells their number alone. Leave it empty"
              .formatted(site.name()));
    }
    return SPREAD.call(weight, values.value(), known);
  }

  private static void close(@Nullable NDArray array) {
    if (array != null) {
      array.close();
    }
  }

  @Override
  public void close() {
    super.close();
    close(places);
    places = null;
  }
}
