package io.github.peft4j.quantization.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.CudaText;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Blocks on the device are the numbers of {@link GgufType}, which are those of the gguf package.
 */
class GgufMatrixTest {

  /** With one, the matrices are there, and CUDA texts make their numbers. */
  private static final boolean HAS_GPU = PyTorch.engine().getGpuCount() > 0;

  private static final int OUT = 6;
  private static final int IN = 512;

  private final Random random = new Random(7);
  private Scope scope;
  private NDManager manager;

  @BeforeEach
  void open() {
    manager = Tensors.newManager(HAS_GPU ? Device.gpu() : Device.cpu());
    scope = new Scope();
  }

  @AfterEach
  void close() {
    scope.close();
    manager.close();
  }

  private NDArray blocks(byte... bytes) {
    return manager.create(
        ByteBuffer.wrap(bytes), new Shape(OUT, bytes.length / OUT), DataType.UINT8);
  }

  /**
   * All bits are random, scales are as large and as small as halves are, and some are not finite.
   */
  @ParameterizedTest
  @EnumSource(GgufBlocks.class)
  void numbersAreThoseOfTheFile(GgufBlocks type) {
    int count = OUT * IN / type.type().blockElements();
    byte[] bytes = new byte[count * type.type().blockBytes()];
    random.nextBytes(bytes);
    float[] expected = new float[OUT * IN];
    type.type().dequantize(bytes, count, expected);
    long launches = CudaText.launches();
    try (GgufMatrix matrix = GgufMatrix.of(type, blocks(bytes), false, Precision.FLOAT32)) {
      assertThat(Tensors.floats(matrix.dense())).isEqualTo(expected);
      assertThat(matrix.shape()).isEqualTo(new Shape(OUT, IN));
      assertThat(matrix.numbers().toByteArray()).isEqualTo(bytes);
      assertThat(matrix.quantization()).isEqualTo(type);
      assertThat(CudaText.launches() > launches).isEqualTo(HAS_GPU && CudaText.isAvailable());
    }
    NDArray dense = manager.create(expected, new Shape(OUT, IN));
    try (GgufMatrix turned = GgufMatrix.of(type, blocks(bytes), true, Precision.FLOAT32)) {
      assertThat(turned.shape()).isEqualTo(new Shape(IN, OUT));
      assertThat(Tensors.floats(turned.dense()))
          .isEqualTo(Tensors.floats(dense.transpose().duplicate()));
    }
    for (Precision precision : new Precision[] {Precision.BFLOAT16, Precision.FLOAT16}) {
      try (GgufMatrix half = GgufMatrix.of(type, blocks(bytes), false, precision)) {
        assertThat(Tensors.floats(half.dense()))
            .isEqualTo(Tensors.floats(Tensors.cast(dense, precision)));
      }
    }
  }

  /** Every half is a scale once, in blocks whose first code is 1. */
  @Test
  void scalesAreAllHalves() {
    byte[] bytes = new byte[(1 << 16) * 34];
    for (int i = 0; i < 1 << 16; i++) {
      bytes[34 * i] = (byte) i;
      bytes[34 * i + 1] = (byte) (i >> 8);
      bytes[34 * i + 2] = 1;
    }
    float[] expected = new float[32 << 16];
    GgufType.Q8_0.dequantize(bytes, 1 << 16, expected);
    NDArray blocks =
        manager.create(ByteBuffer.wrap(bytes), new Shape(64, 34 << 10), DataType.UINT8);
    try (GgufMatrix matrix = GgufMatrix.of(GgufBlocks.Q8_0, blocks, false, Precision.FLOAT32)) {
      assertThat(Tensors.floats(matrix.dense())).isEqualTo(expected);
    }
  }

