package io.github.peft4j.methods;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.FinishReason;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.fusion.FusionConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Texts that decoders and encoder-decoders write with adapters, one or several. */
class WritingTest {

  private static final String PROMPT = "w5 w6 w7 w8 w9";
  private static final List<long[]> PROMPTS =
      List.of(new long[] {5, 6, 7, 8, 9}, new long[] {9, 4}, new long[] {30, 11, 3});
  private static final GenerationConfig ENDLESS =
      GenerationConfig.greedy().maxNewTokens(8).stopAtIds();

  private static Tokenizer tokenizer;

  @BeforeAll
  static void load() {
    byte[] json = TinyModels.tokenizer(32).getBytes(StandardCharsets.UTF_8);
    tokenizer = Tokenizer.load(new ByteArrayInputStream(json));
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  /** All but gates, which are means over the tokens of a run, padding among them. */
  static Stream<Arguments> methods() {
    return Stream.of(TinyModel.LLAMA, TinyModel.T5)
        .flatMap(
            tiny ->
                CompositionTest.EVERYWHERE.stream()
                    .filter(
                        config ->
                            !(config instanceof BottleneckConfig adapter && adapter.useGating()))
                    .map(config -> Arguments.of(tiny, config)));
  }

  private static PeftModel pair(TinyModel tiny, PeftConfig config) {
    PeftModel model = tiny.load(Precision.FLOAT64);
    for (String name : List.of("a", "b")) {
      model.adapt(name, config);
      CompositionTest.perturb(model.adapter(name), name.hashCode());
    }
    return model;
  }

  /** The logits of four steps of each row; what is written is fixed, and depends on the prompt. */
  private static List<double[]> write(AdaptedModel model, List<long[]> prompts) {
    List<double[]> rows = new ArrayList<>();
    try (ModelCall call = model.newCall();
        Decoding texts = call.decode(prompts, 0)) {
      boolean[] open = new boolean[texts.rows()];
      Arrays.fill(open, true);
      for (int i = 0; i < texts.rows(); i++) {
        rows.add(new double[0]);
      }
      for (int step = 0; step < 4; step++) {
        try (Scope scope = new Scope()) {
          double[] logits = texts.logits().toDoubleArray();
          long[] next = new long[texts.rows()];
          for (int i = 0; i < next.length; i++) {
            int width = logits.length / next.length;
            double[] row = Arrays.copyOfRange(logits, i * width, (i + 1) * width);
            rows.set(
                i,
                DoubleStream.concat(DoubleStream.of(rows.get(i)), DoubleStream.of(row)).toArray());
            next[i] = (7L * step + prompts.get(i % prompts.size()).length) % 32;
          }
          texts.append(next, open);
        }
      }
    }
    return rows;
  }

  private static double[] alone(PeftModel model, Composition adapters, long[] prompt) {
    return write(model.using(adapters), List.of(prompt)).get(0);
  }

  private static double[] alone(PeftModel model, String adapter, long[] prompt) {
    return alone(model, Composition.of(adapter), prompt);
  }

  private static void assertClose(List<double[]> mine, List<double[]> theirs) {
    assertThat(mine).hasSameSizeAs(theirs);
    for (int i = 0; i < mine.size(); i++) {
      assertThat(mine.get(i)).as("row %d", i).containsExactly(theirs.get(i), within(1e-6));
    }
  }

  private static double distance(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += Math.abs(x[i] - y[i]);
    }
    return sum;
  }

