package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.host.OffloadedTensor;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.Splitting;
import io.github.peft4j.tuner.site.FrozenContent.Plain;
import io.github.peft4j.tuner.site.FrozenContent.Quantized;
import io.github.peft4j.tuner.site.FrozenContent.Waiting;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One frozen tensor of the model, by its name in the checkpoint. A layer here maps the frozen value
 * to the value that is used, such as a trained copy (BitFit), the value plus a sparse delta, or a
 * masked value.
 */
public final class ParameterSite extends Site<NDArray, NDArray> implements AutoCloseable {

  private volatile FrozenContent content;
  private volatile boolean changed;
  private final boolean buffer;
  private final List<Part> parts;

  /**
   * A linear map's weight that is a part of the tensor. A checkpoint stores it on its own.
   *
   * @param name the name in the checkpoint, such as {@code
   *     model.layers.0.mlp.experts.3.up_proj.weight}
   * @param offset the number of the tensor's elements before the part, row-major
   * @param shape the part's shape; its elements lie one after the other in the tensor
   */
  public record Part(String name, long offset, Shape shape) {}

  /**
   * Creates a site for a tensor.
   *
   * @param name the name in the checkpoint, such as {@code bert.pooler.dense.bias}
   * @param frozen the tensor, which the site owns from now on
   */
  public ParameterSite(String name, NDArray frozen) {
    this(name, new Plain(Scope.release(frozen)), false, List.of());
  }

  /**
   * Creates a site for a matrix in fewer bits.
   *
   * @param matrix which the site owns from now on
   */
  public ParameterSite(String name, FrozenMatrix matrix) {
    this(name, new Quantized(matrix), false, List.of());
  }

  private ParameterSite(String name, FrozenContent content, boolean buffer, List<Part> parts) {
    super(name, (value, context) -> value);
    this.content = content;
    this.buffer = buffer;
    this.parts = List.copyOf(parts);
  }

  /** Creates a site for a constant of the model: a buffer in PyTorch, which no method trains. */
  public static ParameterSite buffer(String name, NDArray constant) {
    return new ParameterSite(name, new Plain(Scope.release(constant)), true, List.of());
  }

  /** Whether the tensor is a constant, which no method trains. */
  public boolean isBuffer() {
    return buffer;
  }

  /**
   * Creates a site for a tensor that holds the weights of linear maps that are no modules of their
   * own, such as experts.
   *
   * @param name the name in transformers, such as {@code model.layers.0.mlp.experts.down_proj}
   * @param frozen the tensor, which the site owns from now on
   * @param parts the weights as a checkpoint stores them, in order; together they are the tensor
   */
  public ParameterSite(String name, NDArray frozen, List<Part> parts) {
    this(name, new Plain(Scope.release(frozen)), false, parts);
  }

  /** The linear maps' weights that the tensor holds; empty if it is stored as it is. */
  public List<Part> parts() {
    return parts;
  }

  /**
   * The value to compute with: the frozen or merged tensor, changed by the adapters of the pass.
   */
  public NDArray value(ForwardContext context) {
    return forward(context.adapters().weight(this, frozen()), context);
  }

  /**
   * The frozen matrix in fewer bits, if it is kept so and no adapter of the pass changes it; or
   * null.
   */
  public @Nullable FrozenMatrix matrix(ForwardContext context) {
    FrozenMatrix matrix = content.present();
    if (matrix == null) {
      return null;
    }
    NDArray numbers = matrix.numbers();
    boolean frozen =
        context.adapters().weight(this, numbers) == numbers
            && context.adapters().computation(this, base()) == base();
    return frozen ? matrix : null;
  }

  /** How the frozen value is kept in fewer bits; null if it is plain numbers. */
  public @Nullable Quantization quantization() {
    FrozenMatrix matrix = content.matrix();
    return matrix == null ? null : matrix.quantization();
  }

  /** The frozen matrix in fewer bits, which stays the site's, or null if there is none. */
  public @Nullable FrozenMatrix frozenMatrix() {
    return content.matrix();
  }

