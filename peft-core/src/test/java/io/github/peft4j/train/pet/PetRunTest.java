package io.github.peft4j.train.pet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.IdsExample;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs of PET and iPET on a tiny random BERT: what is trained, saved and gone on with. */
class PetRunTest {

  private static final Verbalizer WORDS = Verbalizer.of(Map.of("no", "bad", "yes", "good"));
  private static final Pattern[] PATTERNS = {
    Pattern.of("{text} it was {mask}."), Pattern.of("{mask} ! {text}")
  };

  @TempDir Path folder;

  private PeftModel model;
  private PeftModel classifier;

  @BeforeEach
  void load() {
    model = PetFormulasTest.load(Precision.FLOAT32);
    classifier = Peft.from(PetFormulasTest.FOLDER).task(Task.classification("yes", "no")).load();
  }

  @AfterEach
  void close() {
    model.close();
    classifier.close();
  }

  private static Dataset<ClassificationExample> labelled() {
    return new Dataset<>(
        List.of(
            new ClassificationExample("the food was nice", "yes"),
            new ClassificationExample("slow service and rude staff", "no"),
            new ClassificationExample("the staff was nice and the food was great", "yes"),
            new ClassificationExample("not here again", "no")));
  }

  private static Dataset<TextExample> texts() {
    List<String> words = List.of("nice", "slow", "rude", "great", "bad", "good", "awful", "not");
    return new Dataset<>(
        IntStream.range(0, 32)
            .mapToObj(
                i ->
                    new TextExample(
                        "the "
                            + (i % 4 < 2 ? "food" : "staff")
                            + " was "
                            + words.get(i % 8)
                            + (i < 16 ? "" : " and we came back")))
            .toList());
  }

  private Pet pet() {
    return Pet.of(model)
        .adapter(ToyConfig.of(1, 0))
        .patterns(PATTERNS)
        .verbalizer(WORDS)
        .on(labelled())
        .unlabelled(texts())
        .repetitions(2)
        .steps(6)
        .classifierSteps(20)
        .training(tuner -> tuner.learningRate(0.05))
        .distillation(tuner -> tuner.learningRate(0.05))
        .classifier(classifier, ToyConfig.of(1, 0));
  }

