package io.github.peft4j.methods.train;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.transformer.pass.ModelInput;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** Small trainings for tests. */
public final class Trainings {

  private Trainings() {}

  /** A tiny Llama in a folder, which is made if it is not there. */
  public static PeftModel bare(Path folder) {
    if (!Files.exists(folder)) {
      TinyModels.copy("tiny-llama", folder);
    }
    return Peft.load(folder.toString());
  }

  /** The same with a LoRA. */
  static PeftModel llama(Path folder) {
    return bare(folder)
        .adapt(LoraConfig.ofRank(4).loraAlpha(8).loraDropout(0.1).targetModules("all-linear"));
  }

  /** Prompts of a few words, all with the same answer. */
  static Dataset<PromptExample> prompts(int count, String answer) {
    Random random = new Random(5);
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String words = "w" + (3 + random.nextInt(20)) + " w" + (3 + random.nextInt(20));
      examples.add(new PromptExample(words, " " + answer));
    }
    return Examples.of(examples);
  }

  /** Prompts of two words, each with its second word as the answer. */
  public static Dataset<PromptExample> echoes(long seed) {
    Random random = new Random(seed);
    List<PromptExample> examples = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      String word = "w" + (3 + random.nextInt(20));
      examples.add(new PromptExample("w" + (3 + random.nextInt(20)) + " " + word, " " + word));
    }
    return Examples.of(examples);
  }

  /** The logits of a short text. */
  public static float[] logits(PeftModel model) {
    try (NDArray logits =
        model.logits(
            ModelInput.of(
                model.base().manager(), new long[][] {{5, 6, 7}}, new long[][] {{1, 1, 1}}))) {
      return Tensors.floats(logits);
    }
  }

  /** The adapter's tensors. */
  static List<float[]> values(PeftModel model) {
    return model.trainables().stream().map(t -> Tensors.floats(t.value())).toList();
  }

  static TrainingListener onStep(Consumer<StepEvent> code) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        code.accept(event);
      }
    };
  }
}
