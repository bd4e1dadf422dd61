package io.github.peft4j.train;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Tensors;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tensors of a checkpoint that do not fit a run, in files whose hashes are right. */
class CheckpointTensorsTest {

  private static final byte[] CODES = {0, 1, 127, (byte) 128, (byte) 200, (byte) 255};

  @TempDir Path folder;
  private final NDManager manager = NDManager.newBaseManager();
  private final Map<String, NDArray> tensors = new LinkedHashMap<>();

  @BeforeEach
  void make() {
    tensors.put("0.parameter", manager.ones(new Shape(4)));
    tensors.put("0.state1", manager.zeros(new Shape(2, 3), DataType.UINT8));
  }

  @AfterEach
  void close() {
    manager.close();
  }

  private static SafetensorsWriter parameter() {
    return new SafetensorsWriter().add("0.parameter", new long[] {4}, 5, 6, 7, 8);
  }

  private static SafetensorsWriter codes(DType type, long... shape) {
    byte[] bytes = new byte[CODES.length * type.bytes()];
    System.arraycopy(CODES, 0, bytes, 0, CODES.length);
    return parameter()
        .add(new TensorInfo("0.state1", type, shape), sink -> sink.accept(ByteBuffer.wrap(bytes)));
  }

  private void write(SafetensorsWriter writer) {
    writer.write(folder.resolve("trainer.safetensors"));
  }

  @Test
  void codesAreRead() {
    write(codes(DType.U8, 2, 3));
    Checkpoints.read(folder, tensors);
    assertThat(Tensors.floats(requireNonNull(tensors.get("0.state1"))))
        .containsExactly(0, 1, 127, 128, 200, 255);
    assertThat(Tensors.floats(requireNonNull(tensors.get("0.parameter"))))
        .containsExactly(5, 6, 7, 8);
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeAnythingIsSet() {
    for (SafetensorsWriter other :
        new SafetensorsWriter[] {
          parameter(), codes(DType.U8, 3, 2), codes(DType.I8, 2, 3), codes(DType.F32, 2, 3)
        }) {
      write(other);
      assertThatThrownBy(() -> Checkpoints.read(folder, tensors))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(
              "trainer.safetensors has no tensor 0.state1 of shape (2, 3) with codes of 8 bits",
              "belongs to another run");
      assertThat(Tensors.floats(requireNonNull(tensors.get("0.parameter")))).containsOnly(1);
    }
    tensors.put("0.state1", manager.zeros(new Shape(2, 3)));
    write(codes(DType.U8, 2, 3));
    assertThatThrownBy(() -> Checkpoints.read(folder, tensors))
        .hasMessageContaining("has no tensor 0.state1 of shape (2, 3): it belongs");
  }

  @Test
  void whatIsNotFiniteIsRefusedBeforeAnythingIsSet() {
    tensors.put("0.absmax1", manager.ones(new Shape(2)));
    for (float wrong : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      write(codes(DType.U8, 2, 3).add("0.absmax1", new long[] {2}, 3, wrong));
      assertThatThrownBy(() -> Checkpoints.read(folder, tensors))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("trainer.safetensors: tensor 0.absmax1 has " + wrong);
      assertThat(Tensors.floats(requireNonNull(tensors.get("0.parameter")))).containsOnly(1);
    }
  }
}
