package io.github.peft4j.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The comparison of GGUF's types counts what is the same, and what is not. */
class GgufParityTest {

  @TempDir Path folder;

  /** Compares a small file whose blocks have, perhaps, one other bit. */
  private Tally tally(boolean damaged) {
    Random random = new Random(1);
    float[] x = new float[64];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    byte[] blocks = new byte[68];
    GgufType.Q8_0.quantize(x, 2, blocks);
    float[] values = new float[64];
    GgufType.Q8_0.dequantize(blocks, 2, values);
    byte[] infinite = new byte[18];
    infinite[1] = 0x7c; // the scale
    SafetensorsWriter writer =
        new SafetensorsWriter()
            .add("a.x", new long[] {2, 32}, x)
            .add("a.Q8_0.dequantized", new long[] {2, 32}, values)
            .add("a.IQ4_NL.random_dequantized", new long[] {1, 32}, new float[32]);
    bytes(writer, "a.IQ4_NL.random_bytes", infinite);
    blocks[33] ^= (byte) (damaged ? 1 : 0);
    bytes(writer, "a.Q8_0.bytes", blocks);
    writer.write(folder.resolve("gguf.safetensors"));
    Tally tally = new Tally();
    GgufParity.check(folder, tally);
    return tally;
  }

  private static void bytes(SafetensorsWriter writer, String name, byte... bytes) {
    writer.add(
        new TensorInfo(name, DType.U8, new long[] {bytes.length}),
        sink -> sink.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)));
  }

  @Test
  void whatIsTheSamePasses() {
    Tally tally = tally(false);
    assertThat(tally.failures()).isEmpty();
    assertThat(tally.passed()).isEqualTo(3);
  }

  @Test
  void oneBitMakesADifference() {
    Tally tally = tally(true);
    assertThat(tally.passed()).isEqualTo(1); // the type that is only read
    assertThat(tally.failures()).hasSize(2);
    assertThat(tally.failures().toString())
        .contains("gguf a.Q8_0.bytes: byte 33 of 68")
        .contains("gguf a.Q8_0.dequantized: number 31 is");
  }

  @Test
  void aMissingFileFails() {
    Tally tally = new Tally();
    GgufParity.check(folder, tally);
    assertThat(tally.failures())
        .containsExactly("gguf: there is no " + folder.resolve("gguf.safetensors"));
  }
}
