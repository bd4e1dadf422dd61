package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Classifications;
import ai.djl.modality.nlp.qa.QAInput;
import ai.djl.modality.nlp.translator.NamedEntity;
import ai.djl.nn.Block;
import ai.djl.translate.TranslateException;
import ai.djl.translate.Translator;
import ai.djl.util.StringPair;
import io.github.peft4j.AdapterView;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.chat.ChatOptions;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.metrics.entity.EntityMetrics;
import io.github.peft4j.metrics.text.Bleu;
import io.github.peft4j.metrics.text.Rouge;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.translate.CausalLmTranslator;
import io.github.peft4j.translate.CrossEncoderTranslator;
import io.github.peft4j.translate.FillMaskTranslator;
import io.github.peft4j.translate.PairClassificationTranslator;
import io.github.peft4j.translate.QuestionAnsweringTranslator;
import io.github.peft4j.translate.TextClassificationTranslator;
import io.github.peft4j.translate.TokenClassificationTranslator;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Everything that a model can be asked, from eight threads with different adapters, beside three
 * trainings on the same models. Every answer is bit by bit the one that a single thread gets, and
 * so is every loss. {@code -Dpeft4j.stress.seconds=600} makes it longer.
 */
class EveryVerbTest {

  private static final int SECONDS = Integer.getInteger("peft4j.stress.seconds", 5);
  private static final int ASKING = 6;
  private static final String TEXT = "The cat sat on the mat, and the dog didn't like it.";
  private static final TextPair PAIR = new TextPair("the little dog", "sat on the mat");
  private static final Message QUESTION = Message.user("Who sat on the mat?");

  /** An answer of over 32 tokens: its positions are beyond those that the model was made for. */
  private static final GenerationConfig LONG = GenerationConfig.greedy().maxNewTokens(40);

  @TempDir Path folder;
  private final Crowd crowd = new Crowd();

  /** A question to a model, and the answer as values that can be compared. */
  private record Verb(String name, PeftModel model, Function<TextModel, Object> asked) {}

  /** All models, with the same adapters on each. */
  private static final class Models implements AutoCloseable {

    private final Map<String, PeftModel> all = new LinkedHashMap<>();
    private final List<AutoCloseable> opened = new ArrayList<>();

    private PeftModel get(String name) {
      return Objects.requireNonNull(all.get(name));
    }

    @Override
    public void close() throws Exception {
      all.values().forEach(PeftModel::close);
      for (AutoCloseable each : opened) {
        each.close();
      }
    }
  }