  /** Whether the frozen value is a matrix in fewer bits. */
  public boolean isQuantized() {
    return content.matrix() != null;
  }

  /**
   * Replaces the frozen value by a matrix in fewer bits, which the site owns from now on. No pass
   * may run meanwhile.
   *
   * @param changed see {@link #hasChanged}
   */
  public void replace(FrozenMatrix matrix, boolean changed) {
    replace(new Quantized(matrix), changed);
  }

  /**
   * Takes the matrix in fewer bits, which the caller owns from now on; null if there is none. The
   * frozen value is dense until it is replaced.
   */
  public @Nullable FrozenMatrix takeMatrix() {
    FrozenMatrix matrix = content.matrix();
    if (matrix == null) {
      return null;
    }
    FrozenContent dense = new Plain(Scope.release(content.array()));
    if (content instanceof Waiting waiting) {
      waiting.here(null);
      content = waiting.with(dense);
    } else {
      content = dense;
    }
    return matrix;
  }

  @Override
  public String module() {
    return name().substring(0, name().lastIndexOf('.'));
  }

  /**
   * The frozen value, without any adapter. Of a matrix in fewer bits, and of a tensor on the host,
   * it is a new array for each call, which the innermost {@link Scope} frees.
   */
  public NDArray frozen() {
    return content.array();
  }

  /** The tensor's shape. */
  public Shape shape() {
    return content.shape();
  }

  /**
   * Replaces the frozen value permanently. No pass may run meanwhile.
   *
   * @param value the new value, which the site owns from now on
   * @param changed see {@link #hasChanged}
   */
  public void replace(NDArray value, boolean changed) {
    replace(new Plain(Scope.release(value)), changed);
  }

  private void replace(FrozenContent value, boolean changed) {
    FrozenContent before = content;
    content = before instanceof Waiting waiting ? waiting.with(value) : value;
    this.changed = changed;
    before.close();
  }

  /** Copies of tensors between a device and the host. */
  public interface Copies {

    /** A copy on the host, which the caller closes. */
    NDArray put(NDArray onDevice);

    /** A copy on the device, in the innermost scope. */
    NDArray get(NDArray onHost);

    /** Whether this thread computes with what {@link #here} has brought. */
    boolean areInUse();
  }

  /** Moves the frozen tensor to the host. No pass may run meanwhile. */
  public void waitOnHost(Copies copies) {
    content = new Waiting(content, copies);
  }

  /** What waits on the host; nothing if the frozen tensor is on the device. */
  public List<NDArray> waiting() {
    return content instanceof Waiting waiting ? waiting.arrays() : List.of();
  }

  /**
   * Computes with copies of {@link #waiting()} from now on.
   *
   * @param copies on the device, which the site owns from now on; null to give them back
   */
  public void here(@Nullable List<NDArray> copies) {
    if (content instanceof Waiting waiting) {
      waiting.here(copies);
    }
  }

  /**
   * Moves the frozen tensor to the host's memory, where the GPU reads it. No pass may run
   * meanwhile.
   *
   * @return whether it is there now. A CPU's tensors stay where they are
   */
  public boolean offload() {
    OffloadedTensor tensor =
        content instanceof Plain plain ? OffloadedTensor.of(plain.array()) : null;
    if (tensor == null) {
      return false;
    }
    FrozenContent before = content;
    content = new FrozenContent.Offloaded(tensor);
    before.close();
    return true;
  }

  /** Whether the frozen value differs from the checkpoint's. */
  public boolean hasChanged() {
    return changed;
  }

  @Override
  public ParameterSite weightSite() {
    return this;
  }

  @Override
  public Splitting<NDArray> inputs() {
    return inputs(() -> "");
  }

  /** Always throws: a tensor has no rows. Computations that read the tensor are split instead. */
  @Override
  Splitting<NDArray> inputs(Supplier<String> layers) {
    return new Splitting<>() {
      @Override
      public long rows(NDArray value) {
        throw new IllegalStateException(
            "rows of one batch cannot have a "
                + name()
                + " of their own, because all rows share this tensor; the layers that"
                + " change it are "
                + layers.get()
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
    content.close();
  }
}
