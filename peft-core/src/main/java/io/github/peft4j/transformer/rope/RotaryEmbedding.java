package io.github.peft4j.transformer.rope;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.cuda.RotationText;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rotary positions of a {@link RopeSpec}: tables of cosines and sines by position, and the
 * rotation of queries and keys by them.
 */
public final class RotaryEmbedding implements AutoCloseable {

  private static final Kernel ROTATE =
      Kernel.of(
              """
              def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:   # x (B, H, T, d), tables (…, T, d)
                  x1, x2, = torch.chunk(x, 2, -1)
                  return torch.addcmul(torch.mul(x, cos), torch.cat([torch.neg(x2), x1], -1), sin)
              """)
          .cuda(RotationText.FORWARD)
          .derivative(
              "x",
              null,
              Kernel.of(
                      """
                      def back(g: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
                          g1, g2, = torch.chunk(torch.mul(g, sin), 2, -1)
                          return torch.addcmul(torch.cat([g2, torch.neg(g1)], -1), g, cos)
                      """)
                  .cuda(RotationText.BACK));

  /** Rotates the first r of d dimensions; tables (…, T, r). */
  private static final Kernel ROTATE_PART =
      Kernel.of(
              """
              def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
                  r = torch.size(cos, -1)
                  head = torch.slice(x, -1, 0, r)
                  rest = torch.slice(x, -1, r)
                  x1, x2, = torch.chunk(head, 2, -1)
                  turned = torch.addcmul(torch.mul(head, cos), torch.cat([torch.neg(x2), x1], -1), sin)
                  return torch.cat([turned, rest], -1)
              """)
          .cuda(RotationText.FORWARD)
          .derivative(
              "x",
              null,
              Kernel.of(
                      """
                      def back(g: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
                          r = torch.size(cos, -1)
                          head = torch.slice(g, -1, 0, r)
                          rest = torch.slice(g, -1, r)
                          g1, g2, = torch.chunk(torch.mul(head, sin), 2, -1)
                          turned = torch.addcmul(torch.cat([g2, torch.neg(g1)], -1), head, cos)
                          return torch.cat([turned, rest], -1)
                      """)
                  .cuda(RotationText.BACK));

  /** The same with fewer kernels, for tables of sines whose first half has the other sign. */
  private static final Kernel TURN =
      Kernel.of(
          """
          def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
              r = torch.size(cos, -1)
              head = x
              if r < torch.size(x, -1):
                  head = torch.slice(x, -1, 0, r)
              turned = torch.addcmul(torch.mul(head, cos), torch.roll(head, [r // 2], [-1]), sin)
              if r < torch.size(x, -1):
                  turned = torch.cat([turned, torch.slice(x, -1, r)], -1)
              return turned
          """);

  private static final Kernel SIGN =
      Kernel.of(
          """
          def sign(sines: Tensor) -> Tensor:
              first, second, = torch.chunk(sines, 2, -1)
              return torch.cat([torch.neg(first), second], -1)
          """);

  private static final Kernel TAKE =
      Kernel.of(
          """
          def take(like: Tensor, table: Tensor, start: Tensor, length: Tensor) -> Tensor:
              return torch.to(torch.narrow(table, 0, int(start), int(length)), like.dtype)
          """);

  private static final Kernel TAKE_BY_ROW =
      Kernel.of(
          """
          def take(like: Tensor, table: Tensor, positions: Tensor) -> Tensor:   # (B, T) → (B, 1, T, r)
              return torch.unsqueeze(torch.to(torch.embedding(table, positions), like.dtype), 1)
          """);

  private final RopeSpec spec;
  private final Kernel rotation;
  private @Nullable Tables tables;

  /** Shorter tables of the same regime, which a CUDA graph may read. */
  private final List<Tables> shorter = new ArrayList<>();

  /** Tables (positions, r) for texts of one regime. */
  private record Tables(long regime, NDArray cosines, NDArray sines) {
    boolean serves(long wanted, long positions) {
      return regime == wanted && cosines.getShape().get(0) >= positions;
    }

    void close() {
      cosines.close();
      sines.close();
    }
  }

  public RotaryEmbedding(RopeSpec spec) {
    this.spec = spec;
    this.rotation = spec.dimensions() == spec.head() ? ROTATE : ROTATE_PART;
  }