  private static TrainingListener counting(AtomicInteger steps) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        steps.incrementAndGet();
      }
    };
  }

  @Test
  void generationsAreTrainedAndAClassifierLearnsFromTheLast() {
    PetReport report = pet().generations(2).run(folder);
    assertThat(report.members()).hasSize(8);
    assertThat(report.members().stream().map(PetMember::name))
        .startsWith("g0-p0-i0", "g0-p0-i1", "g0-p1-i0")
        .endsWith("g1-p1-i1");
    report.members().subList(0, 4).forEach(m -> assertThat(m.trainingTexts()).isEqualTo(4));
    // 4 · 5 − 4 texts more, of which some may be there twice
    report.members().subList(4, 8).forEach(m -> assertThat(m.trainingTexts()).isBetween(6, 20));
    assertThat(report.labels()).containsExactly("no", "yes");
    assertThat(report.softLabels()).hasDimensions(32, 2);
    assertThat(Arrays.stream(report.probabilities()[0]).sum()).isCloseTo(1, within(1e-9));
    assertThat(report.classifier()).isPresent();
    List<Double> losses = report.classifier().get().losses();
    assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0));
    assertThat(model.adapters()).isEmpty();
    assertThat(classifier.active().adapters()).containsExactly("pet");

    // the soft labels are those of the saved models, weighted by their accuracy before training
    double[] sum = new double[2];
    double total = 0;
    for (PetMember member : report.members().subList(4, 8)) {
      model.loadAdapter(member.name(), member.adapter()).activate(member.name());
      ClozeClassifier gap = ClozeClassifier.of(model, member.pattern(), WORDS);
      assertThat(gap.accuracy(labelled())).isEqualTo(member.accuracyAfter());
      double[] logits = gap.logits(List.of(texts().get(0).text()))[0];
      for (int l = 0; l < 2; l++) {
        sum[l] += member.accuracyBefore() * logits[l];
      }
      total += member.accuracyBefore();
    }
    for (int l = 0; l < 2; l++) {
      assertThat(report.softLabels()[0][l]).isCloseTo(sum[l] / total, within(1e-4));
    }
  }

  @Test
  void aRunThatWasStoppedGoesOnAndEndsAsOneThatWasNot() throws IOException {
    AtomicInteger steps = new AtomicInteger();
    PetReport whole = pet().generations(2).run(Files.createDirectory(folder.resolve("whole")));
    assertThatThrownBy(() -> pet().run(folder.resolve("stopped")))
        .hasMessageContaining("the classifier has an adapter 'pet' already");
    classifier.remove("pet");
    Path stopped = Files.createDirectory(folder.resolve("stopped"));
    TrainingListener breaking =
        new TrainingListener() {
          @Override
          public void onStep(StepEvent event) {
            if (steps.incrementAndGet() == 33) { // in the sixth model
              Thread.currentThread().interrupt();
            }
          }
        };
    assertThatThrownBy(
            () ->
                pet()
                    .generations(2)
                    .training(tuner -> tuner.learningRate(0.05).listener(breaking))
                    .run(stopped))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the training was stopped");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(model.adapters()).isEmpty();
    steps.set(0);
    PetReport rest =
        pet()
            .generations(2)
            .training(tuner -> tuner.learningRate(0.05).listener(counting(steps)))
            .run(stopped);
    assertThat(steps).hasValue(3 * 6);
    for (int i = 0; i < 32; i++) {
      assertThat(rest.softLabels()[i]).containsExactly(whole.softLabels()[i], within(1e-5));
    }

    classifier.remove("pet");
    steps.set(0);
    PetReport read =
        pet()
            .generations(2)
            .training(tuner -> tuner.listener(counting(steps)))
            .distillation(tuner -> tuner.listener(counting(steps)))
            .run(stopped);
    assertThat(steps).hasValue(0);
    assertThat(read.members()).isEqualTo(rest.members());
    assertThat(read.classifier()).isEmpty();
    assertThat(classifier.active().adapters()).containsExactly("pet");
    classifier.remove("pet");
    assertThatThrownBy(() -> pet().generations(2).steps(7).run(stopped))
        .hasMessageContaining("is of a run with steps 6, but this one has 7: take another folder");
  }

  /** Beside each labelled text stands another unlabelled one, with other masks in each round. */
  @Test
  void theAuxiliaryLossReadsAllUnlabelledTexts() {
    model.adapt(ToyConfig.of(1, 0));
    ClozeClassifier gap = ClozeClassifier.of(model, PATTERNS[0], WORDS);
    List<PetRun.Labelled> one =
        List.of(new PetRun.Labelled(new PetText("the food was nice", null), 1));
    PetRun run = new PetRun(pet().unlabelled(texts()).steps(16), folder); // two rounds of 32
    List<EncodedExample> masked =
        run.data(gap, one, 3).examples().stream().map(e -> e.ids().texts().get(1)).toList();
    assertThat(masked).hasSize(64);
    List<List<Long>> texts = masked.stream().map(PetRunTest::restored).toList();
    Set<List<Long>> different = new HashSet<>(texts.subList(0, 32));
    assertThat(different)
        .hasSameElementsAs(
            texts().examples().stream()
                .map(t -> gap.encoder().maskable(new PetText(t.text(), null)).inputIds())
                .map(ids -> Arrays.stream(ids).boxed().toList())
                .toList());
    assertThat(texts.subList(32, 64)).isEqualTo(texts.subList(0, 32));
    assertThat(masked.subList(32, 64).stream().map(e -> Arrays.toString(e.labels())).toList())
        .isNotEqualTo(
            masked.subList(0, 32).stream().map(e -> Arrays.toString(e.labels())).toList());
    model.remove("default");
  }

  /** The ids without masks. */
  private static List<Long> restored(EncodedExample masked) {
    return IntStream.range(0, masked.length())
        .mapToObj(
            i ->
                masked.labels()[i] == EncodedExample.IGNORED
                    ? masked.inputIds()[i]
                    : masked.labels()[i])
        .toList();
  }

  @Test
  void anotherModelTakesAnotherFolder() {
    pet().run(folder);
    classifier.remove("pet");
    try (PeftModel other = PetFormulasTest.load(Precision.FLOAT32)) {
      Path changed = folder.resolve("changed");
      other
          .base()
          .parameters()
          .limit(1)
          .forEach(
              site -> {
                try (NDArray more = site.frozen().add(1)) {
                  Tensors.copy(site.frozen(), more);
                }
              });
      other.saveBase(changed.toString());
      model.close();
      model = Peft.from(changed).task(Task.maskedLm()).load();
    }
    assertThatThrownBy(() -> pet().run(folder)).hasMessageContaining("is of a run with model ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"accuracy_before\": | \"accuracy\": | field 'accuracy_before' is null; expected a number from 0 to 1",
        "\"logits\": | \"values\": | field 'logits' is null; expected a row for each of 32 texts",
        "\"training_texts\": 4 | \"training_texts\": \"4\" | field 'training_texts' is \"4\"; expected a number"
      })
  void aDamagedModelIsNamed(String part, String instead, String expected) throws IOException {
    pet().run(folder);
    classifier.remove("pet");
    Path file = folder.resolve("g0-p1-i0").resolve("member.json");
    Files.writeString(file, Files.readString(file).replace(part, instead));
    assertThatThrownBy(() -> pet().run(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(file + ": " + expected)
        .hasMessageEndingWith("Delete its folder to train this model again");
    Files.writeString(
        file, Files.readString(file).replaceFirst("\\[\\s*\\[[^]]*],", "[").replace(instead, part));
    assertThatThrownBy(() -> pet().run(folder)).hasMessageContaining("a row for each of 32 texts");
  }

  @Test
  void aClassifierWhoseTrainingFailsIsAsItWas() {
    TrainingListener failing =
        new TrainingListener() {
          @Override
          public void onStep(StepEvent event) {
            throw new OutOfMemoryError("for the test");
          }
        };
    assertThatThrownBy(() -> pet().distillation(tuner -> tuner.listener(failing)).run(folder))
        .isInstanceOf(OutOfMemoryError.class);
    assertThat(classifier.adapters()).isEmpty();
    assertThat(pet().run(folder).classifier()).isPresent();
  }

  @Test
  void longWordsTrainWithoutUnlabelledTexts() {
    PetReport report =
        Pet.of(model)
            .adapter(ToyConfig.of(1, 0))
            .patterns(PATTERNS[0])
            .verbalizer(Verbalizer.of(Map.of("no", "terrible", "yes", "good")))
            .on(labelled())
            .repetitions(1)
            .steps(30)
            .training(tuner -> tuner.learningRate(0.05))
            .run(folder);
    assertThat(report.members()).hasSize(1);
    assertThat(report.softLabels()).isEmpty();
    assertThat(report.members().get(0).accuracyAfter()).isGreaterThanOrEqualTo(0.5);
  }

  @Test
  void aDecoderFillsTheEnd() throws IOException {
    Path llama = TinyLlama.write(Files.createDirectory(folder.resolve("llama")));
    Verbalizer letters = Verbalizer.of(Map.of("no", "a", "yes", "b"));
    try (PeftModel decoder = Peft.from(llama).precision(Precision.FLOAT64).load()) {
      ClozeClassifier gap = ClozeClassifier.of(decoder, Pattern.of("{text} d {mask}"), letters);
      double[][] logits = gap.logits(List.of("c c", "b"));
      for (int i = 0; i < 2; i++) {
        long[] ids = gap.encoder().encode(new PetText(i == 0 ? "c c" : "b", null), 0).inputIds();
        long[] before = Arrays.copyOf(ids, ids.length - 1);
        assertThat(logits[i]).containsExactly(next(decoder, before), within(1e-5));
      }
      PetReport report =
          Pet.of(decoder)
              .adapter(ToyConfig.of(1, 0))
              .patterns(Pattern.of("{text} d {mask}"))
              .verbalizer(letters)
              .on(
                  new Dataset<>(
                      List.of(
                          new ClassificationExample("c c", "yes"),
                          new ClassificationExample("b", "no"))))
              .repetitions(1)
              .steps(40)
              .training(tuner -> tuner.learningRate(0.1))
              .run(folder.resolve("run"));
      assertThat(report.members().get(0).accuracyAfter()).isEqualTo(1);
      assertThatThrownBy(() -> ClozeClassifier.of(decoder, Pattern.of("{mask} {text}"), letters))
          .hasMessageContaining(
              "expected {mask} at the end of the pattern, but it is '{mask} {text}'");
      assertThatThrownBy(
              () ->
                  ClozeClassifier.of(
                      decoder,
                      Pattern.of("{text} {mask}"),
                      Verbalizer.of(Map.of("no", "a", "yes", "b c"))))
          .hasMessageContaining("these words have several: {b c=2}");
    }
  }

  /** The logits of the words a and b behind ids. */
  private static double[] next(PeftModel decoder, long[] ids) {
    try (var logits =
        decoder.logits(
            io.github.peft4j.transformer.pass.ModelInput.of(
                decoder.base().manager(), new long[][] {ids}, null))) {
      int vocabulary = (int) logits.getShape().get(2);
      double[] all = logits.toDoubleArray();
      int last = all.length - vocabulary;
      return new double[] {
        all[last + (int) TinyLlama.id("▁a")], all[last + (int) TinyLlama.id("▁b")]
      };
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThatThrownBy(() -> Pet.of(model).run(folder)).hasMessageContaining("call adapter");
    assertThatThrownBy(() -> Pet.of(classifier).auxiliary(1)).hasMessageContaining("in [0, 1)");
    assertThatThrownBy(
            () -> pet().verbalizer(Verbalizer.of(Map.of("a", "bad", "b", "good"))).run(folder))
        .hasMessageContaining(
            "an example has the label 'yes', but the verbalizer has words for [a, b]");
    assertThatThrownBy(() -> pet().patterns(PATTERNS[0]).repetitions(1).generations(2).run(folder))
        .hasMessageContaining("but there is one");
    assertThatThrownBy(() -> pet().unlabelled(new Dataset<>(List.of())).run(folder))
        .hasMessageContaining("call unlabelled(texts)");
    try (PeftModel other =
        Peft.from(PetFormulasTest.FOLDER).task(Task.classification("up", "down")).load()) {
      assertThatThrownBy(() -> pet().classifier(other, ToyConfig.of(1, 0)).run(folder))
          .hasMessageContaining("the classifier has the labels [up, down]")
          .hasMessageContaining("load it with Task.classification and these labels");
    }
    classifier.adapt("pet", ToyConfig.of(1, 0));
    assertThatThrownBy(() -> pet().run(folder))
        .hasMessageContaining("has an adapter 'pet' already");
    assertThat(folder).isEmptyDirectory();
    assertThatThrownBy(() -> ClozeClassifier.of(classifier, PATTERNS[0], WORDS))
        .hasMessageContaining("fills no gaps");
  }

  /**
   * Nothing is trained before every pattern is known to fit, and a mended mistake leaves no trace.
   */
  @Test
  void aRunGoesOnAfterAMistakeIsMended() {
    AtomicInteger steps = new AtomicInteger();
    Pet pairs =
        pet()
            .patterns(PATTERNS[0], Pattern.of("{text} and {pair} {mask}"))
            .training(tuner -> tuner.listener(counting(steps)));
    assertThatThrownBy(() -> pairs.run(folder)).hasMessageContaining("is for pairs of texts");
    Pet narrow =
        pet()
            .patterns(PATTERNS[0], Pattern.of("the staff was not nice {text} {mask}"))
            .maxLength(7)
            .training(tuner -> tuner.listener(counting(steps)));
    assertThatThrownBy(() -> narrow.run(folder)).hasMessageContaining("shorten the pattern");
    assertThat(folder).isEmptyDirectory();
    Pet wrong = pet().training(tuner -> tuner.learningRate(-1).listener(counting(steps)));
    assertThatThrownBy(() -> wrong.run(folder)).hasMessageContaining("learningRate");
    assertThat(folder.resolve("pet.json")).exists();
    assertThat(steps).hasValue(0);
    Pet slow = pet().patterns(PATTERNS[0]).repetitions(1).distillation(t -> t.learningRate(-1));
    assertThatThrownBy(() -> slow.run(folder.resolve("slow"))).hasMessageContaining("learningRate");
    assertThat(classifier.adapters()).isEmpty();
    PetReport report = pet().patterns(PATTERNS[0]).repetitions(1).run(folder);
    assertThat(report)
        .asString()
        .startsWith("g0-p0-i0 '" + PATTERNS[0] + "': 4 training texts, accuracy 0.")
        .contains("\n32 texts with soft labels of [no, yes]\nclassifier: 20 steps, final loss ");
    classifier.remove("pet");
    assertThatThrownBy(() -> pet().patterns(PATTERNS[0]).steps(7).run(folder))
        .hasMessageContaining("take another folder");
  }

  @Test
  void aFileThatIsNotOfARunIsNotOverwritten() throws IOException {
    Path file = Files.writeString(folder.resolve("pet.json"), "{\"cats\": 3}");
    assertThatThrownBy(() -> pet().run(folder)).hasMessageContaining("take another folder");
    assertThat(file).hasContent("{\"cats\": 3}");
  }

  @Test
  void idsAreNotMaskedAgainAndNotMixedWithTexts() {
    model.adapt(ToyConfig.of(1, 0));
    IdsExample ids =
        new IdsExample(EncodedExample.ofTokens(new long[] {2, 5, 3}, new long[] {-100, 6, -100}));
    FineTuner tuner = FineTuner.of(model).on(new Dataset<>(List.of(ids, ids))).steps(1).quiet();
    assertThat(tuner.preview(2).toString()).isNotEmpty();
    assertThatThrownBy(
            () ->
                FineTuner.of(model)
                    .on(new Dataset<>(List.of(ids, new TextExample("the food"))))
                    .quiet()
                    .run())
        .hasMessageContaining("1 of 2 examples are ids");
    assertThatThrownBy(
            () -> FineTuner.of(model).on(new Dataset<>(List.of(ids))).maxLength(2).quiet().run())
        .hasMessageContaining("3 ids, but there is room for 2");
  }
}
