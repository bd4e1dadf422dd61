package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.generate.logits.LogitsProcessor;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Beam search, several texts for a prompt, processors, criteria, and settings of a model's file.
 */
class StrategiesTest {

  private static final GenerationConfig GREEDY = GenerationConfig.greedy().stopAtIds();
  private static final GenerationConfig BEAMS =
      GenerationConfig.beams(3).stopAtIds().maxNewTokens(12);
  private static final List<String> PROMPTS = List.of("a", "a b c d a b c d", "d d");

  @TempDir Path folder;

  private PeftModel model;

  @BeforeEach
  void load() throws IOException {
    model = Peft.from(TinyLlama.write(folder)).device(Device.cpu()).load();
  }

  @AfterEach
  void close() {
    model.close();
  }

  private void reload(String generationConfig) throws IOException {
    model.close();
    Files.writeString(folder.resolve("generation_config.json"), generationConfig);
    model = Peft.from(folder).device(Device.cpu()).load();
  }

  private static List<List<Long>> ids(List<Generation> texts) {
    return texts.stream().map(text -> LongStream.of(text.ids()).boxed().toList()).toList();
  }

  @Test
  void beamsOfABatchAreThoseOfItsPromptsAlone() {
    GenerationConfig config = BEAMS.numReturnSequences(2);

    List<Generation> batch = model.generate(PROMPTS, config);

    assertThat(batch).hasSize(6);
    for (int i = 0; i < 3; i++) {
      assertThat(ids(batch.subList(2 * i, 2 * i + 2)))
          .isEqualTo(ids(model.generate(PROMPTS.subList(i, i + 1), config)))
          .doesNotHaveDuplicates();
    }
    assertThat(ids(model.generate(PROMPTS, config.useCache(false)))).isEqualTo(ids(batch));
    assertThat(model.generate("a", BEAMS).text()).isEqualTo(batch.get(0).text());
  }

  @Test
  void beamsEndWithThePositions() {
    Generation text = model.generate("a b c", BEAMS.maxNewTokens(100));

    assertThat(text.promptTokens() + text.newTokens()).isEqualTo(TinyLlama.POSITIONS + 1);
    assertThat(text.finishReason()).isEqualTo(FinishReason.MAX_POSITIONS);
  }

  @Test
  void beamsEndAtStopStrings() {
    Generation whole = model.generate("a b", BEAMS);
    String stop = whole.text().substring(2, 4);

    List<Generation> texts =
        model.generate(List.of("a b"), BEAMS.stopAt(stop).numReturnSequences(3));

    for (Generation text : texts) {
      assertThat(text.text()).doesNotContain(stop);
    }
    assertThat(texts)
        .anySatisfy(
            text -> {
              assertThat(text.finishReason()).isEqualTo(FinishReason.STOP_STRING);
              assertThat(model.tokenizer().decode(text.ids())).contains(stop);
            });
  }

  @Test
  void beamsEndAtTokensAndCriteria() {
    long stop = model.generate("a b", BEAMS).ids()[3];

    Generation byToken = model.generate("a b", BEAMS.stopAtIds(stop).lengthPenalty(-5));
    Generation byCriterion =
        model.generate("a b", BEAMS.stopWhen(draft -> draft.last() == stop).lengthPenalty(-5));

    assertThat(byToken.finishReason()).isEqualTo(FinishReason.STOP_TOKEN);
    assertThat(byCriterion.finishReason()).isEqualTo(FinishReason.STOPPING_CRITERION);
    assertThat(byCriterion.ids()).isEqualTo(byToken.ids()).endsWith(stop);
  }

  @Test
  void aCriterionEndsAGreedyText() {
    Generation text = model.generate("a", GREEDY.stopWhen(draft -> draft.newTokens() == 5));

    assertThat(text.newTokens()).isEqualTo(5);
    assertThat(text.finishReason()).isEqualTo(FinishReason.STOPPING_CRITERION);
  }

  @Test
  void ownProcessorsSeeTheTextsAndChangeThem() {
    long a = TinyLlama.id("a");
    long b = TinyLlama.id("b");
    LogitsProcessor alternating =
        LogitsProcessor.banning(
            draft ->
                LongStream.range(0, 400).filter(id -> id != (draft.newTokens() % 2 == 0 ? a : b)));

    assertThat(
            ids(model.generate(List.of("c", "d d"), GREEDY.process(alternating).maxNewTokens(4))))
        .containsExactly(List.of(a, b, a, b), List.of(a, b, a, b));
    assertThat(model.generate("c", BEAMS.process(alternating).maxNewTokens(4)).ids())
        .containsExactly(a, b, a, b);
  }

  @Test
  void samplingDrawsSeveralTexts() {
    GenerationConfig config = GenerationConfig.sampling(1).stopAtIds().maxNewTokens(8);

    List<Generation> texts = model.generate(List.of("a", "b"), config.numReturnSequences(3));

    assertThat(ids(texts)).hasSize(6).doesNotHaveDuplicates();
    assertThat(texts.get(0).ids()).isEqualTo(model.generate("a", config).ids());
  }

