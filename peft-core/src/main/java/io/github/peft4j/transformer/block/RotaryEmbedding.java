package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.pass.Pass;
import org.jspecify.annotations.Nullable;

/**
 * Rotary position embeddings (Su et al. 2021, arXiv:2104.09864): tables of cosines and sines by
 * position, and the rotation of queries and keys by them. The model's {@code rope_parameters}
 * select the scaling of frequencies: {@code default}, {@code linear} or {@code llama3}.
 */
public final class RotaryEmbedding implements AutoCloseable {

  /** x (B, T, H·d) → (B, H, T, d), its first r of d dimensions rotated; tables (T, r). */
  private static final Kernel ROTATE =
      Kernel.of(
          """
          def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
              x1, x2, = torch.chunk(x, 2, -1)
              return torch.addcmul(torch.mul(x, cos), torch.cat([torch.neg(x2), x1], -1), sin)
          """);

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

  private final float[] frequencies;
  private final Kernel rotation;
  private @Nullable NDArray cosines;
  private @Nullable NDArray sines;

  /**
   * Creates an embedding.
   *
   * @param frequencies radians per position, one for each pair of rotated dimensions
   * @param headDimension d, of which the first {@code 2 * frequencies.length} are rotated
   */
  public RotaryEmbedding(float[] frequencies, long headDimension) {
    this.frequencies = frequencies;
    this.rotation = frequencies.length * 2L == headDimension ? ROTATE : ROTATE_PART;
  }

  /** Sets the tables for the pass's positions in the pass. */
  synchronized void prepare(NDArray hidden, Pass pass) {
    long length = hidden.getShape().get(1);
    long needed = pass.start() + length;
    NDArray cos = cosines;
    NDArray sin = sines;
    if (cos == null || sin == null || cos.getShape().get(0) < needed) {
      close();
      int rows = (int) Math.max(128, Long.highestOneBit(needed) * 2);
      NDManager manager = hidden.getManager();
      cos = cosines = Scope.release(table(manager, rows, true));
      sin = sines = Scope.release(table(manager, rows, false));
    }
    NDArray positions = pass.positions();
    if (positions != null) {
      pass.rotate(
          TAKE_BY_ROW.call(hidden, cos, positions), TAKE_BY_ROW.call(hidden, sin, positions));
      return;
    }
    try (Scope scope = new Scope()) {
      NDArray first = Tensors.scalar(pass.start());
      NDArray count = Tensors.scalar(length);
      pass.rotate(TAKE.call(hidden, cos, first, count), TAKE.call(hidden, sin, first, count));
    }
  }

  /** Rotates x (B, H, T, d) by the pass's positions. */
  NDArray rotate(NDArray x, NDArray cosine, NDArray sine) {
    return rotation.call(x, cosine, sine);
  }

  private NDArray table(NDManager manager, int rows, boolean cosine) {
    int half = frequencies.length;
    float[] values = new float[rows * 2 * half];
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < half; i++) {
        float angle = t * frequencies[i];
        float value = (float) (cosine ? Math.cos(angle) : Math.sin(angle));
        values[(t * 2 * half) + i] = value;
        values[(t * 2 * half) + half + i] = value;
      }
    }
    try (NDArray java = manager.create(values, new Shape(rows, 2L * half))) {
      NDArray table = java.duplicate(); // in PyTorch's own memory, which views keep alive
      table.detach();
      return table;
    }
  }

  @Override
  public void close() {
    if (cosines != null) {
      cosines.close();
    }
    if (sines != null) {
      sines.close();
    }
  }

  /**
   * The frequencies that a config file describes.
   *
   * @param config of the model
   * @param dimensions the number of rotated dimensions of a head
   */
  public static float[] frequencies(ModelConfig config, int dimensions) {
    ModelConfig rope = config.ropeParameters();
    double theta = (rope.has("rope_theta") ? rope : config).positive("rope_theta", 10000.0);
    float[] frequencies = new float[dimensions / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = (float) (1.0 / Math.pow(theta, 2.0 * i / dimensions));
    }
    String field = rope.has("rope_type") ? "rope_type" : "type";
    String type = rope.text(field, "default");
    return switch (type) {
      case "default" -> frequencies;
      case "linear" -> linear(frequencies, rope.positive("factor"));
      case "llama3" -> llama3(frequencies, rope);
      default ->
          throw new UnsupportedModelException(
              rope.error(field, type, "one of default, linear, llama3, which are supported"));
    };
  }

  private static float[] linear(float[] frequencies, double factor) {
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] /= (float) factor;
    }
    return frequencies;
  }

  /**
   * Llama 3.1's scaling: long wavelengths are stretched, short ones kept, those between
   * interpolated.
   */
  private static float[] llama3(float[] frequencies, ModelConfig rope) {
    double factor = rope.positive("factor");
    double low = rope.positive("low_freq_factor");
    double high = rope.positive("high_freq_factor");
    double original = rope.positive("original_max_position_embeddings");
    for (int i = 0; i < frequencies.length; i++) {
      double wave = 2 * Math.PI / frequencies[i];
      if (wave > original / low) {
        frequencies[i] /= (float) factor;
      } else if (wave >= original / high) {
        double smooth = (original / wave - low) / (high - low);
        frequencies[i] = (float) ((1 - smooth) * frequencies[i] / factor + smooth * frequencies[i]);
      }
    }
    return frequencies;
  }
}
