package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.fusion.FusionConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.report.EndEvent;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTunerTest {

  @TempDir Path folder;

  /** Answers repeat the prompt's last word: something that can be learned. */
  private static Dataset<PromptExample> prompts(int count) {
    Random random = new Random(5);
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder prompt = new StringBuilder();
      String last = "";
      for (int j = 0; j < 2 + random.nextInt(6); j++) {
        last = "w" + (3 + random.nextInt(20));
        prompt.append(last).append(' ');
      }
      examples.add(new PromptExample(prompt.toString(), " " + last));
    }
    return Examples.of(examples);
  }

  private static Dataset<ClassificationExample> texts(int count) {
    Random random = new Random(6);
    List<ClassificationExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = random.nextInt(2);
      String words = "w" + (3 + label * 10 + random.nextInt(5)) + " w" + (30 + random.nextInt(9));
      examples.add(new ClassificationExample(words, label == 0 ? "no" : "yes"));
    }
    return Examples.of(examples);
  }

  private PeftModel llama() {
    Path model = folder.resolve("llama");
    if (!Files.exists(model)) {
      TinyModels.copy("tiny-llama", model);
    }
    return Peft.load(model.toString())
        .adapt(LoraConfig.ofRank(4).loraAlpha(8).loraDropout(0.1).targetModules("all-linear"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(prompts(40))
        .validateOn(prompts(8))
        .epochs(3)
        .batchSize(4)
        .accumulate(2)
        .learningRate(1e-2)
        .warmup(0.1)
        .quiet();
  }

  @Test
  void trainsTheOneAdapterThatIsNotFrozen() {
    Path base = TinyModels.copy("tiny-llama", folder.resolve("fused"));
    try (PeftModel model = Peft.load(base.toString())) {
      model.adapt("a", BottleneckConfig.houlsby().reductionFactor(4));
      model.adapt("b", BottleneckConfig.houlsby().reductionFactor(4));
      assertThatThrownBy(() -> tuner(model.activate("a", "b")).run())
          .hasMessageContaining("one adapter is trained at a time")
          .hasMessageContaining("freeze(name) the others");
      model.adapt("mixture", FusionConfig.of("a", "b"));
      List<float[]> frozen = values(model.adapter("a"));
      List<float[]> trained = values(model.adapter("mixture"));
      tuner(model).epochs(1).run();
      assertThat(values(model.adapter("a")))
          .usingElementComparator(Arrays::compare)
          .isEqualTo(frozen);
      for (int i = 0; i < trained.size(); i++) {
        assertThat(values(model.adapter("mixture")).get(i)).isNotEqualTo(trained.get(i));
      }
    }
  }

  private static List<float[]> values(Adapter adapter) {
    return adapter.trainables().stream().map(t -> Tensors.floats(t.value())).toList();
  }

  @Test
  void learnsAndIsReproducible() {
    try (PeftModel first = llama();
        PeftModel second = llama()) {
      TrainingReport a = tuner(first).epochs(15).run();
      TrainingReport b = tuner(second).epochs(15).run();
      assertThat(a.steps()).isEqualTo(75);
      assertThat(a.losses()).isEqualTo(b.losses());
      assertThat(a.finalLoss()).isLessThan(0.85 * a.losses().get(0));
      assertThat(a.evaluations()).hasSize(15);
    }
  }

  @Test
  void recomputingComputesTheSame() {
    try (PeftModel first = llama();
        PeftModel second = llama()) {
      List<Double> kept = tuner(first).run().losses();
      List<Double> again = tuner(second).activations(Activations.RECOMPUTED).run().losses();
      for (int i = 0; i < kept.size(); i++) {
        assertThat(again.get(i)).isCloseTo(kept.get(i), within(1e-5));
      }
    }
  }

  @Test
  void aKilledRunGoesOnWithTheSameLosses() {
    List<Double> whole;
    try (PeftModel model = llama()) {
      whole = tuner(model).run().losses();
    }
    String run = folder.resolve("run").toString();
    try (PeftModel model = llama()) {
      TrainingListener killer =
          new TrainingListener() {
            @Override
            public void onStep(StepEvent event) {
              if (event.step() == 9) {
                throw new Error("killed");
              }
            }
          };
      assertThatThrownBy(
              () -> tuner(model).checkpointTo(run).checkpointEvery(4).listener(killer).run())
          .hasMessage("killed");
    }
    assertThat(folder.resolve("run/checkpoint-8")).isDirectory();
    try (PeftModel model = llama()) {
      TrainingReport report = tuner(model).checkpointTo(run).checkpointEvery(4).run();
      assertThat(report.losses()).isEqualTo(whole);
      // A run that is done is done.
      assertThat(tuner(model).checkpointTo(run).checkpointEvery(4).run().losses()).isEqualTo(whole);
      assertThatThrownBy(() -> tuner(model).seed(7).checkpointTo(run).run())
          .hasMessageContaining("another seed: 42, now 7");
    }
  }

  @Test
  void aDamagedStateIsRefusedByName() throws IOException {
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      FineTuner tuner =
          FineTuner.of(model).on(prompts(4)).steps(2).checkpointTo(run).checkpointEvery(2).quiet();
      tuner.run();
      Path state = run.resolve("checkpoint-2/trainer_state.json");
      String whole = Files.readString(state);
      for (String damage :
          new String[] {"\"step\": 1,", "\"started\": \"x\",", "\"losses\": null,"}) {
        String field = damage.substring(0, damage.indexOf(':'));
        String rest = whole.replace(field, "\"former\"");
        Files.writeString(state, rest.replaceFirst("\\{", "{" + damage));
        assertThatThrownBy(tuner::run).hasMessageContainingAll(state.toString(), "no state");
      }
    }
  }

  @Test
  void threeHundredStepsLeaveNoArraysBehind() {
    try (PeftModel model = llama()) {
      List<Long> live = new ArrayList<>();
      TrainingListener counter =
          new TrainingListener() {
            @Override
            public void onStep(StepEvent event) {
              if (event.step() == 10 || event.step() == 300) {
                live.add(Tensors.live());
              }
            }
          };
      FineTuner.of(model)
          .on(prompts(16))
          .validateOn(prompts(4))
          .steps(300)
          .batchSize(4)
          .activations(Activations.RECOMPUTED)
          .evaluateEvery(50)
          .listener(counter)
          .quiet()
          .run();
      assertThat(live.get(1)).isEqualTo(live.get(0));
    }
  }

  @Test
  void classifiesWithANewHeadAndStopsEarly() {
    Path bert = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    try (PeftModel model = Peft.load(bert.toString(), Task.classification("no", "yes"))) {
      assertThat(model.base().head().classes()).as("of three in the checkpoint").isEqualTo(2);
    }
    Task three = Task.classification("no", "yes", "perhaps");
    try (PeftModel model =
        Peft.load(bert.toString(), three)
            .adapt(LoraConfig.ofRank(2).targetModules("query", "value").modulesToSave("pooler"))) {
      TrainingReport report =
          FineTuner.of(model)
              .on(texts(64))
              .validateOn(texts(64))
              .epochs(40)
              .batchSize(16)
              .learningRate(1e-2)
              .checkpointTo(folder.resolve("run"))
              .stopEarly(4)
              .quiet()
              .run();
      assertThat(report.bestMetrics().orElseThrow().get(Metrics.ACCURACY)).isGreaterThan(0.9);
      assertThat(report.steps()).isLessThan(160);
      assertThat(new Evaluator(model, 16, 20).evaluate(texts(64)).get(Metrics.ACCURACY))
          .isEqualTo(report.bestMetrics().orElseThrow().get(Metrics.ACCURACY));
    }
  }

  @Test
  void aLossThatIsNoNumberStopsTheRunAndKeepsTheCheckpoint() {
    Path run = folder.resolve("run");
    try (PeftModel model = llama()) {
      TrainingListener poison =
          new TrainingListener() {
            @Override
            public void onStep(StepEvent event) {
              if (event.step() == 6) {
                float[] nan = {Float.NaN};
                var tensor = model.trainables().get(0).value();
                try (var value = model.base().manager().create(nan)) {
                  Tensors.copy(tensor, value.broadcast(tensor.getShape()));
                }
              }
            }
          };
      assertThatThrownBy(
              () -> tuner(model).checkpointTo(run).checkpointEvery(5).listener(poison).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("step 7: the loss is NaN")
          .hasMessageContaining("made of examples [[")
          .hasMessageContaining("checkpoint-5");
      assertThat(run.resolve("checkpoint-5/adapter_model.safetensors")).exists();
    }
  }

  @Test
  void aListenerThatFailsDoesNotStopTheRun() {
    List<Long> told = new ArrayList<>();
    TrainingListener broken =
        new TrainingListener() {
          @Override
          public void onStep(StepEvent event) {
            told.add(event.step());
            throw new UncheckedIOException(new IOException("No space left on device"));
          }

          @Override
          public void onEnd(EndEvent event) {
            told.add(-1L);
          }
        };
    String log;
    try (PeftModel model = llama()) {
      log =
          Logged.by(
              () -> assertThat(tuner(model).steps(3).listener(broken).run().steps()).isEqualTo(3));
    }
    assertThat(told).containsExactly(1L, 2L, 3L, -1L);
    assertThat(log)
        .containsOnlyOnce("WARN")
        .contains("training listener", "No space left on device", "goes on");
  }

  @Test
  void saysWhatIsWrongWithTheData() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> FineTuner.of(model).run()).hasMessageContaining("call on(");
      assertThatThrownBy(() -> FineTuner.of(model).on(texts(3)).run())
          .hasMessageContaining("cannot be trained on a ClassificationExample");
      assertThatThrownBy(() -> FineTuner.of(model).on(prompts(3)).maxLength(99).run())
          .hasMessageContaining("the model has 32 positions");
      assertThatThrownBy(
              () ->
                  FineTuner.of(model)
                      .on(Examples.of(new TextExample(""), new TextExample("")))
                      .run())
          .hasMessageContaining("none of the 2 examples")
          .hasMessageContaining("has a label that counts");
      model.disable();
      assertThatThrownBy(() -> FineTuner.of(model).on(prompts(3)).run())
          .hasMessageContaining("none is active");
    }
  }

  @Test
  void namesTheConversationThatTheTemplateRefuses() throws IOException {
    TinyModels.copy("tiny-llama", folder);
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.role + m.content }}{% endfor %}");
    try (PeftModel model = Peft.load(folder.toString()).adapt(LoraConfig.ofRank(4))) {
      ConversationExample good =
          ConversationExample.of(Message.user("w3"), Message.assistant("w4"));
      ConversationExample bad =
          ConversationExample.of(Message.user("w5"), Message.of("assistant", null));
      assertThatThrownBy(() -> FineTuner.of(model).on(Examples.of(good, bad)).run())
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("example 1 (")
          .hasMessageContaining("chat_template.jinja, line 1: ");
    }
  }

  @Test
  void saysWhatIsWrongWithTheSettings() {
    try (PeftModel model = llama()) {
      Map<Consumer<FineTuner>, String> refused = new LinkedHashMap<>();
      refused.put(t -> t.steps((1L << 32) + 5), "steps is 4294967301");
      refused.put(t -> t.learningRate(Double.POSITIVE_INFINITY), "learningRate is Infinity");
      refused.put(t -> t.weightDecay(Double.NaN), "weightDecay is NaN");
      refused.put(t -> t.clip(-1), "clip is -1.0");
      refused.put(t -> t.schedule(steps -> step -> Double.NaN), "the rate NaN for step 0");
      refused.put(t -> t.stopEarly(1), "stopEarly does nothing without validateOn");
      refused.put(t -> t.evaluateEvery(1), "evaluateEvery does nothing without validateOn");
      refused.put(t -> t.checkpointEvery(1), "checkpointEvery does nothing without checkpointTo");
      refused.put(
          t -> t.stride(8), "for a model for CAUSAL_LM; it is for TOKEN_CLS and QUESTION_ANS");
      refused.put(
          t -> t.labelAllTokens(true), "labelAllTokens does nothing for a model for CAUSAL_LM");
      refused.put(
          t -> t.masking(Masking.DEFAULT), "masking does nothing for a model for CAUSAL_LM");
      refused.put(t -> t.validateOn(prompts(2)).metric("f7"), "'f7': there are loss, perplexity");
      refused.put(t -> model.merge(), "unmerge() first");
      refused.forEach(
          (settings, message) ->
              assertThatThrownBy(
                      () -> {
                        FineTuner tuner = FineTuner.of(model).on(prompts(4)).steps(1).quiet();
                        settings.accept(tuner);
                        tuner.run();
                      })
                  .hasMessageContaining(message));
      model.unmerge();
      int most = Integer.MAX_VALUE; // of what is counted, sums may be more
      assertThat(
              FineTuner.of(model)
                  .on(prompts(4))
                  .epochs(1)
                  .batchSize(most)
                  .accumulate(most)
                  .quiet()
                  .run()
                  .steps())
          .isEqualTo(1);
    }
  }

  @Test
  void saysWhatIsWrongWithTheModel() throws Exception {
    assertThatThrownBy(() -> Peft.load(folder.resolve("nowhere").toString()))
        .hasMessageContaining("is not a folder");
    assertThatThrownBy(() -> Peft.load(folder.toString())).hasMessageContaining("no config.json");
    Path model = TinyModels.copy("tiny-llama", folder.resolve("words"));
    Files.writeString(model.resolve("tokenizer.json"), TinyModels.tokenizer(50));
    assertThatThrownBy(() -> Peft.load(model.toString()))
        .hasMessageContaining("vocab_size' is 40; expected at least the tokenizer's 50");
    String config = Files.readString(model.resolve("config.json"));
    Files.writeString(
        model.resolve("config.json"), config.replace("\"llama\"", "\"no_such_model\""));
    assertThatThrownBy(() -> Peft.load(model.toString()))
        .hasMessageContaining("'no_such_model'; expected one of [")
        .hasMessageContaining("llama");
    Files.writeString(
        model.resolve("config.json"),
        config.replace("\"intermediate_size\": 24", "\"intermediate_size\": 25"));
    assertThatThrownBy(() -> Peft.load(model.toString()))
        .hasMessageContaining(
            "misshapen model.layers.0.mlp.gate_proj.weight: [24, 16], expected [25, 16]");
  }

  @Test
  void aTargetThatMatchesNothingNamesNearOnes() {
    Path model = TinyModels.copy("tiny-llama", folder.resolve("m"));
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThatThrownBy(() -> peft.adapt(LoraConfig.ofRank(2).targetModules("q_prj")))
          .hasMessageContaining("match no module")
          .hasMessageContaining("model.layers.*.self_attn.q_proj");
      assertThat(peft.adapters()).isEmpty();
      assertThatThrownBy(() -> peft.adapt(LoraConfig.ofRank(2).modulesToSave("lm_haed")))
          .hasMessageContaining("match no module");
      peft.adapt(LoraConfig.ofRank(2).targetModules("q_proj", "v_proj"));
      assertThat(peft.trainableParameters().toString())
          .startsWith("trainable params: 224 || all params:");
      Stream.of("a", "b").forEach(name -> peft.adapt(name, LoraConfig.ofRank(3)));
      assertThat(peft.adapters()).hasSize(3);
      assertThat(Arrays.asList(Precision.values())).contains(peft.base().precision());
    }
  }
}