  @ParameterizedTest
  @MethodSource("methods")
  void eachRowIsWrittenByItsOwnAdapter(TinyModel tiny, PeftConfig config) {
    try (PeftModel model = pair(tiny, config)) {
      assertClose(
          write(model.using(Composition.perRow("a", "b", "a")), PROMPTS),
          List.of(
              alone(model, "a", PROMPTS.get(0)),
              alone(model, "b", PROMPTS.get(1)),
              alone(model, "a", PROMPTS.get(2))));
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void adaptersInParallelWriteATextEachOfEveryPrompt(TinyModel tiny, PeftConfig config) {
    try (PeftModel model = pair(tiny, config)) {
      List<double[]> texts = write(model.using(Composition.parallel("a", "b")), PROMPTS);

      List<double[]> expected = new ArrayList<>();
      for (String adapter : List.of("a", "b")) {
        PROMPTS.forEach(prompt -> expected.add(alone(model, adapter, prompt)));
      }
      assertClose(texts, expected);
      assertThat(distance(texts.get(0), texts.get(3))).isGreaterThan(0.1);
    }
  }

  @Test
  void adaptersInParallelAreAskedForAList() {
    try (PeftModel model = pair(TinyModel.T5, PrefixTuningConfig.ofVirtualTokens(3))) {
      Generator generator = new Generator(model, tokenizer);
      model.activate("a");
      long[] a = generator.generate(PROMPT, ENDLESS).ids();
      model.activate("b");
      long[] b = generator.generate(PROMPT, ENDLESS).ids();
      model.activate(Composition.parallel("a", "b"));

      assertThat(generator.generate(List.of(PROMPT), ENDLESS))
          .extracting(Generation::ids)
          .containsExactly(a, b);
      assertThatThrownBy(() -> generator.generate(PROMPT, ENDLESS))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("generate(List.of(prompt), config)");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "T5"})
  void aBatchIsSplit(TinyModel tiny) {
    try (PeftModel model = pair(tiny, PrefixTuningConfig.ofVirtualTokens(3))) {
      assertClose(
          write(model.using(Composition.batchSplit(List.of(2, 1), "a", "b")), PROMPTS),
          List.of(
              alone(model, "a", PROMPTS.get(0)),
              alone(model, "a", PROMPTS.get(1)),
              alone(model, "b", PROMPTS.get(2))));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "T5"})
  void aFusionWrites(TinyModel tiny) {
    try (PeftModel model = pair(tiny, BottleneckConfig.houlsby().reductionFactor(4))) {
      model.adapt("mix", FusionConfig.of("a", "b"));
      CompositionTest.perturb(model.adapter("mix"), 5);
      Composition mix = model.active();
      List<double[]> texts = write(model, PROMPTS);

      assertClose(texts, PROMPTS.stream().map(prompt -> alone(model, mix, prompt)).toList());
      assertThat(distance(texts.get(0), alone(model, "a", PROMPTS.get(0)))).isGreaterThan(0.1);
    }
  }

  @Test
  void anEncoderDecodersTextComesInPieces() {
    try (PeftModel model = pair(TinyModel.T5, LoraConfig.ofRank(2))) {
      List<String> pieces = new ArrayList<>();
      Generation text = new Generator(model, tokenizer).generate(PROMPT, ENDLESS, pieces::add);

      assertThat(pieces).hasSizeGreaterThan(1);
      assertThat(String.join("", pieces)).isEqualTo(text.text());
      assertThat(text.text()).isEqualTo(tokenizer.decode(text.ids()));
      assertThat(text.finishReason()).isEqualTo(FinishReason.MAX_NEW_TOKENS);
      assertThat(text.promptTokens()).isEqualTo(5);
    }
  }

  @Test
  void anEncoderDecoderDrawsBySeed() {
    GenerationConfig drawing =
        GenerationConfig.sampling(1.5).topK(20).topP(0.95).maxNewTokens(12).stopAtIds();
    try (PeftModel model = pair(TinyModel.T5, LoraConfig.ofRank(2))) {
      Generator generator = new Generator(model, tokenizer);
      assertThat(generator.generate(PROMPT, drawing.seed(7)).ids())
          .isEqualTo(generator.generate(List.of(PROMPT, "w9"), drawing.seed(7)).get(0).ids())
          .isNotEqualTo(generator.generate(PROMPT, drawing.seed(8)).ids());
    }
  }

  /** Distances between tokens have no end, whatever n_positions an old config file has. */
  @Test
  void relativePositionsDoNotRunOut() {
    try (PeftModel model = TinyModel.T5.load(Precision.FLOAT32)) {
      Generation text =
          new Generator(model, tokenizer)
              .generate("w5 ".repeat(100).strip(), ENDLESS.maxNewTokens(150));
      assertThat(text.newTokens()).isEqualTo(150);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "T5"})
  void aDecodingIsReadAndAppendedToInTurns(TinyModel tiny) {
    try (PeftModel model = tiny.load(Precision.FLOAT32)) {
      try (ModelCall call = model.newCall();
          Decoding texts = call.decode(PROMPTS, 0);
          Scope scope = new Scope()) {
        assertThat(texts.rows()).isEqualTo(3);
        assertThat(texts.opening(1))
            .isEqualTo(tiny == TinyModel.T5 ? new long[] {0} : PROMPTS.get(1));
        assertThat(texts.logits().getShape().getShape()).containsExactly(3, 32);
        assertThatThrownBy(texts::logits).hasMessageContaining("append(tokens, open) first");
      }
      assertThatThrownBy(() -> model.base().decode(List.of(new long[0]), 0, ActiveAdapters.NONE))
          .hasMessageContaining("[0] ids");
      assertThatThrownBy(() -> model.base().decode(List.of(), 0, ActiveAdapters.NONE))
          .hasMessageContaining("[] ids");
    }
  }

  @Test
  void nothingIsLeftBehind() {
    try (PeftModel model =
        pair(
            TinyModel.T5,
            PrefixTuningConfig.ofVirtualTokens(3).prefixProjection(true).encoderHiddenSize(6))) {
      write(model, PROMPTS);
      long before = Tensors.live();
      write(model, PROMPTS);
      write(model.using(Composition.parallel("a", "b")), PROMPTS);
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }
}