  /**
   * The rotation of positions.
   *
   * @param like the hidden states (B, T, D), for their type and device
   * @param start the first position
   * @param end the position after the last one of the longest text
   * @param positions (B, T) if they differ between rows, or null
   */
  public synchronized Rotation at(NDArray like, long start, long end, @Nullable NDArray positions) {
    Tables all = upTo(end, like.getManager());
    if (positions != null) {
      return new Rotation(
          TAKE_BY_ROW.call(like, all.cosines(), positions),
          TAKE_BY_ROW.call(like, all.sines(), positions));
    }
    NDArray first = Tensors.scalar(start);
    NDArray count = Tensors.scalar(end - start);
    return new Rotation(
        TAKE.call(like, all.cosines(), first, count), TAKE.call(like, all.sines(), first, count));
  }

  /**
   * The tables of cosines and sines by position, (positions, r) each, for texts of up to {@code
   * end} positions and for {@link #turning}. Their memory stays as it is until the caller closes
   * them.
   */
  public synchronized Rotation tables(long end, NDManager manager) {
    Tables all = upTo(end, manager);
    return new Rotation(
        Scope.release(Autograd.detach(all.cosines())), Scope.release(SIGN.call(all.sines())), true);
  }

  /**
   * The rotation of positions (B, T) by tables.
   *
   * @param like the hidden states (B, T, D), for their type
   */
  public static Rotation of(NDArray like, Rotation tables, NDArray positions) {
    return new Rotation(
        TAKE_BY_ROW.call(like, tables.cosine(), positions),
        TAKE_BY_ROW.call(like, tables.sine(), positions),
        tables.isSigned());
  }

  /** Whether texts of both numbers of positions have the same tables. */
  public boolean isConstant(long before, long after) {
    return spec.scaling().regime(before) == spec.scaling().regime(after);
  }

  /** Whether cached keys of a text are wrong once it has grown, see {@link RopeScaling}. */
  public boolean outdates(long before, long after) {
    return spec.scaling().outdates(before, after);
  }

  /** Whether the tables of a text stay when other texts are longer. */
  public boolean hasOneRegime() {
    return spec.scaling().regime(0) == spec.scaling().regime(Long.MAX_VALUE);
  }

  /**
   * The function {@code rotate(x, cos, sin)} in TorchScript, for kernels that do more: x (B, H, T,
   * d) and the tables of a {@link Rotation}.
   */
  public String text() {
    return rotation.source();
  }

  /** The same function for a {@linkplain Rotation#isSigned signed} rotation. */
  public static String turning() {
    return TURN.source();
  }

  /** Rotates queries or keys (B, H, T, d). */
  public NDArray rotate(NDArray x, Rotation by) {
    return (by.isSigned() ? TURN : rotation).call(x, by.cosine(), by.sine());
  }

  private Tables upTo(long end, NDManager manager) {
    long regime = spec.scaling().regime(end);
    Tables present = tables;
    if (present != null && present.serves(regime, end)) {
      return present;
    }
    if (present != null && present.regime() == regime) {
      shorter.add(present);
    } else {
      close();
    }
    int rows = (int) Math.max(128, Long.highestOneBit(end) * 2);
    float[] frequencies = spec.scaling().frequencies(spec.theta(), spec.dimensions(), end);
    Tables made =
        new Tables(
            regime,
            table(manager, rows, frequencies, true),
            table(manager, rows, frequencies, false));
    tables = made;
    return made;
  }

  private NDArray table(NDManager manager, int rows, float[] frequencies, boolean cosine) {
    int half = frequencies.length;
    double factor = spec.scaling().attentionFactor();
    float[] values = new float[rows * 2 * half];
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < half; i++) {
        float angle = t * frequencies[i];
        float value = (float) ((cosine ? Math.cos(angle) : Math.sin(angle)) * factor);
        values[(t * 2 * half) + i] = value;
        values[(t * 2 * half) + half + i] = value;
      }
    }
    try (NDArray java = manager.create(values, new Shape(rows, 2L * half))) {
      NDArray table = java.duplicate(); // in PyTorch's own memory, which views keep alive
      table.detach();
      return Scope.release(table);
    }
  }

  /** Frees the tables. */
  @Override
  public void close() {
    shorter.forEach(Tables::close);
    shorter.clear();
    if (tables != null) {
      tables.close();
      tables = null;
    }
  }
}
