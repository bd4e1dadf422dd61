package io.github.peft4j.methods.ipt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.ipt.IptConfig.Encoder;
import io.github.peft4j.methods.ipt.IptConfig.Source;
import io.github.peft4j.methods.ipt.IptConfig.Table;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class IptTest {

  private static final long I = EncodedExample.IGNORED;

  static Stream<IptConfig> variants() {
    IptConfig config = IptConfig.ofVirtualTokens(3).encoderHiddenSize(6);
    return Stream.of(
        config,
        config.tokenTable(Table.RANDOM).promptEncoder(Encoder.NONE),
        config.promptEncoder(Encoder.CNN).tokenTable(Table.COPY),
        config.promptEncoder(Encoder.LSTM),
        config.promptSource(Source.STATES));
  }

  private static PeftModel adapted(String name, IptConfig config) {
    return Peft.from(TinyModels.golden(name)).precision(Precision.FLOAT64).load().adapt(config);
  }

  /** The prompt is that of the text's own tokens, wherever padding is and whatever follows. */
  @ParameterizedTest
  @MethodSource("variants")
  void aPromptIsMadeOnceFromTheTokensThatAreGiven(IptConfig config) {
    List<long[]> prompts = List.of(new long[] {9, 4}, new long[] {5, 6, 7, 8, 9});
    long[][] texts = {{7, 3, 21}, {30, 2, 11}};
    try (PeftModel model = adapted("tiny-llama", config);
        ModelCall call = model.newCall();
        Decoding decoding = call.decode(prompts, 0)) {
      for (int step = 0; step < 3; step++) {
        try (Scope scope = new Scope()) {
          float[] rows = Tensors.floats(decoding.logits());
          int width = rows.length / texts.length;
          for (int i = 0; i < texts.length; i++) {
            float[] alone = next(model, prompts.get(i), Arrays.copyOf(texts[i], step));
            assertThat(Arrays.copyOfRange(rows, i * width, (i + 1) * width))
                .as("step %d of text %d", step, i)
                .containsExactly(alone, within(1e-6f));
          }
        }
        decoding.append(new long[] {texts[0][step], texts[1][step]}, new boolean[] {true, true});
      }
    }
  }

  /** A prompt and what was written behind it, without padding and without a cache. */
  private static float[] next(PeftModel model, long[] prompt, long[] text) {
    NDManager manager = model.base().manager();
    long[] ids = LongStream.concat(LongStream.of(prompt), LongStream.of(text)).toArray();
    long[] given = Arrays.copyOf(LongStream.of(prompt).map(id -> 1).toArray(), ids.length);
    ModelInput input = ModelInput.of(manager, new long[][] {ids}, null);
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = call.pass()) {
      return Tensors.floats(
          model
              .base()
              .nextLogits(input.withGiven(ModelInput.array(manager, new long[][] {given})), pass));
    }
  }

  /** Else a model would read in its prompt what it is to write. */
  @ParameterizedTest
  @MethodSource("variants")
  void trainingHidesFromThePromptWhatIsToBeWritten(IptConfig config) {
    try (PeftModel model = adapted("tiny-llama", config)) {
      float[] one = logits(model, 20, 21);
      float[] other = logits(model, 30, 31);
      int first = (3 + 2) * 40; // three virtual tokens and two of the prompt, of 40 logits each
      assertThat(Arrays.copyOf(one, first)).containsExactly(Arrays.copyOf(other, first));
      assertThat(one).isNotEqualTo(other);
    }
  }

  private static float[] logits(PeftModel model, long... answer) {
    long[][] ids = {{5, 6, answer[0], answer[1]}, {7, 8, 9, 0}};
    long[][] mask = {{1, 1, 1, 1}, {1, 1, 1, 0}};
    long[][] labels = {{I, I, answer[0], answer[1]}, {I, 8, 9, I}};
    Batch batch = new Batch(ids, mask, null, labels, Alignment.TOKEN);
    ModelInput input = BatchFeed.input(model.base(), batch);
    assertThat(input.given()).isNotNull();
    assertThat(input.given().toLongArray()).containsExactly(1, 1, 0, 0, 1, 0, 0, 0);
    return Tensors.floats(model.logits(input));
  }

  @ParameterizedTest
  @EnumSource(
      value = Source.class,
      names = {"TOKENS", "STATES"})
  void paddingOfAnEncoderChangesNothing(Source source) {
    IptConfig config = IptConfig.ofVirtualTokens(4).promptSource(source);
    try (PeftModel model = adapted("tiny-bert", config)) {
      NDManager manager = model.base().manager();
      float[] alone =
          Tensors.floats(model.logits(ModelInput.of(manager, new long[][] {{5, 6}}, null)));
      long[][] ids = {{5, 6, 0, 0, 0}, {9, 8, 7, 6, 5}};
      long[][] mask = {{1, 1, 0, 0, 0}, {1, 1, 1, 1, 1}};
      float[] both = Tensors.floats(model.logits(ModelInput.of(manager, ids, mask)));
      assertThat(Arrays.copyOf(both, alone.length)).containsExactly(alone, within(1e-6f));
    }
  }

  @Test
  void dropoutOfAnLstmActsInTrainingOnly() {
    IptConfig config =
        IptConfig.ofVirtualTokens(3)
            .promptEncoder(Encoder.LSTM)
            .encoderNumLayers(2)
            .encoderDropout(0.5);
    try (PeftModel model = adapted("tiny-bert", config)) {
      assertThat(pass(model, false)).isEqualTo(pass(model, false));
      assertThat(pass(model, true)).isNotEqualTo(pass(model, true));
    }
  }

  private static float[] pass(PeftModel model, boolean training) {
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = training ? call.pass().training() : call.pass()) {
      ModelInput input = ModelInput.of(model.base().manager(), new long[][] {{5, 6, 7}}, null);
      return Tensors.floats(model.base().logits(input, pass));
    }
  }

  @Test
  void settingsThatDoNotFitAreRefused() {
    IptConfig config = IptConfig.defaults();
    assertThatThrownBy(() -> config.promptEncoder(Encoder.NONE))
        .hasMessageContaining("field 'token_table' is MODEL; expected COPY or RANDOM");
    assertThatThrownBy(() -> config.promptSource(Source.STATES).promptEncoder(Encoder.CNN))
        .hasMessageContaining("field 'prompt_encoder' is CNN; expected MLP");
    assertThatThrownBy(() -> config.promptSource(Source.STATES).tokenTable(Table.COPY))
        .hasMessageContaining("field 'token_table' is COPY; expected MODEL");
    assertThatThrownBy(() -> config.randomRange(0)).hasMessageContaining("random_range");
  }
}
