package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Fp4;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.gguf.GgufBlocks;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Models whose frozen weights have four or eight bits, beside the plain models of the numbers that
 * these stand for.
 */
class QuantizedTest {

  private static final LoraConfig LORA =
      LoraConfig.ofRank(2).loraAlpha(4).targetModules("all-linear");
  private static final String SOME =
      "Lora|Dora|Pissa|Olora|LoraOnTensors|AdaLora|Ia3|BitFit|Full|Shira|Spiel|Oft|Hira|Vera|Pfeiffer|PrefixTuning";
  private static final String LLAMAS_MODULES = ".*OfEmbeddings|LoraWithTiedOutput|LoraOnTensors";
  @TempDir Path folder;

  static Stream<Quantization> quantizations() {
    return Stream.of(
        Nf4.plain(),
        Nf4.doubleQuantized(),
        Fp4.plain(),
        Fp4.doubleQuantized(),
        Int8.BY_ROW,
        Int8.ABSMAX,
        GgufBlocks.Q8_0,
        GgufBlocks.Q4_1);
  }

  /** Each with four or with eight bits, in turn. */
  static Stream<Arguments> families() throws IOException {
    List<String> families = List.copyOf(TinyFamily.all().keySet());
    return IntStream.range(0, families.size())
        .mapToObj(
            i -> Arguments.of(families.get(i), i % 2 == 0 ? Nf4.doubleQuantized() : Int8.BY_ROW));
  }

  /**
   * Those that use weights in different ways, on weights stored as (out, in) and as (in, out).
   * {@code -Dpeft4j.methods=.*} takes all but LoftQ, which quantises a plain model itself.
   */
  static Stream<Arguments> methods() {
    String chosen = System.getProperty("peft4j.methods", SOME);
    return MethodsTest.methods()
        .filter(method -> method.name().matches(chosen) && !method.name().equals("Loftq"))
        .flatMap(
            method ->
                Stream.of(
                    Arguments.of(method, "llama", Nf4.doubleQuantized()),
                    Arguments.of(
                        method,
                        method.name().matches(LLAMAS_MODULES) ? "llama" : "gpt2",
                        Int8.BY_ROW)));
  }

  /** The model in fewer bits, and the folder of its numbers as they are then. */
  private PeftModel quantized(String family, Quantization quantization) throws IOException {
    Path stored = folder.resolve("stored");
    if (!Files.exists(stored)) {
      Files.createDirectories(stored);
      TinyFamily made = requireNonNull(TinyFamily.all().get(family));
      (quantization instanceof GgufBlocks ? made.wider(4) : made).write(stored);
    }
    return load(stored, quantization);
  }

  private static PeftModel load(Path from, @Nullable Quantization quantization) {
    Peft.Loader loader = Peft.from(from).device(Device.cpu()).precision(Precision.FLOAT32);
    return (quantization == null ? loader : loader.quantize(quantization)).load();
  }

  /** The plain model that holds the numbers of one in fewer bits. */
  private PeftModel plain(PeftModel quantized) {
    Path dense = folder.resolve("dense");
    quantized.saveBase(dense.toString());
    return load(dense, null);
  }

  /** What is stored of the matrices in fewer bits, by name. */
  private static Map<String, byte[]> codes(PeftModel model) {
    Map<String, byte[]> codes = new LinkedHashMap<>();
    model
        .base()
        .parameters()
        .filter(ParameterSite::isQuantized)
        .forEach(
            site -> {
              FrozenMatrix matrix = requireNonNull(site.frozenMatrix());
              codes.put(site.name(), matrix.numbers().toByteArray());
            });
    return codes;
  }

  private static void assertNear(String what, float[] found, float... expected) {
    double largest =
        IntStream.range(0, expected.length)
            .mapToDouble(i -> Math.abs(expected[i]))
            .max()
            .orElseThrow();
    assertThat(largest).as(what).isPositive();
    assertThat(found).as(what).containsExactly(expected, within((float) (2e-4 * largest)));
  }

  private void compare(PeftModel quantized, PeftModel plain, MethodCase method) {
    quantized.adapt(method.config());
    plain.adapt(method.config());
    MethodContract.perturb(quantized.adapter(PeftModel.DEFAULT), 11);
    MethodContract.perturb(plain.adapter(PeftModel.DEFAULT), 11);
    assertNear("logits", TinyStep.logits(quantized), TinyStep.logits(plain));
    float[] expected = TinyStep.of(plain, false).gradients();
    assertNear("gradients", TinyStep.of(quantized, false).gradients(), expected);
    assertNear("gradients, recomputed", TinyStep.of(quantized, true).gradients(), expected);
  }

