package io.github.peft4j.methods.dylora;

import static io.github.peft4j.methods.train.Trainings.logits;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonParser;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.combine.Combination;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.train.Resuming;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.step.Activations;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DyLoraTest {

  private static final Offset<Float> CLOSE = Offset.offset(1e-5f);

  @TempDir Path folder;

  private PeftModel llama() {
    return Trainings.bare(folder.resolve("llama"));
  }

  private static DyLoraConfig config() {
    return DyLoraConfig.ofRank(4).frozen(false).loraDropout(0.1);
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(8)
        .batchSize(4)
        .learningRate(1e-2)
        .quiet();
  }

  /** Every rank is used as an ordinary LoRA of this rank computes, beside the model and merged. */
  @Test
  void anyRankIsALora() throws IOException {
    try (PeftModel model = llama().adapt(config())) {
      tuner(model).run();
      float[] whole = logits(model);
      Set<Float> different = new HashSet<>();
      for (int rank = 1; rank <= 4; rank++) {
        InferenceRank.set(model, "default", rank);
        float[] used = logits(model);
        different.add(used[0]);
        assertThat(logits(model.merge())).as("merged %d", rank).containsExactly(used, CLOSE);
        model.unmerge();
        Path plain = folder.resolve("plain-" + rank);
        model.combine("plain", Combination.of("default")).save("plain", plain);
        String written = Files.readString(plain.resolve("adapter_config.json"));
        assertThat(JsonParser.parseString(written).getAsJsonObject().get("peft_type").getAsString())
            .isEqualTo("LORA");
        model.remove("plain").loadAdapter("plain", plain);
        assertThat(model.adapter("plain").trainables().get(0).value().getShape().get(0))
            .isEqualTo(rank);
        model.activate("plain");
        assertThat(logits(model)).as("LoRA of rank %d", rank).containsExactly(used, CLOSE);
        model.remove("plain").activate("default");
      }
      assertThat(different).hasSize(4);
      assertThat(logits(model)).isEqualTo(whole);
    }
  }

  @Test
  void theRankIsSavedWithTheAdapter() {
    Path saved = folder.resolve("saved");
    try (PeftModel model = llama().adapt(config())) {
      tuner(model).run();
      InferenceRank.set(model, "default", 2).save(saved.toString());
      float[] used = logits(model);
      model.remove("default").loadAdapter(saved.toString());
      assertThat(logits(model)).isEqualTo(used);
      assertThat(((DyLoraConfig) model.adapter("default").config()).inferenceRank()).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5})
  void aResumedTrainingDrawsTheSameRanks(int after) {
    Resuming.assertGoesOn(() -> llama().adapt(config()), DyLoraTest::tuner, after, folder);
  }

  /** A step that is split into batches, and one whose layers run twice, have one rank. */
  @Test
  void aStepHasOneRank() {
    DyLoraConfig plain = config().loraDropout(0);
    try (PeftModel whole = llama().adapt(plain);
        PeftModel split = llama().adapt(plain);
        PeftModel dropping = llama().adapt(config());
        PeftModel recomputed = llama().adapt(config())) {
      assertClose(
          tuner(split).batchSize(2).accumulate(2).run().losses(), tuner(whole).run().losses());
      assertClose(
          tuner(recomputed).activations(Activations.RECOMPUTED).run().losses(),
          tuner(dropping).run().losses());
    }
  }

  private static void assertClose(List<Double> losses, List<Double> expected) {
    for (int step = 0; step < expected.size(); step++) {
      assertThat(losses.get(step)).isCloseTo(expected.get(step), Offset.offset(1e-4));
    }
  }

  /** The draws of 400 steps: every multiple, about as often as the others, and nothing else. */
  @Test
  void ranksAreDrawnAlikeFromTheMultiples() {
    DrawnRank rank = new DrawnRank(DyLoraConfig.ofRank(8).rankMultiple(2));
    int[] counts = new int[9];
    for (int step = 0; step < 400; step++) {
      rank.resumed(step, 400);
      rank.draw();
      assertThat(rank.resting()).isEqualTo(rank.training() - 2);
      counts[rank.training()]++;
    }
    for (int b = 1; b <= 8; b++) {
      assertThat(counts[b]).isBetween(b % 2 == 0 ? 70 : 0, b % 2 == 0 ? 130 : 0);
    }
  }

  @Test
  void ranksThatAreNotThereAreRefused() {
    assertThatThrownBy(() -> config().rankMultiple(3))
        .hasMessageContaining("'rank_multiple' is 3")
        .hasMessageContaining("divides r, which is 4");
    try (PeftModel model = llama().adapt(config()).adapt("lora", LoraConfig.ofRank(2))) {
      assertThatThrownBy(() -> InferenceRank.set(model, "default", 5))
          .hasMessageContaining("'inference_rank' is 5")
          .hasMessageContaining("from 1 to r, which is 4");
      assertThatThrownBy(() -> InferenceRank.set(model, "default", 0))
          .hasMessageContaining("'inference_rank' is 0");
      assertThatThrownBy(() -> InferenceRank.set(model, "lora", 1))
          .hasMessageContaining("'lora' is of type LORA; expected a DyLoRA");
      model.activate("default").merge();
      assertThatThrownBy(() -> InferenceRank.set(model, "default", 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("call unmerge() before");
    }
  }
}
