package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ElementsTest {
  @Test
  void readsFloatsOfEveryWidthAcrossSlices() {
    float[] expected = {1, -2.5f, 0.125f};
    assertThat(Elements.floats(info(DType.F32, 3), slices(4, 0x3f800000, 0xc0200000, 0x3e000000)))
        .containsExactly(expected);
    assertThat(Elements.floats(info(DType.F16, 3), slices(2, 0x3c00, 0xc100, 0x3000)))
        .containsExactly(expected);
    assertThat(Elements.floats(info(DType.BF16, 3), slices(2, 0x3f80, 0xc020, 0x3e00)))
        .containsExactly(expected);
    assertThat(
            Elements.floats(
                info(DType.F64, 3),
                slices(8, 0x3ff0000000000000L, 0xc004000000000000L, 0x3fc0000000000000L)))
        .containsExactly(expected);
  }

  @Test
  void readsIntegersOfEveryWidth() {
    assertThat(Elements.longs(info(DType.I64, 2), slices(8, -1, 1L << 40)))
        .containsExactly(-1, 1L << 40);
    assertThat(Elements.longs(info(DType.I32, 2), slices(4, -1, 7))).containsExactly(-1, 7);
    assertThat(Elements.longs(info(DType.I16, 2), slices(2, -1, 7))).containsExactly(-1, 7);
    assertThat(Elements.longs(info(DType.I8, 2), slices(1, -1, 7))).containsExactly(-1, 7);
    assertThat(Elements.longs(info(DType.U8, 2), slices(1, -1, 7))).containsExactly(255, 7);
    assertThat(Elements.longs(info(DType.BOOL, 2), slices(1, 0, 1))).containsExactly(0, 1);
  }

  @Test
  void saysWhichMethodReadsTheOtherKind() {
    assertThatThrownBy(() -> Elements.floats(info(DType.I64, 1), slices(8, 1)))
        .hasMessage("x I64[1] holds integers: read it with longs()");
    assertThatThrownBy(() -> Elements.longs(info(DType.BF16, 1), slices(2, 1)))
        .hasMessage("x BF16[1] holds no integers: read it with floats()");
    assertThatThrownBy(() -> Elements.longs(info(DType.I8, 1L << 31), slices(1)))
        .hasMessageContaining("more elements than a Java array can hold");
  }

  @Test
  void countsAndChecksShapes() {
    assertThat(new TensorInfo("x", DType.F16, new long[] {1L << 20, 1L << 20}).byteCount())
        .isEqualTo(1L << 41);
    assertThat(new TensorInfo("x", DType.F16, new long[0]).elementCount()).isEqualTo(1);
    assertThat(new TensorInfo("x", DType.F16, new long[] {2, 3}))
        .hasToString("x F16[2, 3]")
        .isEqualTo(new TensorInfo("x", DType.F16, new long[] {2, 3}));
    assertThatThrownBy(() -> new TensorInfo("x", DType.F64, new long[] {1L << 31, 1L << 30}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("overflows");
    assertThatThrownBy(() -> new TensorInfo("x", DType.F64, new long[] {-1}))
        .hasMessageContaining("negative");
  }

  private static TensorInfo info(DType dtype, long length) {
    return new TensorInfo("x", dtype, new long[] {length});
  }

  /** Hands out one element a slice. */
  private static Consumer<Consumer<ByteBuffer>> slices(int bytes, long... bits) {
    return sink -> {
      for (long b : bits) {
        ByteBuffer all = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, b);
        sink.accept(all.slice(0, bytes).order(ByteOrder.LITTLE_ENDIAN));
      }
    };
  }
}