  @ParameterizedTest(name = "{0}, {1}, {2}")
  @MethodSource("methods")
  void methodsComputeAsOnThePlainModel(MethodCase method, String usual, Quantization quantization)
      throws IOException {
    String family =
        Map.of("BitFit", "qwen2", "CrossAttention", "bart").getOrDefault(method.name(), usual);
    try (PeftModel model = quantized(family, quantization);
        PeftModel plain = plain(model)) {
      Map<String, byte[]> codes = codes(model);
      assertThat(codes).isNotEmpty();

      compare(model, plain, method);

      assertThat(codes(model)).as("what is stored").containsExactlyEntriesOf(codes);
      float[] adapted = TinyStep.logits(model);
      Path saved = folder.resolve("adapter");
      model.save(saved.toString());
      try (PeftModel again = quantized(family, quantization).loadAdapter(saved.toString())) {
        assertNear("logits after loading", TinyStep.logits(again), adapted);
      }
      if (method.merges()) {
        model.merge();
        assertNear("logits, merged", TinyStep.logits(model), adapted);
        model.unmerge();
        assertThat(codes(model))
            .as("what is stored, after unmerging")
            .containsExactlyEntriesOf(codes);
        assertThat(TinyStep.logits(model)).isEqualTo(adapted);
      }
    }
  }

  @ParameterizedTest(name = "{0}, {1}")
  @MethodSource("families")
  void familiesComputeAsThePlainModel(String family, Quantization quantization) throws IOException {
    try (PeftModel model = quantized(family, quantization);
        PeftModel plain = plain(model)) {
      assertNear("logits", TinyStep.logits(model), TinyStep.logits(plain));
      compare(model, plain, MethodCase.of("Lora", LORA));
    }
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void onlyMapsOfLayersAreQuantized(Quantization quantization) throws IOException {
    try (PeftModel model = quantized("llama", quantization)) {
      assertThat(codes(model).keySet())
          .isNotEmpty()
          .allMatch(
              name -> name.matches("model\\.layers\\.\\d\\.(self_attn|mlp)\\..*_proj\\.weight"));
    }
  }

  @Test
  void severalAdaptersShareTheWeights() throws IOException {
    try (PeftModel model = quantized("llama", Nf4.doubleQuantized())) {
      model.adapt("one", LORA).adapt("two", LORA);
      MethodContract.perturb(model.adapter("one"), 11);
      MethodContract.perturb(model.adapter("two"), 12);
      float[] two = TinyStep.logits(model.activate("two"));
      float[] one = TinyStep.logits(model.activate("one"));

      assertThat(one).isNotEqualTo(two);
      assertThat(TinyStep.logits(model.activate("two"))).isEqualTo(two);
    }
  }

  /** The logits after each token of a text, read in one pass or written step by step. */
  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2", "gpt2", "gpt_neox"})
  void aTextIsWrittenAsItIsRead(String family) throws IOException {
    long[] text = {9, 4, 7, 12, 3, 8};
    try (PeftModel model = quantized(family, Nf4.doubleQuantized()).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      WrittenAsRead.check(model, text);
    }
  }

  /** What starts at the dense weights leaves no array of them. */
  @ParameterizedTest
  @ValueSource(strings = {"Full", "Selective", "MovementPruning", "ChildTuningF", "Delora"})
  void anAdapterThatIsRemovedLeavesNothing(String method) throws IOException {
    MethodCase made =
        MethodsTest.methods().filter(m -> m.name().equals(method)).findFirst().orElseThrow();
    try (PeftModel model = quantized("llama", Nf4.doubleQuantized())) {
      long before = Tensors.live();
      model.adapt(made.config()).remove(PeftModel.DEFAULT);

      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  /** No array of a pass or a merge is left. */
  @Test
  void denseCopiesAreFreed() throws IOException {
    try (PeftModel model = quantized("llama", Nf4.doubleQuantized()).adapt(LORA.useDora(true))) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      TinyStep.of(model, false);
      model.saveMerged(folder.resolve("merged").toString());
      long before = Tensors.live();
      TinyStep.of(model, false);
      TinyStep.of(model, true);
      TinyStep.logits(model);
      model.saveMerged(folder.resolve("merged").toString());

      assertThat(Tensors.live()).isEqualTo(before);
    }
  }
}