  @Test
  void settingsThatDoNotFitAreRefused() {
    assertThatThrownBy(() -> model.generate("a", GenerationConfig.sampling(1).numBeams(2)))
        .hasMessageContaining("doSample is true and numBeams is 2");
    assertThatThrownBy(() -> model.generate(PROMPTS, BEAMS.numReturnSequences(4)))
        .hasMessageContaining("numReturnSequences is 4 and numBeams is 3");
    assertThatThrownBy(() -> model.generate(PROMPTS, GREEDY.numReturnSequences(2)))
        .hasMessageContaining("greedy decoding has one text");
    assertThatThrownBy(() -> model.generate("a", BEAMS.numReturnSequences(2)))
        .hasMessageContaining("generate(List.of(prompt), config)");
    assertThatThrownBy(() -> model.generate("a", BEAMS, piece -> {}))
        .hasMessageContaining("to stream, set numBeams(1)");
    assertThatThrownBy(() -> GenerationConfig.beams(0)).hasMessageContaining("numBeams is 0");
    assertThatThrownBy(() -> BEAMS.repetitionPenalty(0))
        .hasMessageContaining("repetitionPenalty is 0.0");
    assertThatThrownBy(() -> BEAMS.minP(1.5)).hasMessageContaining("minP is 1.5");
    assertThatThrownBy(() -> BEAMS.badWordsIds(List.of(List.of())))
        .hasMessageContaining("badWordsIds");
  }

