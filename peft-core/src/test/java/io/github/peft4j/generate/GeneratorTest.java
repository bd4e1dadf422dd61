package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratorTest {

  private static final GenerationConfig ENDLESS = GenerationConfig.greedy().stopAtIds();

  @TempDir static Path folder;

  private PeftModel model;

  @BeforeEach
  void load() throws IOException {
    model = Peft.from(TinyLlama.write(folder)).device(Device.cpu()).load();
  }

  @AfterEach
  void close() {
    model.close();
  }

  /** A prompt method in small: three vectors in front of every text. */
  private static final class ThreeVectors extends TunerLayer<InputSite.Tokens, Sequence> {
    private final NDArray prompt;

    ThreeVectors(TransformerModel model) {
      float[] values = new float[3 * 16];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) Math.sin(i * i);
      }
      this.prompt = trainable("prompt", model.manager().create(values, new Shape(3, 16))).value();
    }

    @Override
    public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
      return base.forward(tokens).prepend(prompt);
    }
  }

  private ActiveAdapters active = ActiveAdapters.NONE;

  private void addVirtualTokens() {
    InputSite site = Objects.requireNonNull(model.base().site(InputSite.class, "model.input"));
    AdapterLayers layers = new AdapterLayers();
    layers.put(site, new ThreeVectors(model.base()));
    active = model.base().resolve(Composition.of("p"), Map.of("p", layers));
  }

  private Generator generator() {
    AdaptedModel adapted =
        new AdaptedModel() {
          @Override
          public TransformerModel base() {
            return model.base();
          }

          @Override
          public ModelCall newCall() {
            return base().newCall(active, List.of()).orElseThrow();
          }
        };
    return new Generator(adapted, model.tokenizer());
  }

  private float[] uncached(long... ids) {
    try (Scope scope = new Scope();
        Pass pass = Pass.inference(active)) {
      ModelInput input = ModelInput.of(model.base().manager(), new long[][] {ids}, null);
      return Tensors.floats(model.base().nextLogits(input, pass));
    }
  }

  /** Logits after each of the runs of one cache. */
  private float[][] cached(KeyValueCache cache, long[]... runs) {
    List<float[]> logits = new ArrayList<>();
    for (long[] ids : runs) {
      try (Scope scope = new Scope();
          Pass pass = new Pass(Tape.inference(), cache, active)) {
        ModelInput input = ModelInput.of(model.base().manager(), new long[][] {ids}, null);
        logits.add(Tensors.floats(model.base().nextLogits(input, pass)));
      }
    }
    return logits.toArray(float[][]::new);
  }

  private void assertCachedEqualsUncached(long virtual) {
    try (KeyValueCache cache = new KeyValueCache()) {
      float[][] logits = cached(cache, new long[] {1, 9, 20}, new long[] {7}, new long[] {8, 200});

      assertThat(cache.length()).isEqualTo(virtual + 6);
      assertThat(logits[0]).containsExactly(uncached(1, 9, 20), within(1e-5f));
      assertThat(logits[1]).containsExactly(uncached(1, 9, 20, 7), within(1e-5f));
      assertThat(logits[2]).containsExactly(uncached(1, 9, 20, 7, 8, 200), within(1e-5f));
    }
  }

  @Test
  void aCacheChangesNothing() {
    assertCachedEqualsUncached(0);
  }

  @Test
  void aCacheThatGrowsKeepsWhatItHolds() {
    long[] ids = LongStream.range(0, 67).map(i -> 3 + i * 7 % 200).toArray(); // beyond 64
    long[][] one = LongStream.of(ids).mapToObj(id -> new long[] {id}).toArray(long[][]::new);
    try (KeyValueCache cache = new KeyValueCache()) {
      float[][] logits = cached(cache, one);

      for (int t : new int[] {0, 1, 62, 63, 64, 65, 66}) {
        assertThat(logits[t]).containsExactly(uncached(Arrays.copyOf(ids, t + 1)), within(1e-5f));
      }
    }
  }

  @Test
  void aCacheHoldsVirtualTokensToo() {
    addVirtualTokens();

    assertCachedEqualsUncached(3);
  }

  @Test
  void theLastLogitsAreThoseOfTheWhole() {
    try (Scope scope = new Scope()) {
      NDArray ids = model.base().manager().create(new long[] {1, 30, 4}, new Shape(1, 3));
      float[] all = Tensors.floats(model.logits(ModelInput.of(ids)));

      assertThat(uncached(1, 30, 4))
          .containsExactly(Arrays.copyOfRange(all, all.length / 3 * 2, all.length), within(1e-5f));
    }
  }

  @Test
  void aBatchWritesWhatItsRowsWriteAlone() {
    assertBatchIsSingles();
  }

  @Test
  void aBatchWithVirtualTokensWritesWhatItsRowsWriteAlone() {
    addVirtualTokens();

    assertBatchIsSingles();
  }

  private void assertBatchIsSingles() {
    List<String> prompts = List.of("a", "a b c d a b c d d d", "", "d d");
    GenerationConfig config = ENDLESS.maxNewTokens(60);

    List<Generation> batch = generator().generate(prompts, config);

    for (int i = 0; i < prompts.size(); i++) {
      Generation alone = generator().generate(prompts.get(i), config);
      assertThat(batch.get(i).ids()).as(prompts.get(i)).isEqualTo(alone.ids());
      assertThat(batch.get(i).text()).isEqualTo(alone.text());
      assertThat(batch.get(i).finishReason()).isEqualTo(FinishReason.MAX_POSITIONS);
      assertThat(batch.get(i).promptTokens()).isEqualTo(alone.promptTokens());
    }
  }

  @Test
  void sampledRowsOfABatchDiffer() {
    GenerationConfig config = GenerationConfig.sampling(1).stopAtIds().maxNewTokens(20);

    List<Generation> batch = model.generate(List.of("a b", "a b", "a b"), config);

    assertThat(batch.get(0).ids()).isEqualTo(model.generate("a b", config).ids());
    assertThat(batch.get(1).ids()).isNotEqualTo(batch.get(0).ids());
    assertThat(batch.get(2).ids()).isNotEqualTo(batch.get(1).ids());
  }

  @Test
  void positionsRunOutAndTheTextSaysSo() {
    Generation generation = model.generate("a b", ENDLESS);

    // The last token written needs no position of its own: nothing follows it.
    assertThat(generation.promptTokens() + generation.newTokens())
        .isEqualTo(TinyLlama.POSITIONS + 1);
    assertThat(generation.finishReason()).isEqualTo(FinishReason.MAX_POSITIONS);
  }

  @Test
  void virtualTokensTakePositions() {
    addVirtualTokens();

    Generation generation = generator().generate("a b", ENDLESS);

    assertThat(3 + generation.promptTokens() + generation.newTokens())
        .isEqualTo(TinyLlama.POSITIONS + 1);
  }

  @Test
  void aPromptThatIsTooLongIsRefused() {
    assertThatThrownBy(() -> model.generate("a ".repeat(TinyLlama.POSITIONS)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("positions for " + TinyLlama.POSITIONS);
  }

  @Test
  void idsThatTheModelDoesNotKnowAreRefused() {
    assertThatThrownBy(() -> model.generator().generate(new long[] {1, 9999}, ENDLESS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("9999");
  }

  @Test
  void stopsAtTokens() {
    long[] endless = model.generate("a", ENDLESS).ids();
    long stop = endless[4];
    int first = LongStream.of(endless).boxed().toList().indexOf(stop);

    Generation generation = model.generate("a", ENDLESS.stopAtIds(stop));

    assertThat(generation.finishReason()).isEqualTo(FinishReason.STOP_TOKEN);
    assertThat(generation.ids()).isEqualTo(Arrays.copyOf(endless, first + 1));
  }

  @Test
  void stopsAtStrings() {
    GenerationConfig config = GenerationConfig.sampling(1).topK(0).stopAtIds().seed(3);
    String whole = model.generate("a", config).text();
    String stop = whole.substring(5, 7);
    List<String> pieces = new ArrayList<>();

    Generation generation = model.generate("a", config.stopAt(stop), pieces::add);

    assertThat(generation.finishReason()).isEqualTo(FinishReason.STOP_STRING);
    assertThat(generation.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
    assertThat(String.join("", pieces)).isEqualTo(generation.text());
  }

  @Test
  void drawingFromOneTokenIsGreedy() {
    long[] greedy = model.generate("c", ENDLESS).ids();

    assertThat(model.generate("c", ENDLESS.temperature(1).topK(1)).ids()).isEqualTo(greedy);
    assertThat(model.generate("c", ENDLESS.temperature(1e-6)).ids()).isEqualTo(greedy);
    assertThat(model.generate("c", ENDLESS.temperature(1e-6).topK(5)).ids()).isEqualTo(greedy);
    assertThat(model.generate("c", ENDLESS.temperature(1).topP(1e-9)).ids()).isEqualTo(greedy);
  }

  @Test
  void theSeedDecides() {
    GenerationConfig config = GenerationConfig.sampling(1).topK(50).topP(0.9).stopAtIds();

    assertThat(model.generate("c", config.seed(7)).ids())
        .isEqualTo(model.generate("c", config.seed(7)).ids())
        .isNotEqualTo(model.generate("c", config.seed(8)).ids());
  }

  @Test
  void topKOfAllIsNoTopK() {
    GenerationConfig config = GenerationConfig.sampling(1).stopAtIds();

    assertThat(model.generate("c", config.topK(100_000)).ids())
        .isEqualTo(model.generate("c", config).ids());
  }

  @Test
  void nothingIsLeftBehind() {
    model.generate(List.of("a b", "c"), ENDLESS);
    long before = Tensors.live();

    model.generate(List.of("a b", "c"), ENDLESS);
    model.generate("a b", GenerationConfig.sampling(1).topK(10).topP(0.9).stopAtIds());

    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void aListenerThatThrowsLeavesNothingBehind() {
    model.generate("a", ENDLESS);
    long before = Tensors.live();

    assertThatThrownBy(
            () ->
                model.generate(
                    "a",
                    ENDLESS,
                    piece -> {
                      throw new IllegalStateException("enough");
                    }))
        .hasMessage("enough");
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void modelsForOtherTasksAreRefused() {
    try (PeftModel classifier =
        Peft.from(folder).task(Task.classification("x", "y")).device(Device.cpu()).load()) {
      assertThatThrownBy(() -> classifier.generate("a")).hasMessageContaining("SEQ_CLS");
    }
    assertThatThrownBy(() -> model.classify("a")).hasMessageContaining("CAUSAL_LM");
  }
}
