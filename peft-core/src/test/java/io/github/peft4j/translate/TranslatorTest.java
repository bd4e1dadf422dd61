package io.github.peft4j.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Classifications;
import ai.djl.modality.nlp.qa.QAInput;
import ai.djl.modality.nlp.translator.NamedEntity;
import ai.djl.translate.TranslateException;
import ai.djl.util.StringPair;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TranslatorTest {

  private static final List<String> TEXTS = List.of("a b", "d", "a a a a a b c d", "c d");

  @TempDir static Path folder;

  @BeforeAll
  static void write() throws IOException {
    TinyLlama.write(folder);
  }

  private static PeftModel classifier() {
    return Peft.from(folder)
        .task(Task.classification("poor", "fair", "good"))
        .device(Device.cpu())
        .load();
  }

  private static Model djl(PeftModel model) {
    Model djl = Model.newInstance("test", Device.cpu(), "PyTorch");
    djl.setBlock(model);
    return djl;
  }

  private static void assertEqual(Classifications one, Classifications other) {
    assertThat(one.getClassNames()).isEqualTo(other.getClassNames());
    for (int i = 0; i < one.getProbabilities().size(); i++) {
      assertThat(one.getProbabilities().get(i))
          .isCloseTo(other.getProbabilities().get(i), within(1e-5));
    }
  }

  @Test
  void aPredictorClassifiesAsTheModelDoes() throws TranslateException {
    try (PeftModel model = classifier();
        Model djl = djl(model);
        Predictor<String, Classifications> predictor =
            djl.newPredictor(new TextClassificationTranslator(model, model.tokenizer()))) {
      List<Classifications> batch = predictor.batchPredict(TEXTS);
      List<Classifications> direct = model.classify(TEXTS);

      assertThat(batch).hasSameSizeAs(TEXTS);
      for (int i = 0; i < TEXTS.size(); i++) {
        assertEqual(batch.get(i), direct.get(i));
        assertEqual(predictor.predict(TEXTS.get(i)), direct.get(i));
        assertEqual(model.classify(TEXTS.get(i)), direct.get(i));
      }
      assertThat(direct.get(0).getClassNames()).containsExactly("poor", "fair", "good");
      assertThat(direct.get(0).getProbabilities().stream().mapToDouble(p -> p).sum())
          .isCloseTo(1, within(1e-5));
      assertThat(direct.get(0).getProbabilities())
          .as("another text, another answer")
          .isNotEqualTo(direct.get(1).getProbabilities());
    }
  }

  @Test
  void manyTextsKeepTheirOrderAndLeaveNothingBehind() {
    try (PeftModel model = classifier()) {
      List<String> texts = new ArrayList<>();
      for (int i = 0; i < 70; i++) {
        texts.add("a ".repeat(i * 7 % 20 + 1) + "b c".charAt(i % 3));
      }
      model.classify(texts);
      long before = Tensors.live();

      List<Classifications> all = model.classify(texts);

      assertThat(Tensors.live()).isEqualTo(before);
      for (int i = 0; i < texts.size(); i += 9) {
        assertEqual(all.get(i), model.classify(texts.get(i)));
      }
      assertThat(model.classify(List.of())).isEmpty();
    }
  }

  @Test
  void longTextsAreCut() {
    try (PeftModel model = classifier()) {
      assertThat(model.classify("a ".repeat(500)).getClassNames()).hasSize(3);
    }
  }

  @Test
  void aPredictorWritesAsTheModelDoes() throws TranslateException {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(12);
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load();
        Model djl = djl(model);
        Predictor<String, String> predictor =
            djl.newPredictor(new CausalLmTranslator(model, model.tokenizer(), config))) {
      assertThat(predictor.predict("a b")).isEqualTo(model.generate("a b", config).text());
      assertThat(predictor.batchPredict(TEXTS))
          .isEqualTo(TEXTS.stream().map(text -> model.generate(text, config).text()).toList());
    }
  }

  @Test
  void aPredictorWritesOneTextForAPrompt() {
    GenerationConfig config = GenerationConfig.beams(2).numReturnSequences(2).maxNewTokens(3);
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load();
        Model djl = djl(model);
        Predictor<String, String> predictor =
            djl.newPredictor(new CausalLmTranslator(model, model.tokenizer(), config))) {
      assertThatThrownBy(() -> predictor.predict("a b"))
          .hasMessageContaining("numReturnSequences is 2: this writes several texts");
    }
  }

  @Test
  void predictionsLeaveNothingBehind() throws TranslateException {
    try (PeftModel model = classifier();
        Model djl = djl(model);
        Predictor<String, Classifications> predictor =
            djl.newPredictor(new TextClassificationTranslator(model, model.tokenizer()))) {
      predictor.batchPredict(TEXTS);
      long before = Tensors.live();
      int beside = djl.getNDManager().getManagedArrays().size();

      predictor.batchPredict(TEXTS);

      assertThat(Tensors.live()).isEqualTo(before);
      assertThat(djl.getNDManager().getManagedArrays()).hasSize(beside);
    }
  }

  @Test
  void aTranslatorOfAnotherModelIsRefused() {
    try (PeftModel model = classifier();
        PeftModel other = classifier();
        Model djl = djl(model);
        Predictor<String, Classifications> predictor =
            djl.newPredictor(new TextClassificationTranslator(other, other.tokenizer()))) {
      assertThatThrownBy(() -> predictor.predict("a")).hasMessageContaining("another model");
    }
  }

  @Test
  void theModelOutlivesTheDjlModel() {
    try (PeftModel model = classifier()) {
      Classifications before = model.classify("a b");
      djl(model).close();

      assertEqual(model.classify("a b"), before);
    }
  }

  private static PeftModel loaded(Task task) {
    return Peft.from(folder).task(task).device(Device.cpu()).load();
  }

  @Test
  void aPredictorScoresPairs() throws TranslateException {
    try (PeftModel model = loaded(Task.regression());
        Model djl = djl(model);
        Predictor<StringPair, float[]> predictor =
            djl.newPredictor(new CrossEncoderTranslator(model, model.tokenizer()))) {
      List<float[]> scores =
          predictor.batchPredict(List.of(new StringPair("a", "b c"), new StringPair("d d", "a")));
      assertThat(scores).hasSize(2);
      assertThat((double) scores.get(0)[0])
          .isCloseTo(model.score(new TextPair("a", "b c")), within(1e-5));
      assertThat((double) scores.get(1)[0])
          .isCloseTo(model.score(new TextPair("d d", "a")), within(1e-5));
    }
  }

  @Test
  void aPredictorFindsEntities() throws TranslateException {
    try (PeftModel model = loaded(Task.tokenClassification(List.of("O", "B-X", "I-X", "B-Y")));
        Model djl = djl(model);
        Predictor<String, NamedEntity[]> predictor =
            djl.newPredictor(new TokenClassificationTranslator(model, model.tokenizer()))) {
      String text = "a b c d a b c d";
      List<Entity> direct = model.entities(text);
      NamedEntity[] found = predictor.predict(text);
      assertThat(direct).as("a random model that finds something").isNotEmpty();
      assertThat(found).hasSameSizeAs(direct);
      for (int i = 0; i < found.length; i++) {
        Entity entity = direct.get(i);
        assertThat(found[i].getEntity()).isEqualTo(entity.type());
        assertThat(found[i].getWord()).isEqualTo(entity.text());
        assertThat(found[i].getStart()).isEqualTo(entity.start());
        assertThat(found[i].getEnd()).isEqualTo(entity.end());
        assertThat((double) found[i].getScore()).isCloseTo(entity.score(), within(1e-5));
      }
    }
  }

  @Test
  void aPredictorAnswersQuestions() throws TranslateException {
    try (PeftModel model = loaded(Task.questionAnswering());
        Model djl = djl(model);
        Predictor<QAInput, String> predictor =
            djl.newPredictor(new QuestionAnsweringTranslator(model, model.tokenizer()))) {
      String answer = predictor.predict(new QAInput("a b", "c d a b c"));
      assertThat(answer).isEqualTo(model.answer("a b", "c d a b c").text());
      assertThat("c d a b c").contains(answer);
    }
  }
}
