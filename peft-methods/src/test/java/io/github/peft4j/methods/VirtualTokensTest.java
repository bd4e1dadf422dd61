package io.github.peft4j.methods;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.adapterhub.prompttuning.AdapterHubPromptConfig;
import io.github.peft4j.methods.adapterhub.prompttuning.AdapterHubPromptInit;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningInit;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.EmbeddingSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Virtual tokens with padding, with a cache, in files and at the start. */
class VirtualTokensTest {

  @TempDir Path folder;

  static Stream<PeftConfig> methods() {
    return Stream.of(
        PromptTuningConfig.ofVirtualTokens(3),
        PTuningConfig.ofVirtualTokens(3).encoderHiddenSize(6),
        AdapterHubPromptConfig.ofVirtualTokens(3),
        PrefixTuningConfig.ofVirtualTokens(3),
        PrefixTuningConfig.ofVirtualTokens(3).prefixProjection(true).encoderHiddenSize(6),
        AdaptionPromptConfig.of(3, 2));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void aPaddedRowWithACacheComputesWhatItComputesAlone(PeftConfig config) {
    try (PeftModel model = adapted(TinyModel.LLAMA, config);
        KeyValueCache cache = new KeyValueCache()) {
      long[][] mask = {{1, 1, 1, 1, 1}, {0, 0, 0, 1, 1}};
      long[][] wider = {{1, 1, 1, 1, 1, 1}, {0, 0, 0, 1, 1, 1}};
      next(model, cache, new long[][] {{5, 6, 7, 8, 9}, {0, 0, 0, 11, 12}}, mask);
      float[] both = next(model, cache, new long[][] {{4}, {13}}, wider);

      float[] first = next(model, null, new long[][] {{5, 6, 7, 8, 9, 4}}, null);
      float[] second = next(model, null, new long[][] {{11, 12, 13}}, null);
      assertThat(Arrays.copyOf(both, first.length)).containsExactly(first, within(1e-6f));
      assertThat(Arrays.copyOfRange(both, first.length, both.length))
          .containsExactly(second, within(1e-6f));
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void aDecoderWithACacheReadsItsEncoderOnce(PeftConfig config) {
    try (PeftModel model = adapted(TinyModel.T5, config);
        KeyValueCache cache = new KeyValueCache()) {
      ModelInput source = TinyModel.T5.input(model);
      decode(model, cache, source, new long[][] {{0}, {0}});
      decode(model, cache, source, new long[][] {{7, 8}, {12, 3}});
      float[] cached = decode(model, cache, source, new long[][] {{4}, {9}});
      float[] whole = decode(model, null, source, new long[][] {{0, 7, 8, 4}, {0, 12, 3, 9}});
      assertThat(cached).containsExactly(whole, within(1e-6f));
    }
  }

  @Test
  void theFirstLabelCountsBehindVirtualTokens() {
    LossTargets targets =
        new LossTargets.NextTokens(new long[][] {{5, 6, 7}, {5, 6, LossTargets.IGNORED}});
    try (PeftModel model = adapted(TinyModel.LLAMA, PromptTuningConfig.ofVirtualTokens(3))) {
      assertThat(model.count(targets)).isEqualTo(5);
      assertThat(model.disable().count(targets)).isEqualTo(3);
    }
    try (PeftModel model = adapted(TinyModel.LLAMA, PrefixTuningConfig.ofVirtualTokens(3))) {
      assertThat(model.count(targets)).isEqualTo(3);
    }
  }

  @Test
  void anEncoderThatPeftLeavesOutIsKeptBesideAndMissedInTraining() throws IOException {
    try (PeftModel model = adapted(TinyModel.LLAMA, PTuningConfig.ofVirtualTokens(3));
        PeftModel whole = TinyModel.LLAMA.load(Precision.FLOAT64);
        PeftModel bare = TinyModel.LLAMA.load(Precision.FLOAT64)) {
      float[] expected = logits(model);
      model.save(folder.toString());

      whole.loadAdapter(folder.toString());
      assertThat(logits(whole)).containsExactly(expected, within(1e-5f));
      train(whole);

      Files.delete(folder.resolve("peft4j_training.safetensors"));
      bare.loadAdapter(folder.toString());
      assertThat(logits(bare)).containsExactly(expected, within(1e-5f));
      assertThatThrownBy(() -> train(bare))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("peft4j_training.safetensors");
    }
  }

  @Test
  void aPromptStartsFromTheVectorsOfAText() {
    Path copy = TinyModels.copy("tiny-llama", folder.resolve("model"));
    try (PeftModel model = Peft.from(copy).precision(Precision.FLOAT32).load()) {
      model.adapt(
          PromptTuningConfig.ofVirtualTokens(5)
              .promptTuningInitText("w3 w4")
              .promptTuningInit(PromptTuningInit.TEXT));
      assertStartsFromWords3And4(model);
      String text = model.adapter(PeftModel.DEFAULT).parts().get(0).configText();
      assertThat(
              JsonParser.parseString(text)
                  .getAsJsonObject()
                  .get("tokenizer_name_or_path")
                  .getAsString())
          .isEqualTo(copy.toString());
    }
    try (PeftModel model = Peft.from(copy).precision(Precision.FLOAT32).load()) {
      model.adapt(
          AdapterHubPromptConfig.ofVirtualTokens(5)
              .promptInitText("w3 w4")
              .promptInit(AdapterHubPromptInit.FROM_STRING));
      assertStartsFromWords3And4(model);
    }
  }

  private static void assertStartsFromWords3And4(PeftModel model) {
    Trainable prompt = model.adapter(PeftModel.DEFAULT).trainables().get(0);
    EmbeddingSite table =
        Objects.requireNonNull(model.base().site(EmbeddingSite.class, "model.embed_tokens"));
    int d = (int) table.dimension();
    float[] rows = Tensors.floats(table.weight().frozen());
    float[] values = Tensors.floats(prompt.value());
    int[] words = {3, 4, 3, 4, 3};
    for (int i = 0; i < words.length; i++) {
      assertThat(Arrays.copyOfRange(values, i * d, (i + 1) * d))
          .isEqualTo(Arrays.copyOfRange(rows, words[i] * d, (words[i] + 1) * d));
    }
  }

  @Test
  void aConfigOfAnotherModelIsRefused() {
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32)) {
      assertThatThrownBy(() -> model.adapt(AdaptionPromptConfig.of(3, 5)))
          .hasMessageContaining("adapter_layers")
          .hasMessageContaining("at most the model's 2");
    }
    try (PeftModel model = adapted(TinyModel.T5, PrefixTuningConfig.ofVirtualTokens(3));
        PeftModel other = TinyModel.LLAMA.load(Precision.FLOAT32)) {
      model.save(folder.toString());
      assertThatThrownBy(() -> other.loadAdapter(folder.toString()))
          .hasMessageContaining("token_dim");
    }
  }

  @Test
  void aPrefixForTheEncoderAloneIsRefusedWithTheReason() {
    try (PeftModel model = TinyModel.T5.load(Precision.FLOAT32)) {
      PrefixTuningConfig one = PrefixTuningConfig.ofVirtualTokens(3).numTransformerSubmodules(1);
      assertThatThrownBy(() -> model.adapt(one))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("num_transformer_submodules")
          .hasMessageContaining("cross-attention");
    }
  }

  private static PeftModel adapted(TinyModel tiny, PeftConfig config) {
    PeftModel model = tiny.load(Precision.FLOAT64).adapt(config);
    for (Trainable tensor : model.trainables()) {
      if (tensor.key().equals("adaption_gate")) {
        try (NDArray open = tensor.value().onesLike()) {
          Tensors.copy(tensor.value(), open);
        }
      }
    }
    return model;
  }

  private static void train(PeftModel model) {
    LossTargets targets = TinyModel.LLAMA.targets();
    double scale = 1.0 / model.count(targets);
    new Backpropagation(model, Activations.KEPT)
        .run(TinyModel.LLAMA.input(model), targets, scale, 1);
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits = model.logits(TinyModel.LLAMA.input(model))) {
      return Tensors.floats(logits);
    }
  }

  private static float[] next(
      PeftModel model, @Nullable KeyValueCache cache, long[][] ids, long @Nullable [][] mask) {
    return next(model, cache, ModelInput.of(model.base().manager(), ids, mask));
  }

  private static float[] decode(
      PeftModel model, @Nullable KeyValueCache cache, ModelInput source, long[][] ids) {
    return next(
        model, cache, source.decoding(ModelInput.of(model.base().manager(), ids, null).ids()));
  }

  private static float[] next(PeftModel model, @Nullable KeyValueCache cache, ModelInput input) {
    TransformerModel base = model.base();
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), cache, call.adapters()).leftPadded()) {
      return Tensors.floats(base.nextLogits(input, pass));
    }
  }
}