  @Test
  void beamsThatCannotGoOnSayWhy() {
    LogitsProcessor nothing = LogitsProcessor.banning(draft -> LongStream.range(0, 400));

    assertThatThrownBy(() -> model.generate("a", BEAMS.process(nothing)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("ban every token");
    assertThatThrownBy(() -> model.generate("a", GenerationConfig.sampling(1).process(nothing)))
        .hasMessageContaining("ban every token");
    assertThatThrownBy(() -> model.generate("a", GREEDY.process(nothing)))
        .hasMessageContaining("ban every token");
  }

  @Test
  void whatIsNotSetFollowsTheModelsFile() throws IOException {
    List<Generation> beams = model.generate(PROMPTS, BEAMS.noRepeatNgramSize(2));
    reload(
        "{\"num_beams\": 3, \"max_new_tokens\": 12, \"no_repeat_ngram_size\": 2,"
            + " \"early_stopping\": false}");

    GenerationConfig theirs = GenerationConfig.recommended().stopAtIds();
    assertThat(ids(model.generate(PROMPTS, theirs))).isEqualTo(ids(beams));
    assertThat(ids(model.generate(PROMPTS, theirs.numBeams(1).noRepeatNgramSize(0))))
        .isEqualTo(ids(model.generate(PROMPTS, GREEDY.noRepeatNgramSize(0).maxNewTokens(12))))
        .isNotEqualTo(ids(beams));
  }

  @Test
  void maxLengthOfTheFileCountsThePrompt() throws IOException {
    reload("{\"max_length\": 10}");

    Generation text = model.generate("a b", GREEDY);
    assertThat(text.promptTokens() + text.newTokens()).isEqualTo(10);
    assertThat(model.generate("a b", GREEDY.maxNewTokens(12)).newTokens()).isEqualTo(12);
    assertThatThrownBy(() -> model.generate("a b c d a b c d a b c d", GREEDY))
        .hasMessageContaining("max_length in the model's generation_config.json is 10");
  }

  @Test
  void everySettingOfAFileIsRead() throws IOException {
    reload(
        """
        {"max_new_tokens": 7, "min_new_tokens": 1, "min_length": 2, "do_sample": true,
         "temperature": 0.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1, "typical_p": 0.8,
         "num_beams": 1, "length_penalty": 2, "early_stopping": "never", "num_return_sequences": 2,
         "repetition_penalty": 1.1, "encoder_repetition_penalty": 1.2, "no_repeat_ngram_size": 3,
         "encoder_no_repeat_ngram_size": 4, "bad_words_ids": [[5], [6, 7]], "suppress_tokens": [8],
         "begin_suppress_tokens": [9], "forced_bos_token_id": 10, "forced_eos_token_id": [11, 12],
         "renormalize_logits": true, "stop_strings": "END"}
        """);
    GenerationConfig expected =
        GenerationConfig.recommended()
            .maxNewTokens(7)
            .minNewTokens(1)
            .minLength(2)
            .temperature(0.5)
            .topK(5)
            .topP(0.9)
            .minP(0.1)
            .typicalP(0.8)
            .numBeams(1)
            .lengthPenalty(2)
            .earlyStopping(EarlyStopping.NEVER)
            .numReturnSequences(2)
            .repetitionPenalty(1.1)
            .encoderRepetitionPenalty(1.2)
            .noRepeatNgramSize(3)
            .encoderNoRepeatNgramSize(4)
            .badWordsIds(List.of(List.of(5L), List.of(6L, 7L)))
            .suppressTokens(8)
            .beginSuppressTokens(9)
            .forcedBosTokenId(10)
            .forcedEosTokenId(11, 12)
            .renormalizeLogits(true)
            .stopAt("END");

    assertThat(ModelSettings.of(model.base().config())).isEqualTo(expected);
    assertThat(expected.toString()).contains("noRepeatNgramSize=3");
    assertThat(model.generate(PROMPTS, GenerationConfig.recommended())).hasSize(6);
  }

  @Test
  void wrongValuesOfAFileAreNamed() throws IOException {
    for (String wrong :
        List.of(
            "\"top_p\": 7",
            "\"num_beams\": 0",
            "\"num_beams\": \"three\"",
            "\"early_stopping\": \"soon\"",
            "\"bad_words_ids\": [5]",
            "\"bad_words_ids\": [[]]",
            "\"suppress_tokens\": [-1]",
            "\"temperature\": 0")) {
      reload("{" + wrong + "}");
      String field = wrong.substring(1, wrong.indexOf('"', 1));
      assertThatThrownBy(() -> model.generate("a"))
          .as(wrong)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("generation_config.json: field '" + field + "'");
    }
  }

  @Test
  void whatIsNotSupportedIsNamed() throws IOException {
    reload(
        """
        {"guidance_scale": 1.5, "num_beam_groups": 1, "token_healing": false, "eta_cutoff": 0.0,
         "epsilon_cutoff": null, "use_cache": false, "transformers_version": "5.24.0",
         "brand_new_sampling": {"a": 1}}
        """);
    assertThat(ModelSettings.unsupported(model.base().config()))
        .containsExactly("guidance_scale = 1.5", "brand_new_sampling = {\"a\":1}");

    ModelConfig old =
        ModelConfig.of(
            com.google.gson.JsonParser.parseString("{\"hidden_size\": 3, \"penalty_alpha\": 0.6}")
                .getAsJsonObject(),
            "config.json");
    assertThat(ModelSettings.unsupported(old)).containsExactly("penalty_alpha = 0.6");
  }

  @Test
  void nothingIsLeftBehind() {
    GenerationConfig rules =
        BEAMS.repetitionPenalty(1.2).noRepeatNgramSize(2).minNewTokens(3).renormalizeLogits(true);
    model.generate(PROMPTS, rules);
    long before = Tensors.live();

    for (int i = 0; i < 3; i++) {
      model.generate(PROMPTS, rules);
      model.generate(PROMPTS, rules.useCache(false));
      model.generate(PROMPTS, GREEDY.repetitionPenalty(1.2).suppressTokens(3));
      model.generate(PROMPTS, GenerationConfig.sampling(1).topK(9).minP(0.01).typicalP(0.9));
    }

    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void aProcessorThatThrowsLeavesNothingBehind() {
    GenerationConfig failing =
        BEAMS.process(
            (drafts, logits) -> {
              NDArray own = logits.mul(2);
              if (drafts.get(0).newTokens() == 3) {
                throw new IllegalStateException("enough");
              }
              return own;
            });
    model.generate(PROMPTS, BEAMS);
    long before = Tensors.live();

    assertThatThrownBy(() -> model.generate(PROMPTS, failing)).hasMessage("enough");

    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void theBestOfARowAreFoundHighestFirst() {
    Best best = Best.of(array(3, 1, 2), 2);

    assertThat(best.place(0, 1)).isEqualTo(2);
    assertThat(best.score(0, 1)).isEqualTo(2);
    assertThat(Best.of(array(3, 1, 2), 9).size()).isEqualTo(3);
  }

  private NDArray array(float... values) {
    return model.base().manager().create(values).reshape(1, values.length);
  }

  @Test
  void ownLoopsSelectRows() {
    try (ModelCall call = model.newCall();
        Decoding texts = call.decode(List.of(new long[] {1, 9}, new long[] {1, 20, 7}), 0)) {
      float[] first = Tensors.floats(texts.logits());
      texts.select(new int[] {1, 0, 1});
      texts.append(new long[] {5, 6, 7}, new boolean[] {true, true, true});
      assertThat(texts.rows()).isEqualTo(3);
      float[] second = Tensors.floats(texts.logits());

      assertThat(first).isNotEmpty();
      assertThat(second).hasSize(first.length / 2 * 3);
      assertThat(row(second, 0, 3)).isEqualTo(alone(1, 20, 7, 5));
      assertThat(row(second, 1, 3)).isEqualTo(alone(1, 9, 6));
      assertThatThrownBy(texts::withoutCache).hasMessageContaining("tokens have been read");
    }
  }

  private static float[] rounded(float... values) {
    float[] rounded = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = Math.round(values[i] * 1e3f) / 1e3f;
    }
    return rounded;
  }

  private static float[] row(float[] all, int row, int rows) {
    int width = all.length / rows;
    return rounded(Arrays.copyOfRange(all, row * width, (row + 1) * width));
  }

  private float[] alone(long... ids) {
    try (ModelCall call = model.newCall();
        Decoding texts = call.decode(List.of(ids), 0)) {
      return rounded(Tensors.floats(texts.logits()));
    }
  }
}
