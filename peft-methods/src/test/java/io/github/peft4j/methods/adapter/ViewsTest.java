package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.AdapterView;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.fusion.FusionConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.ModelInput;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What adapters a call computes with, what is active, and training beside other calls. */
class ViewsTest {

  private static final LoraConfig RANDOM =
      LoraConfig.ofRank(2)
          .targetModules("q_proj", "v_proj")
          .initLoraWeights(LoraInitialization.RANDOM);
  private static final GenerationConfig TWO = GenerationConfig.greedy().maxNewTokens(2);

  @TempDir Path folder;

  private PeftModel llama() {
    Path origin = folder.resolve("llama");
    if (!Files.exists(origin)) {
      TinyModels.copy("tiny-llama", origin);
    }
    return Peft.from(origin).precision(Precision.FLOAT32).load();
  }

  private static float[] logits(TextModel model) {
    try (NDArray ids =
            model.base().manager().create(new long[] {4, 9, 30, 7, 12, 5}, new Shape(2, 3));
        NDArray logits = model.logits(ModelInput.of(ids))) {
      return Tensors.floats(logits);
    }
  }

  private static FineTuner tuner(PeftModel model, int steps) {
    List<TextExample> texts = List.of(new TextExample("w4 w9 w30 w5"), new TextExample("w7 w8"));
    return FineTuner.of(model).on(Examples.of(texts)).steps(steps).batchSize(2).quiet();
  }

  @Test
  void aViewComputesWithItsOwnAdapters() {
    try (PeftModel model = llama()) {
      float[] plain = logits(model);
      float[] a = logits(model.adapt("a", RANDOM));
      float[] b = logits(model.adapt("b", RANDOM));
      float[] both = logits(model.activate("a", "b"));
      model.activate("b");
      assertThat(logits(model.using("a"))).isEqualTo(a);
      assertThat(logits(model.using("a", "b"))).isEqualTo(both);
      assertThat(logits(model.using(Composition.NONE))).isEqualTo(plain);
      assertThat(logits(model)).isEqualTo(b);
      assertThat(logits(model.base())).isEqualTo(plain);
      model.merge();
      assertThat(logits(model.using("a"))).isEqualTo(a);
      assertThat(logits(model.using("b"))).isEqualTo(b);
      model.unmerge().disable();
      assertThat(logits(model.using("a"))).isEqualTo(a);
      assertThat(logits(model)).isEqualTo(plain);
    }
  }

  private static float[] logits(io.github.peft4j.transformer.TransformerModel base) {
    try (NDArray ids = base.manager().create(new long[] {4, 9, 30, 7, 12, 5}, new Shape(2, 3));
        NDArray logits = base.logits(ModelInput.of(ids))) {
      return Tensors.floats(logits);
    }
  }

