package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.cpt.CptConfig;
import io.github.peft4j.methods.cpt.CptContext;
import io.github.peft4j.methods.cpt.LossWeighting;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** CPT's prompt, its balls and its loss. */
class CptTest {

  private static final List<Integer> IDS = List.of(5, 9, 6, 7, 8, 4, 11, 12);
  private static final List<Integer> TYPES = List.of(1, 2, 3, 4, 5, 6, 7, 8);
  private static final String DELTA = "prompt_encoder.delta_embedding.weight";

  @TempDir Path folder;

  private static CptConfig config() {
    return CptConfig.of(IDS, TYPES);
  }

  private PeftModel model() {
    Path copy = TinyModels.copy("tiny-llama", folder.resolve("model"));
    return Peft.from(copy).precision(Precision.FLOAT32).load();
  }

  private static float[] lastLogits(PeftModel model, long... ids) {
    try (NDArray logits =
            model.logits(ModelInput.of(model.base().manager(), new long[][] {ids}, null));
        NDArray last = logits.get(new NDIndex(":, -1"))) {
      return Tensors.floats(last);
    }
  }

  private static FineTuner training(PeftModel model) {
    return FineTuner.of(model)
        .on(Examples.of(new PromptExample("w3 w4", " w5"), new PromptExample("w7", " w9 w3")))
        .batchSize(2)
        .learningRate(0.05)
        .constant()
        .quiet();
  }

  /** Some families scale token vectors in the embedding, some after it. */
  @ParameterizedTest
  @ValueSource(
      strings = {"llama", "gemma", "gemma2", "gemma3_text", "granite", "gpt2", "opt", "bloom"})
  void aFreshPromptIsItsTokens(String family) throws IOException {
    TinyFamily tiny = TinyFamily.all().get(family);
    assertThat(tiny).isNotNull();
    tiny.write(folder);
    try (PeftModel model = TinyFamily.load(folder)) {
      float[] whole = lastLogits(model, 5, 9, 6, 7, 3, 10);
      model.adapt(CptConfig.of(List.of(5, 9, 6, 7), List.of(1, 2, 3, 4)));
      assertThat(lastLogits(model, 3, 10)).containsExactly(whole, within(1e-5f));
    }
  }

  @Test
  void trainedRowsStayInTheirBallsAndLabelsStayThemselves() throws IOException {
    try (PeftModel model = model()) {
      model.adapt(config().optProjectionEpsilon(2).optProjectionFormatEpsilon(0.5));
      training(model).steps(12).learningRate(0.5).run();
      model.save(folder.resolve("adapter").toString());
      try (PeftModel loaded = Peft.load(folder.resolve("model").toString())) {
        float[] before = prompt(model.adapt("fresh", config()), "fresh");
        Files.delete(folder.resolve("adapter/peft4j_training.safetensors"));
        loaded.loadAdapter(folder.resolve("adapter").toString());
        float[] after = prompt(loaded, PeftModel.DEFAULT);
        int d = after.length / IDS.size();
        double length = Math.sqrt(d / 2048.0);
        for (int row = 0; row < IDS.size(); row++) {
          double moved = 0;
          for (int i = row * d; i < (row + 1) * d; i++) {
            moved += Math.pow(after[i] - before[i], 2);
          }
          double limit = List.of(0.5, 2.0, 0.5, 0.0).get(row % 4) * length;
          assertThat(Math.sqrt(moved)).as("row %d", row).isCloseTo(limit, within(1e-5));
        }
      }
    }
  }

  private static float[] prompt(PeftModel model, String adapter) {
    return Tensors.floats(
        requireNonNull(model.adapter(adapter).tensors().get("prompt_encoder.embedding.weight"))
            .value());
  }

  @Test
  void theLossCountsLabelsOfThePromptWithDecay() {
    try (PeftModel model = model()) {
      CptConfig plain = config();
      double one = loss(model, plain);
      double decayed =
          loss(model, plain.optWeightedLossType(LossWeighting.DECAY).optLossDecayFactor(0.5));
      double none =
          loss(model, plain.optWeightedLossType(LossWeighting.DECAY).optLossDecayFactor(0));
      // 4 labels of two texts with their ends, and 2 of the prompt in each
      double first = ofLabel(model, 7, 5, 9, 6);
      double second = ofLabel(model, 12, 5, 9, 6, 7, 8, 4, 11);
      assertThat(one - none).isCloseTo(2 * (first + second) / LABELS, within(1e-5));
      assertThat(decayed - none).isCloseTo(2 * (first / 4 + second / 2) / LABELS, within(1e-5));
    }
  }