  private static Path resource(String name) {
    try {
      return Path.of(Objects.requireNonNull(EveryVerbTest.class.getResource(name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private Models load() throws IOException {
    Models models = new Models();
    Path words = resource("/golden-task-training/tagger");
    models.all.put("classifier", bert(words, Task.classification("no", "yes", "maybe")));
    models.all.put("scorer", bert(words, Task.regression()));
    models.all.put("labels", bert(words, Task.multiLabel("fire", "flood", "storm")));
    models.all.put(
        "tagger", bert(words, Task.tokenClassification(List.of("O", "B-X", "I-X", "B-Y"))));
    models.all.put(
        "reader", bert(resource("/golden-task-training/reader"), Task.questionAnswering()));
    models.all.put("filler", bert(resource("/golden-task-training/filler"), Task.maskedLm()));
    models.all.put("chat", decoder(resource("/golden-chat-training")));
    models.all.put("dynamic", decoder(dynamic()));
    Path t5 = folder.resolve("t5");
    if (!Files.exists(t5)) {
      TinyModels.copy("tiny-t5", t5);
    }
    models.all.put("t5", adapted(Peft.load(t5.toString()), "q", "v"));
    return models;
  }

  /** A Llama whose frequencies depend on the length of the text: its tables change all the time. */
  private Path dynamic() throws IOException {
    Path copy = folder.resolve("dynamic");
    if (!Files.exists(copy)) {
      TinyModels.copy("tiny-llama", copy);
      Path config = copy.resolve("config.json");
      String json = Files.readString(config);
      assertThat(json).contains("\"rope_type\": \"default\"");
      Files.writeString(
          config,
          json.replace("\"rope_type\": \"default\"", "\"rope_type\": \"dynamic\", \"factor\": 4.0")
              .replace("\"max_position_embeddings\": 32", "\"max_position_embeddings\": 16"));
    }
    return copy;
  }

  private static PeftModel bert(Path folder, Task task) {
    return adapted(Peft.from(folder).task(task).load(), "query", "value");
  }

  private static PeftModel decoder(Path folder) {
    return adapted(Peft.load(folder.toString()), "q_proj", "v_proj");
  }

  private static PeftModel adapted(PeftModel model, String... targets) {
    LoraConfig lora =
        LoraConfig.ofRank(2).targetModules(targets).initLoraWeights(LoraInitialization.RANDOM);
    model.adapt("lora", lora).adapt("dora", lora.useDora(true)).adapt("ia3", Ia3Config.defaults());
    return model.adapt("prefix", PrefixTuningConfig.ofVirtualTokens(2)).activate("lora");
  }

  private static final List<Composition> COMPOSITIONS =
      List.of(
          Composition.NONE,
          Composition.of("lora"),
          Composition.of("dora"),
          Composition.of("ia3"),
          Composition.of("prefix"),
          Composition.stack(List.of("lora", "ia3")),
          Composition.average("lora", "dora"));

  private static List<Verb> verbs(Models models) {
    GenerationConfig few = GenerationConfig.greedy().maxNewTokens(8);
    Conversation chat = Conversation.of(QUESTION);
    PeftModel classifier = models.get("classifier");
    PeftModel scorer = models.get("scorer");
    PeftModel labels = models.get("labels");
    PeftModel tagger = models.get("tagger");
    PeftModel reader = models.get("reader");
    PeftModel filler = models.get("filler");
    PeftModel talker = models.get("chat");
    PeftModel t5 = models.get("t5");
    return List.of(
        new Verb("classify", classifier, m -> values(m.classify(TEXT))),
        new Verb("classify pair", classifier, m -> values(m.classify(PAIR))),
        new Verb(
            "classify several",
            classifier,
            m -> m.classify(List.of(TEXT, "the dog")).stream().map(EveryVerbTest::values).toList()),
        shared(classifier, models.opened),
        new Verb("embed", classifier, m -> values(m.embed(TEXT))),
        new Verb("score", scorer, m -> m.score(PAIR)),
        new Verb("labels", labels, m -> m.scorer().values(TEXT)),
        new Verb("entities", tagger, m -> m.entities(TEXT)),
        new Verb("windows", tagger, m -> m.tagger().stride(6).entities(TEXT.repeat(8))),
        new Verb("tagWords", tagger, m -> m.tagWords(List.of("The", "little", "cat"))),
        new Verb("answer", reader, m -> m.answer("Who sat?", TEXT)),
        new Verb(
            "long answer",
            reader,
            m -> m.questionAnswerer().windows(24, 6).nBest(3).answers("Who?", TEXT.repeat(3))),
        new Verb("fillMask", filler, m -> m.fillMask("The [MASK] sat on the mat.")),
        new Verb("generate", talker, m -> written(m.generate("the cat", few))),
        new Verb(
            "sample",
            talker,
            m -> written(m.generate("a", GenerationConfig.sampling(1).seed(3).maxNewTokens(8)))),
        new Verb(
            "beams",
            talker,
            m -> written(m.generate("the", GenerationConfig.beams(3).maxNewTokens(6)))),
        new Verb(
            "chat",
            talker,
            m -> {
              List<String> pieces = new ArrayList<>();
              Generation answer = m.chat(chat, few, pieces::add);
              assertThat(String.join("", pieces)).isEqualTo(answer.text());
              return List.of(written(answer), pieces);
            }),
        new Verb("short", models.get("dynamic"), m -> written(m.generate("w4 w9", few))),
        new Verb("long", models.get("dynamic"), m -> written(m.generate("w4 w9 w5", LONG))),
        new Verb("answer of an encoder-decoder", t5, m -> written(m.generate("w4 w9 w30", few))),
        new Verb(
            "predictor of classes",
            classifier,
            m -> values(predict(m, new TextClassificationTranslator(m, m.tokenizer()), TEXT))),
        new Verb(
            "predictor of pairs",
            classifier,
            m -> values(predict(m, new PairClassificationTranslator(m, m.tokenizer()), PAIR))),
        new Verb(
            "predictor of scores",
            scorer,
            m ->
                values(
                    predict(
                        m,
                        new CrossEncoderTranslator(m, m.tokenizer()),
                        new StringPair("the dog", "the mat")))),
        new Verb(
            "predictor of entities",
            tagger,
            m ->
                Stream.of(predict(m, new TokenClassificationTranslator(m, m.tokenizer()), TEXT))
                    .map(NamedEntity::toString)
                    .toList()),
        new Verb(
            "predictor of answers",
            reader,
            m ->
                predict(
                    m,
                    new QuestionAnsweringTranslator(m, m.tokenizer()),
                    new QAInput("Who sat?", TEXT))),
        new Verb(
            "predictor of fillings",
            filler,
            m ->
                values(
                    predict(m, new FillMaskTranslator(m, m.tokenizer()), "The [MASK] sat on it."))),
        new Verb(
            "predictor of texts",
            talker,
            m -> predict(m, new CausalLmTranslator(m, m.tokenizer(), few), "the dog")));
  }

  /** A predictor that all threads share. */
  private static Verb shared(PeftModel model, List<AutoCloseable> opened) {
    AdapterView view = model.using("dora");
    Model djl = Model.newInstance("shared", model.base().device(), "PyTorch");
    djl.setBlock(view);
    Predictor<String, Classifications> predictor =
        djl.newPredictor(new TextClassificationTranslator(view, view.tokenizer()));
    opened.add(predictor);
    opened.add(djl);
    return new Verb(
        "shared predictor",
        model,
        m -> {
          try {
            return values(predictor.predict(TEXT));
          } catch (TranslateException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  private static <I, O> O predict(TextModel model, Translator<I, O> translator, I input) {
    try (Model djl = Model.newInstance("verbs", model.base().device(), "PyTorch")) {
      djl.setBlock((Block) model);
      try (Predictor<I, O> predictor = djl.newPredictor(translator)) {
        return predictor.predict(input);
      }
    } catch (TranslateException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object values(Classifications classes) {
    return List.of(classes.getClassNames(), classes.getProbabilities());
  }

  private static Object values(float[] numbers) {
    return IntStream.range(0, numbers.length).mapToObj(i -> numbers[i]).toList();
  }

  private static Object written(Generation text) {
    return List.of(text.text(), Arrays.toString(text.ids()), text.finishReason());
  }

  @Test
  void everyAnswerIsThatOfOneThread() throws Exception {
    try (Models models = load()) {
      List<Verb> verbs = verbs(models);
      Map<String, Object> expected = new ConcurrentHashMap<>();
      for (Verb verb : verbs) {
        for (Composition composition : COMPOSITIONS) {
          expected.put(
              verb.name() + composition, verb.asked().apply(verb.model().using(composition)));
        }
      }
      assertThat(new ArrayList<>(expected.values()).stream().distinct().count())
          .as("adapters make a difference")
          .isGreaterThan(3L * verbs.size());
      List<List<Double>> chatted = learnToChat(models.get("chat"));
      List<Double> classified = learnToClassify(models.get("classifier"));
      long live = Tensors.live();
      List<Runnable> works = new ArrayList<>();
      works.add(() -> same("two chats", chatted, learnToChatAtOnce(models.get("chat"))));
      works.add(() -> same("classes", classified, learnToClassify(models.get("classifier"))));
      for (int i = 0; i < ASKING; i++) {
        Random random = new Random(i);
        works.add(() -> ask(verbs, expected, random));
      }
      crowd.work(SECONDS * 400L, works);
      long early = Crowd.resident();
      crowd.work(SECONDS * 600L, works);
      long grown = Crowd.resident() - early;
      System.out.printf("every verb: %s, native memory %+d MiB%n", crowd.counts(), grown >> 20);
      assertThat(crowd.wrong()).isEmpty();
      assertThat(crowd.counts().keySet())
          .containsAll(verbs.stream().map(Verb::name).toList())
          .contains("learned two chats", "learned classes");
      assertThat(Tensors.live()).isEqualTo(live);
      assertThat(grown).as("bytes that stay").isLessThan(128L << 20);
    }
  }

  private void ask(List<Verb> verbs, Map<String, Object> expected, Random random) {
    Verb verb = verbs.get(random.nextInt(verbs.size()));
    Composition composition = COMPOSITIONS.get(random.nextInt(COMPOSITIONS.size()));
    Object answer = verb.asked().apply(verb.model().using(composition));
    crowd.count(verb.name());
    Object wanted = expected.get(verb.name() + composition);
    if (!answer.equals(wanted)) {
      crowd.wrong("%s with %s: %s, not %s".formatted(verb.name(), composition, answer, wanted));
    }
  }

  private void same(String what, List<?> wanted, List<?> losses) {
    crowd.count("learned " + what);
    if (!losses.equals(wanted)) {
      crowd.wrong("losses of %s: %s, not %s".formatted(what, losses, wanted));
    }
  }

  private static final Dataset<?> CHATS =
      Examples.of(
          List.of(
              ConversationExample.of(QUESTION, Message.assistant("The cat.")),
              ConversationExample.of(Message.user("Where?"), Message.assistant("On the mat."))));
  private static final Dataset<?> CLASSES =
      Examples.of(
          List.of(
              new ClassificationExample("the dog", "no"),
              new ClassificationExample("the cat", "yes"),
              new ClassificationExample("the mat", "maybe")));

  private static List<Double> learnToClassify(PeftModel model) {
    try {
      return tuner(model, "learning", 4, CLASSES).run().losses();
    } finally {
      model.activate("lora").remove("learning");
    }
  }

  /** One adapter after the other. */
  private static List<List<Double>> learnToChat(PeftModel model) {
    try {
      List<Double> first = tuner(model, "first", 4, CHATS).run().losses();
      return List.of(first, tuner(model, "second", 2, CHATS).run().losses());
    } finally {
      model.activate("lora");
      List.of("first", "second").stream()
          .filter(model.adapters()::containsKey)
          .forEach(model::remove);
    }
  }

  /** Two adapters of one model at the same time. The first waits in a step for the second. */
  private static List<List<Double>> learnToChatAtOnce(PeftModel model) {
    CountDownLatch firstBegun = new CountDownLatch(1);
    CountDownLatch secondBegun = new CountDownLatch(1);
    FineTuner first =
        tuner(model, "first", 4, CHATS)
            .listener(
                onStep(
                    event -> {
                      firstBegun.countDown();
                      await(secondBegun);
                    }));
    FutureTask<List<Double>> losses = new FutureTask<>(() -> first.run().losses());
    new Thread(losses).start();
    try {
      await(firstBegun);
      FineTuner second =
          tuner(model, "second", 2, CHATS).listener(onStep(event -> secondBegun.countDown()));
      List<Double> ofSecond = second.run().losses();
      return List.of(losses.get(), ofSecond);
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException(e);
    } finally {
      model.activate("lora").remove("first").remove("second");
    }
  }

  private static TrainingListener onStep(Consumer<StepEvent> code) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        code.accept(event);
      }
    };
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(60, TimeUnit.SECONDS)).as("the other training begins").isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A new adapter that drops values. */
  private static FineTuner tuner(PeftModel model, String name, int rank, Dataset<?> examples) {
    String[] targets =
        model.base().task().type() == Task.Type.CAUSAL_LM
            ? new String[] {"q_proj", "v_proj"}
            : new String[] {"query", "value"};
    model.adapt(name, LoraConfig.ofRank(rank).loraDropout(0.2).targetModules(targets));
    return FineTuner.of(model)
        .on(examples)
        .batchSize(2)
        .steps(8)
        .learningRate(0.01)
        .seed(7)
        .quiet();
  }

  @Test
  void closingInTheMiddleIsAnErrorOfTheCall() throws Exception {
    Random random = new Random(1);
    try (Models models = load()) {
      verbs(models).forEach(verb -> assertThat(verb.asked().apply(verb.model())).isNotNull());
      learnToChat(models.get("chat"));
    }
    long live = Tensors.live();
    for (int round = 0; round < Math.max(3, SECONDS / 10); round++) {
      List<AtomicReference<Throwable>> errors = new ArrayList<>();
      List<Thread> threads = new ArrayList<>();
      try (Models models = load()) {
        List<Verb> verbs = verbs(models);
        for (int i = 0; i < ASKING; i++) {
          Random own = new Random(i);
          Verb[] mine = verbs.toArray(Verb[]::new);
          threads.add(
              untilClosed(
                  errors,
                  () -> {
                    Verb verb = mine[own.nextInt(mine.length)];
                    Composition any = COMPOSITIONS.get(own.nextInt(COMPOSITIONS.size()));
                    assertThat(verb.asked().apply(verb.model().using(any))).isNotNull();
                  }));
        }
        threads.add(untilClosed(errors, () -> learnToChat(models.get("chat"))));
        Thread.sleep(20 + random.nextInt(150));
      }
      for (Thread thread : threads) {
        thread.join(30_000);
        assertThat(thread.isAlive()).as("a thread that waits forever").isFalse();
      }
      for (AtomicReference<Throwable> error : errors) {
        assertThat(root(Objects.requireNonNull(error.get())))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("closed");
      }
      assertThat(Tensors.live()).isEqualTo(live);
    }
  }

  private static Thread untilClosed(List<AtomicReference<Throwable>> errors, Runnable work) {
    AtomicReference<Throwable> error = new AtomicReference<>();
    errors.add(error);
    Thread thread =
        new Thread(
            () -> {
              while (error.get() == null) {
                try {
                  work.run();
                } catch (RuntimeException | Error e) {
                  error.set(e);
                }
              }
            });
    thread.start();
    return thread;
  }

  private static Throwable root(Throwable e) {
    return e.getCause() == null ? e : root(e.getCause());
  }

  @Test
  void dataIsReadEncodedAndMeasuredAsByOneThread() throws Exception {
    Path file = folder.resolve("chats.jsonl");
    Files.writeString(
        file,
        IntStream.range(0, 200)
            .mapToObj(
                i ->
                    "{\"messages\": [{\"role\": \"user\", \"content\": \"Who is %d?\"}, "
                            .formatted(i)
                        + "{\"role\": \"assistant\", \"content\": \"The cat %d.\"}]}".formatted(i))
            .collect(Collectors.joining("\n")));
    Path vocabulary = resource("/golden-task-training/tagger");
    List<String> right = IntStream.range(0, 20).mapToObj(i -> "the cat " + i % 7).toList();
    List<String> said = IntStream.range(0, 20).mapToObj(i -> "a cat " + i % 5).toList();
    List<List<String>> tags = List.of(List.of("O", "B-X", "I-X"), List.of("B-Y", "O"));
    List<List<String>> found = List.of(List.of("O", "B-X", "O"), List.of("B-Y", "B-X"));
    try (PeftModel model = decoder(resource("/golden-chat-training"));
        Tokenizer tokenizer = Tokenizer.load(vocabulary)) {
      Dataset<ConversationExample> chats = Data.read(file).conversations();
      Map<String, Supplier<Object>> all = new LinkedHashMap<>();
      all.put("read", () -> Data.read(file).conversations().examples());
      all.put("shared rows", () -> chats.get(111));
      all.put(
          "encoded",
          () ->
              TaskEncoder.encode(model, chats, 24).examples().stream()
                  .map(e -> Arrays.toString(e.inputIds()) + Arrays.toString(e.labels()))
                  .toList());
      all.put(
          "rendered",
          () ->
              model
                  .chatTemplate()
                  .render(chats.get(3).conversation(), ChatOptions.conversation())
                  .text());
      all.put("ids", () -> Arrays.toString(tokenizer.encode(TEXT, "the dog")));
      all.put(
          "aligned words",
          () -> Arrays.toString(tokenizer.aligned(List.of("The", "little", "cat")).words()));
      all.put("decoded", () -> tokenizer.decode(tokenizer.encode(TEXT)));
      all.put("rouge", () -> Rouge.standard().mean(right.stream().map(List::of).toList(), said));
      all.put("bleu", () -> Bleu.standard().corpus(right.stream().map(List::of).toList(), said));
      all.put("entities", () -> EntityMetrics.of(tags, found).values());
      Map<String, Object> expected = new ConcurrentHashMap<>();
      all.forEach((name, asked) -> expected.put(name, asked.get()));
      List<Runnable> works = new ArrayList<>();
      for (int i = 0; i < ASKING + 2; i++) {
        Random random = new Random(i);
        List<String> names = List.copyOf(all.keySet());
        works.add(
            () -> {
              String name = names.get(random.nextInt(names.size()));
              crowd.count(name);
              Object answer = Objects.requireNonNull(all.get(name)).get();
              if (!answer.equals(expected.get(name))) {
                crowd.wrong("%s: %s, not %s".formatted(name, answer, expected.get(name)));
              }
            });
      }
      crowd.work(Math.max(1000, SECONDS * 200L), works);
      System.out.println("data: " + crowd.counts());
      assertThat(crowd.wrong()).isEmpty();
      assertThat(crowd.counts().keySet()).containsAll(all.keySet());
    }
  }
}