  /** A large matrix is made dense in several pieces. */
  @Test
  void piecesOfALargeMatrixFitTogether() {
    int out = 700;
    int in = 8192;
    float[] values = new float[out * in];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat();
    }
    byte[] bytes = new byte[values.length / 32 * 34];
    GgufType.Q8_0.quantize(values, values.length / 32, bytes);
    GgufType.Q8_0.dequantize(bytes, values.length / 32, values);
    NDArray blocks =
        manager.create(ByteBuffer.wrap(bytes), new Shape(out, bytes.length / out), DataType.UINT8);
    try (GgufMatrix matrix = GgufMatrix.of(GgufBlocks.Q8_0, blocks, false, Precision.FLOAT32)) {
      assertThat(Tensors.floats(matrix.dense())).isEqualTo(values);
    }
  }

  @ParameterizedTest
  @EnumSource(GgufBlocks.class)
  void aMatrixOfAFileIsLoadedAsItIs(GgufBlocks type) {
    String name = "random." + type;
    long before = Tensors.live();
    try (GgufFile file = GgufFile.open(file());
        TensorLoader loader = new TensorLoader(manager, Precision.FLOAT32)) {
      float[] expected = file.floats(name);
      int in = (int) file.info(name).shape()[1];
      try (GgufMatrix matrix = GgufMatrix.load(file, name, null, false, loader)) {
        assertThat(Tensors.floats(matrix.dense())).isEqualTo(expected);
      }
      try (GgufMatrix turned = GgufMatrix.load(file, name, new long[] {2, 0, 0, 1}, true, loader)) {
        assertThat(turned.shape()).isEqualTo(new Shape(in, 4));
        float[] values = Tensors.floats(turned.dense());
        for (int i = 0; i < in; i++) {
          assertThat(Arrays.copyOfRange(values, 4 * i, 4 * i + 4))
              .containsExactly(expected[2 * in + i], expected[i], expected[i], expected[in + i]);
        }
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> GgufMatrix.load(file, "plain.vector", null, false, loader))
          .withMessageEndingWith("tensor plain.vector F32[5] has 1 dimensions, expected a matrix");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> GgufMatrix.load(file, "writable.F16", null, false, loader))
          .withMessage("F16 has no blocks: load the tensor as plain numbers");
    }
    scope.close();
    assertThat(Tensors.live()).isEqualTo(before);
    scope = new Scope();
  }

  private static Path file() {
    try {
      return Path.of(Objects.requireNonNull(GgufFile.class.getResource("types.gguf")).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void weightsBecomeTheBlocksOfTheFile() {
    float[] values = new float[OUT * IN];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    NDArray weight = manager.create(values, new Shape(OUT, IN));
    byte[] expected = new byte[values.length / 32 * 18];
    GgufType.Q4_0.quantize(values, values.length / 32, expected);
    try (GgufMatrix matrix = GgufBlocks.Q4_0.store(weight, false, Precision.FLOAT32)) {
      assertThat(matrix.numbers().toByteArray()).isEqualTo(expected);
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GgufBlocks.Q3_K.store(weight, false, Precision.FLOAT32))
        .withMessage(
            "weights cannot be made Q3_K here: take Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1 or"
                + " Q4_0, or a GGUF file that has such blocks");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GgufBlocks.Q3_K.require(Device.cpu(), Precision.FLOAT32));
    try (GgufMatrix matrix = GgufBlocks.Q6_K.store(weight, false, Precision.FLOAT32)) {
      byte[] six = new byte[values.length / 256 * 210];
      GgufType.Q6_K.quantize(values, values.length / 256, six);
      assertThat(matrix.numbers().toByteArray()).isEqualTo(six);
    }
  }

  @Test
  void whatIsNoBlockIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                GgufMatrix.of(
                    GgufBlocks.Q8_0, blocks(new byte[OUT * 35]), false, Precision.FLOAT32))
        .withMessage(
            "blocks of Q8_0 are (6, 35) of uint8, expected (out, a multiple of 34) of UINT8");
    NDArray floats = manager.create(new float[34], new Shape(1, 34));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GgufMatrix.of(GgufBlocks.Q8_0, floats, false, Precision.FLOAT32));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GgufBlocks.of(GgufType.F16))
        .withMessage("F16 has no blocks: load the tensor as plain numbers");
    assertThat(GgufBlocks.of(GgufType.IQ4_NL).type()).isEqualTo(GgufType.IQ4_NL);
    assertThat(GgufBlocks.Q4_0.fits(new Shape(64, 32))).isTrue();
    assertThat(GgufBlocks.Q4_0.fits(new Shape(64, 40))).isFalse();
    assertThat(GgufBlocks.Q4_K.fits(new Shape(64, 256))).isFalse();
  }
}
