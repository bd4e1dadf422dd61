package io.github.peft4j.kernel.cuda;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.bitsandbytes.BitsandbytesText;
import io.github.peft4j.quantization.float8.Float8Text;
import io.github.peft4j.quantization.gguf.BlockCuda;
import io.github.peft4j.quantization.gguf.GgufBlocks;
import io.github.peft4j.transformer.cuda.CrossEntropyText;
import io.github.peft4j.transformer.cuda.GainText;
import io.github.peft4j.transformer.cuda.GatedText;
import io.github.peft4j.transformer.cuda.RmsNormText;
import io.github.peft4j.transformer.cuda.RotationText;
import io.github.peft4j.transformer.cuda.RowProductText;
import io.github.peft4j.transformer.cuda.StepAttentionText;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every CUDA text compiles with a real NVRTC, which needs no GPU: {@code
 * -Dpeft4j.nvrtc=/path/libnvrtc.so.12} names it. Without it, this is skipped.
 */
class NvrtcTest {

  private static final String FILE = System.getProperty("peft4j.nvrtc", "");

  record Text(CudaText text, String... types) {}

  private static List<Text> texts() {
    List<Text> all = new ArrayList<>();
    for (GgufBlocks type : GgufBlocks.values()) {
      for (Precision precision :
          List.of(Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16)) {
        all.add(new Text(requireNonNull(BlockCuda.dense(type, precision)), "unsigned char"));
      }
    }
    for (String type : List.of("bf16", "fp16", "float")) {
      for (GatedText text : GatedText.values()) {
        all.add(new Text(text.forward(), type, type));
        all.add(new Text(text.back(), type, type, type));
      }
      for (RmsNormText text : RmsNormText.values()) {
        for (String weight : List.of(type, "float")) {
          all.add(new Text(text.forward().with("eps", "1e-06"), type, weight));
          all.add(new Text(text.training().with("eps", "1e-06"), type, weight));
          all.add(new Text(text.again(), type, weight, "float"));
          all.add(new Text(text.back(), type, type, weight, "float"));
        }
      }
      addQuantized(all, type);
      all.add(new Text(Float8Text.PARTS, type));
      for (Float8Text text : Float8Text.values()) {
        all.add(new Text(text.quotients(), type, "float"));
      }
      all.add(new Text(RotationText.FORWARD, type, type, type));
      all.add(new Text(RotationText.BACK, type, type, type));
      all.add(new Text(RowProductText.PLAIN.text(), type, type));
      all.add(new Text(RowProductText.BIAS.text(), type, type, type));
      for (int head : new int[] {16, 64, 128, 256}) {
        for (int queries : new int[] {1, 3, 4, 8}) {
          String[] types = Collections.nCopies(9, type).toArray(String[]::new);
          types[8] = "whole";
          all.add(new Text(StepAttentionText.of(queries, 1, head, 0.1, true), types));
        }
      }
      for (String other : List.of(type, "float")) {
        all.add(new Text(GainText.WEIGHT, type, "float", other));
        all.add(new Text(GainText.SUMS, type, type, other, "float"));
      }
      all.add(new Text(CrossEntropyText.FORWARD, type, "whole"));
      all.add(new Text(CrossEntropyText.IN_PLACE, type, "whole", "float"));
    }
    return all;
  }

  private static void addQuantized(List<Text> all, String type) {
    Precision precision =
        switch (type) {
          case "bf16" -> Precision.BFLOAT16;
          case "fp16" -> Precision.FLOAT16;
          default -> Precision.FLOAT32;
        };
    Shape rows = new Shape(8, 64);
    String codes = "unsigned char";
    all.add(
        new Text(
            requireNonNull(BitsandbytesText.fourBit(precision, rows, 64, 0)),
            codes,
            "float",
            "float"));
    all.add(
        new Text(
            requireNonNull(BitsandbytesText.fourBit(precision, rows, 64, 256)),
            codes,
            codes,
            "float",
            "float",
            "float",
            "float"));
    for (boolean byRow : new boolean[] {false, true}) {
      all.add(
          new Text(
              requireNonNull(BitsandbytesText.int8(precision, rows, byRow)),
              "signed char",
              "float"));
    }
  }

  static Nvrtc nvrtc() {
    assumeTrue(!FILE.isEmpty(), "needs -Dpeft4j.nvrtc=/path/of/libnvrtc.so.12");
    return Nvrtc.of(FILE);
  }

  static List<String> definitions(Text text, int lanes) {
    List<String> definitions = new ArrayList<>(List.of("LANES=" + lanes));
    for (int i = 0; i < text.types().length; i++) {
      definitions.add("T" + i + "=" + text.types()[i]);
    }
    return definitions;
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void everyTextCompiles(int capability) {
    Nvrtc nvrtc = nvrtc();
    for (Text text : texts()) {
      for (int lanes : new int[] {1, text.types()[0].equals("float") ? 4 : 8}) {
        String source = CudaText.PRELUDE + text.text().source();
        byte[] code = nvrtc.compile(source, capability, definitions(text, lanes));
        assertThat(new String(code, 1, 3, StandardCharsets.ISO_8859_1)).isEqualTo("ELF");
        assertThat(new String(code, StandardCharsets.ISO_8859_1))
            .contains(CudaText.name(text.text().source()));
      }
    }
  }

  @Test
  void aDeviceNewerThanTheCompilerGetsPtxOfVectorLoads() {
    Text text = texts().stream().filter(t -> t.types()[0].equals("bf16")).findFirst().orElseThrow();
    String source = CudaText.PRELUDE + text.text().source();
    byte[] code = nvrtc().compile(source, 9990, definitions(text, 8));
    assertThat(new String(code, StandardCharsets.ISO_8859_1))
        .contains(".visible .entry gated(")
        .contains("ld.global.nc.v4")
        .contains("st.global.v4");
  }

  @Test
  void aTextThatDoesNotCompileIsAnErrorWithTheCompilersWords() {
    Nvrtc nvrtc = nvrtc();
    assertThatThrownBy(() -> nvrtc.compile("__global__ void f() { nonsense; }", 80, List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nonsense");
  }
}