  /** w5 and an end; w9, w3 and an end; 2 · 2 of the prompt. */
  private static final int LABELS = 9;

  private static double ofLabel(PeftModel model, int label, long... before) {
    float[] logits = lastLogits(model, before);
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return Math.log(sum) - logits[label];
  }

  private static double loss(PeftModel model, CptConfig config) {
    model.adapt(config);
    Metrics metrics =
        new Evaluator(model, 2, 30)
            .evaluate(
                Examples.of(new PromptExample("w3 w4", " w5"), new PromptExample("w7", " w9 w3")));
    assertThat(metrics.values()).containsOnlyKeys("loss"); // no mean over the text: no perplexity
    double loss = metrics.get("loss");
    assertThat(training(model).steps(1).run().losses().get(0)).isCloseTo(loss, within(1e-5));
    model.remove(PeftModel.DEFAULT);
    return loss;
  }

  @Test
  void aFolderWithoutOurOwnFileTrainsOnAroundItsPrompt() throws IOException {
    try (PeftModel model = model();
        PeftModel bare = Peft.load(folder.resolve("model").toString())) {
      model.adapt(config());
      training(model).steps(3).run();
      Path adapter = folder.resolve("adapter");
      model.save(adapter.toString());
      Files.delete(adapter.resolve("peft4j_training.safetensors"));
      bare.loadAdapter(adapter.toString());
      assertThat(lastLogits(bare, 3, 10)).containsExactly(lastLogits(model, 3, 10), within(1e-6f));
      NDArray delta = requireNonNull(bare.adapter(PeftModel.DEFAULT).tensors().get(DELTA)).value();
      assertThat(Tensors.floats(delta)).containsOnly(0);
      training(bare).steps(1).run();
    }
  }

  @Test
  void contextsHaveTheTypesOfThePaper() {
    try (PeftModel model = model()) {
      CptConfig config =
          new CptContext(model.tokenizer())
              .example("w3 ", "w4 w5", " w6 ", "w7")
              .example("", "w8", " w6 ", "w9")
              .config();
      assertThat(config.cptTokensTypeMask()).containsExactly(1, 2, 2, 3, 4, 6, 7, 8);
      assertThat(config.cptTokenIds()).hasSize(8);
      assertThatThrownBy(() -> new CptContext(model.tokenizer()).config())
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> new CptContext(model.tokenizer()).example("w3", "w4", "w5", ""))
          .hasMessageContaining("label of example 1 has no token");
    }
  }

  @Test
  void whatHasNoLossIsRefused() {
    try (PeftModel model = model()) {
      model.adapt(CptConfig.of(List.of(5, 6), List.of(1, 2)));
      assertThatThrownBy(() -> training(model).steps(1).run())
          .hasMessageContaining("ends with type 2, which is no label");
      model.remove(PeftModel.DEFAULT);
      assertThatThrownBy(() -> model.adapt(CptConfig.of(List.of(5, 600), List.of(1, 4))))
          .hasMessageContaining("cpt_token_ids")
          .hasMessageContaining("the model's number of tokens");
    }
    assertThatThrownBy(() -> CptConfig.of(List.of(5, 6), List.of(1)))
        .hasMessageContaining("cpt_tokens_type_mask");
    Path copy = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    try (PeftModel bert = Peft.load(copy.toString())) {
      bert.adapt(config());
      assertThatThrownBy(
              () ->
                  FineTuner.of(bert)
                      .on(Examples.of(new ClassificationExample("w3", "LABEL_0")))
                      .steps(1)
                      .quiet()
                      .run())
          .hasMessageContaining("CPT is trained on decoders");
    }
  }

  @Test
  void aPromptBesideItIsRefusedInTraining() {
    try (PeftModel model = model()) {
      model.adapt("other", PromptTuningConfig.ofVirtualTokens(2));
      model.freeze("other");
      model.adapt("cpt", config());
      model.activate(Composition.stack("other", "cpt"));
      assertThatThrownBy(() -> training(model).steps(1).run())
          .hasMessageContaining(
              "10 virtual tokens are in front of a text, but the prompt of CPT has 8");
    }
  }
}
