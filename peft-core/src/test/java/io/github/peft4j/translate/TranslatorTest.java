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
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import ai.djl.util.StringPair;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
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

  @Test
  void aPredictorFillsMasks() throws IOException, TranslateException {
    Path filler = GoldenTokenizers.resources("golden-tasks/filler-bert");
    Path copy = Files.createDirectories(folder.resolve("filler"));
    GoldenTokenizers.write("bert.json", copy);
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(filler.resolve(file), copy.resolve(file), StandardCopyOption.REPLACE_EXISTING);
    }
    try (PeftModel model = Peft.from(copy).device(Device.cpu()).load();
        Model djl = djl(model);
        Predictor<String, Classifications> predictor =
            djl.newPredictor(new FillMaskTranslator(model, model.tokenizer()))) {
      List<String> texts = List.of("the [MASK] sat on the mat", "a [MASK]");
      List<Classifications> found = predictor.batchPredict(texts);
      for (int i = 0; i < texts.size(); i++) {
        List<Filling> direct = model.fillMask(texts.get(i));
        assertThat(found.get(i).getClassNames())
            .isEqualTo(direct.stream().map(Filling::token).toList());
        assertThat(found.get(i).best().getProbability())
            .isCloseTo(direct.get(0).score(), within(1e-5));
      }
      assertThat(found.get(0).getClassNames())
          .as("another text, other words")
          .isNotEqualTo(found.get(1).getClassNames());
      assertThatThrownBy(() -> predictor.predict("no mask"))
          .hasMessageContaining("the text has no [MASK] to fill");
    }
  }

  @Test
  void aPredictorGivesVectors() throws TranslateException {
    try (PeftModel model = loaded(Task.featureExtraction());
        Model djl = djl(model);
        Predictor<String, float[]> predictor =
            djl.newPredictor(new TextEmbeddingTranslator(model, model.embedder()))) {
      List<float[]> vectors = predictor.batchPredict(TEXTS);
      for (int i = 0; i < TEXTS.size(); i++) {
        assertThat(vectors.get(i)).containsExactly(model.embed(TEXTS.get(i)), within(1e-5f));
      }
      assertThat(vectors.get(0)).isNotEqualTo(vectors.get(1));
    }
  }

  @Test
  void aPredictorGivesEachLabelAProbability() throws TranslateException {
    try (PeftModel model = loaded(Task.multiLabel("new", "old", "blue"));
        Model djl = djl(model);
        Predictor<String, Classifications> predictor =
            djl.newPredictor(new TextClassificationTranslator(model, model.tokenizer()))) {
      Classifications found = predictor.predict("a b c");
      Map<String, Double> direct = model.scorer().values("a b c");
      assertThat(found.getClassNames()).containsExactly("new", "old", "blue");
      for (String label : found.getClassNames()) {
        assertThat(found.get(label).getProbability()).isCloseTo(direct.get(label), within(1e-5));
      }
    }
  }

  @Test
  void aPredictorGivesATextItsNumber() throws TranslateException {
    try (PeftModel model = loaded(Task.regression());
        Model djl = djl(model);
        Predictor<String, float[]> predictor =
            djl.newPredictor(new RegressionTranslator(model, model.tokenizer()))) {
      assertThat(predictor.predict("a b c"))
          .containsExactly(new float[] {(float) model.score("a b c")}, within(1e-5f));
    }
  }

  @Test
  void aPredictorAnswersConversations() throws IOException, TranslateException {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(8);
    Path template = folder.resolve("chat_template.jinja");
    Files.writeString(template, "{% for m in messages %}{{ m.content }} {% endfor %}");
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load();
        Model djl = djl(model);
        Predictor<Conversation, String> predictor =
            djl.newPredictor(new ChatTranslator(model, model.chatGenerator(), config))) {
      Conversation one = Conversation.of(Message.user("a b"));
      Conversation two = Conversation.of(Message.user("c"), Message.assistant("d"));
      assertThat(predictor.batchPredict(List.of(one, two)))
          .containsExactly(model.chat(one, config).text(), model.chat(two, config).text());
    } finally {
      Files.delete(template);
    }
  }

  /** What no class is made for: tags of words. */
  @Test
  void aTranslatorOfOnesOwnIsALine() throws TranslateException {
    try (PeftModel model = loaded(Task.tokenClassification(List.of("O", "B-X", "I-X", "B-Y")));
        Model djl = djl(model);
        Predictor<List<String>, List<String>> predictor =
            djl.newPredictor(new AnsweringTranslator<>(model, model.tagger()::tagAll))) {
      List<String> words = List.of("a", "b", "c", "d");
      assertThat(predictor.predict(words)).isEqualTo(model.tagWords(words));
      assertThatThrownBy(
              () ->
                  djl.newPredictor(new AnsweringTranslator<String, String>(model, all -> List.of()))
                      .predict("a"))
          .hasMessageContaining("1 inputs have 0 answers");
    }
  }

  @Test
  void aZooModelPredictsInManyThreads() throws Exception {
    try (PeftModel model = classifier();
        ZooModel<String, Classifications> zoo =
            new ZooModel<>(djl(model), new TextClassificationTranslator(model, model.tokenizer()));
        Predictor<String, Classifications> shared = zoo.newPredictor()) {
      List<Classifications> expected = model.classify(TEXTS);
      ExecutorService pool = Executors.newFixedThreadPool(4);
      try {
        List<Callable<List<Classifications>>> tasks = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
          boolean own = i % 2 == 0;
          tasks.add(
              () -> {
                if (!own) {
                  return shared.batchPredict(TEXTS);
                }
                try (Predictor<String, Classifications> mine = zoo.newPredictor()) {
                  return mine.batchPredict(TEXTS);
                }
              });
        }
        for (Future<List<Classifications>> found : pool.invokeAll(tasks)) {
          for (int i = 0; i < TEXTS.size(); i++) {
            assertEqual(found.get().get(i), expected.get(i));
          }
        }
      } finally {
        pool.shutdownNow();
      }
    }
  }
}
