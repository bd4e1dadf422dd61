package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Classifications;
import ai.djl.translate.TranslateException;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.translate.PairClassificationTranslator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pairs of texts are classified as they are trained: together, with segment ids. */
class PairsTest {

  private static final TextPair PAIR = new TextPair("w4 w5", "w6");
  private static final List<TextPair> PAIRS =
      List.of(PAIR, new TextPair("w6", "w4 w5"), new TextPair("w4 w5 w6", "w7 w8 w9"));

  @TempDir Path folder;

  /** BERT's template, with 1 for [CLS] and 2 for [SEP]. */
  @BeforeEach
  void writeAModelThatReadsPairs() throws IOException {
    TinyModels.copy("tiny-bert", folder);
    Path file = folder.resolve("tokenizer.json");
    Files.writeString(
        file,
        Files.readString(file)
            .replace(
                "\"post_processor\": null",
                """
                "post_processor": {"type": "TemplateProcessing",
                  "single": [{"SpecialToken": {"id": "<unk>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                  "pair": [{"SpecialToken": {"id": "<unk>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "</s>", "type_id": 1}}],
                  "special_tokens": {
                    "<unk>": {"id": "<unk>", "ids": [1], "tokens": ["<unk>"]},
                    "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}"""));
  }

  private static double[] softmax(PeftModel model, long[] ids, long[] types) {
    var manager = model.base().manager();
    ModelInput input =
        ModelInput.of(manager, new long[][] {ids}, null)
            .withTypes(ModelInput.array(manager, new long[][] {types}));
    try (var logits = model.logits(input)) {
      float[] values = Tensors.floats(logits);
      double[] e = new double[values.length];
      double sum = 0;
      for (int i = 0; i < e.length; i++) {
        e[i] = Math.exp(values[i]);
        sum += e[i];
      }
      for (int i = 0; i < e.length; i++) {
        e[i] /= sum;
      }
      return e;
    }
  }

  private static void assertProbabilities(Classifications actual, double... expected) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual.get("LABEL_" + i).getProbability()).isCloseTo(expected[i], within(1e-6));
    }
  }

  @Test
  void aPairIsReadWithSegmentsOfItsOwn() {
    try (PeftModel model = Peft.load(folder.toString())) {
      long[] ids = {1, 4, 5, 2, 6, 2};
      double[] expected = softmax(model, ids, new long[] {0, 0, 0, 0, 1, 1});
      assertProbabilities(model.classify(PAIR), expected);
      assertThat(softmax(model, ids, new long[6])[0])
          .as("segments make a difference")
          .isNotCloseTo(expected[0], within(1e-5));
    }
  }

  @Test
  void severalPairsAreWhatEachIs() throws TranslateException {
    try (PeftModel model = Peft.load(folder.toString());
        Model djl = Model.newInstance("pairs", "PyTorch")) {
      djl.setBlock(model);
      List<Classifications> all = model.classifier().classifyPairs(PAIRS);
      assertThat(all).hasSize(3);
      try (Predictor<TextPair, Classifications> predictor =
          djl.newPredictor(new PairClassificationTranslator(model, model.tokenizer()))) {
        List<Classifications> batch = predictor.batchPredict(PAIRS);
        for (int i = 0; i < PAIRS.size(); i++) {
          Classifications one = model.classify(PAIRS.get(i));
          double[] expected = new double[3];
          for (int c = 0; c < 3; c++) {
            expected[c] = one.get("LABEL_" + c).getProbability();
          }
          assertProbabilities(all.get(i), expected);
          assertProbabilities(batch.get(i), expected);
          assertProbabilities(predictor.predict(PAIRS.get(i)), expected);
        }
        assertThat(all.get(0).get("LABEL_0").getProbability())
            .as("the first text is not the second")
            .isNotCloseTo(all.get(1).get("LABEL_0").getProbability(), within(1e-5));
      }
      assertThat(model.classifier().classifyPairs(List.of())).isEmpty();
    }
  }

  @Test
  @SuppressWarnings("NullAway") // what callers without a checker do
  void halfAPairIsNone() {
    assertThatThrownBy(() -> new TextPair("a", null)).hasMessageContaining("second text");
    assertThatThrownBy(() -> new TextPair(null, "b")).hasMessageContaining("first text");
  }
}