  @Test
  void namesAreLookedUpAtEachCall() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.using("x")).hasMessageContaining("the model has none");
      float[] a = logits(model.adapt("a", RANDOM));
      model.save("a", folder.resolve("a"));
      float[] b = logits(model.adapt("b", RANDOM));
      assertThatThrownBy(() -> model.using("x"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("there is no adapter 'x'; there are [a, b]");
      AdapterView view = model.using("a");
      assertThat(logits(view)).isEqualTo(a);
      model.remove("a");
      assertThatThrownBy(() -> logits(view)).hasMessageContaining("there is no adapter 'a'");
      model.rename("b", "a");
      assertThat(logits(view)).isEqualTo(b);
      model.remove("a").loadAdapter("a", folder.resolve("a"));
      assertThat(logits(view)).isEqualTo(a);
    }
  }

  @Test
  void theFirstAdapterIsActiveAndLaterOnesAreNot() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).save("a", folder.resolve("a"));
      model.adapt("b", RANDOM).save("b", folder.resolve("b"));
      model.remove("a").remove("b");
      assertThat(model.active()).isEqualTo(Composition.NONE);
      float[] a = logits(model.loadAdapter("a", folder.resolve("a")));
      assertThat(model.active().adapters()).containsExactly("a");
      model.loadAdapter("b", folder.resolve("b"));
      assertThat(model.active().adapters()).containsExactly("a");
      assertThat(logits(model)).isEqualTo(a);
      model.loadAdapter(folder.resolve("b").toString());
      assertThat(model.active().adapters()).containsExactly(PeftModel.DEFAULT);
    }
  }

  @Test
  void aCallGoesOnWithWhatItBeganWith() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).adapt("b", RANDOM);
      String written = model.using("a").generate("w4 w9", TWO).text();
      long live = Tensors.live();
      List<String> pieces = new ArrayList<>();
      String text =
          model
              .using("a")
              .generate(
                  "w4 w9",
                  TWO,
                  piece -> {
                    if (pieces.isEmpty()) {
                      model.remove("a");
                    }
                    pieces.add(piece);
                  })
              .text();
      assertThat(text).isEqualTo(written);
      assertThat(pieces).isNotEmpty();
      assertThat(Tensors.live()).isLessThan(live); // its tensors are freed
    }
  }

  @Test
  void aThreadThatWouldWaitForItselfIsRefused() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM);
      try (ModelCall call = model.newCall()) {
        assertThatThrownBy(model::close).hasMessageContaining("it would wait for itself");
        assertThatThrownBy(model::mergeAndUnload).hasMessageContaining("it would wait for itself");
        assertThatThrownBy(() -> tuner(model, 1).run())
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("cannot train adapter 'a' within a call of this thread");
        assertThat(logits(model)).isNotEmpty(); // a call within a call
        model.merge().unmerge();
      }
      tuner(model, 1).run();
    }
  }

  @Test
  void aModelThatIsClosedEndsItsTrainingBeforeTheNextStep() {
    long live = Tensors.live();
    PeftModel model = llama().adapt("a", RANDOM);
    TrainingListener closing =
        new TrainingListener() {
          @Override
          public void onStep(StepEvent step) {
            CompletableFuture.runAsync(model::close).join(); // between two steps
            assertThat(Tensors.live()).isGreaterThan(live);
          }
        };
    assertThatThrownBy(() -> tuner(model, 4).listener(closing).run())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model is closed; load it again");
    assertThat(Tensors.live()).isEqualTo(live);
  }

  @Test
  void whatIsMadeOnAnAdapterInTrainingIsRefusedAsAWhole() {
    try (PeftModel model = llama()) {
      BottleneckConfig bottleneck = BottleneckConfig.pfeiffer().reductionFactor(4);
      model.adapt("a", bottleneck).adapt("b", bottleneck).activate("a");
      float[] a = logits(model);
      long live = Tensors.live();
      try (AdapterTraining training = model.train("a")) {
        assertThatThrownBy(() -> model.adapt("both", FusionConfig.of("a", "b")))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("adapter 'a' is being trained and cannot be frozen");
      }
      assertThat(model.adapters().keySet()).containsExactly("a", "b");
      assertThat(model.active()).isEqualTo(Composition.of("a"));
      assertThat(model.adapter("b").isFrozen()).isFalse();
      assertThat(logits(model)).isEqualTo(a);
      assertThat(Tensors.live()).isEqualTo(live);
    }
  }

  @Test
  void trainingBesideInference() throws Exception {
    try (PeftModel model = llama()) {
      float[] a = logits(model.adapt("a", RANDOM));
      model.adapt("t", RANDOM);
      AtomicReference<String> refused = new AtomicReference<>("");
      TrainingListener listener =
          new TrainingListener() {
            @Override
            public void onStep(StepEvent step) {
              StringBuilder said = new StringBuilder();
              for (Runnable what :
                  List.<Runnable>of(
                      () -> model.remove("t"),
                      model::merge,
                      model::mergeAndUnload,
                      () -> model.freeze("t"),
                      () -> tuner(model, 1).run())) {
                try {
                  what.run();
                  said.append("not refused; ");
                } catch (IllegalStateException e) {
                  said.append(e.getMessage()).append("; ");
                }
              }
              refused.set(said.toString());
            }
          };
      CompletableFuture<Void> training =
          CompletableFuture.runAsync(
              () -> {
                tuner(model, 40).listener(listener).run();
              });
      int calls = 0;
      while (!training.isDone()) {
        assertThat(logits(model.using("a"))).isEqualTo(a);
        for (float value : logits(model.using("t"))) {
          assertThat(value).isFinite();
        }
        calls++;
      }
      training.get();
      assertThat(calls).isPositive();
      assertThat(refused.get())
          .doesNotContain("not refused")
          .contains("adapter 't' is being trained");
      float[] beside = logits(model.using("t"));
      try (PeftModel alone = llama()) {
        alone.adapt("a", RANDOM).adapt("t", RANDOM);
        tuner(alone, 40).run();
        assertThat(logits(alone)).isEqualTo(beside);
      }
    }
  }
}
