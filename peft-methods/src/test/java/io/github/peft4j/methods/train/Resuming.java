package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.PeftModel;
import io.github.peft4j.train.FineTuner;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/** Trainings that die and go on. */
public final class Resuming {

  private Resuming() {}

  private static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  /**
   * Trains twice: without an interruption, and killed in the step after a checkpoint and resumed on
   * another model. Losses and saved tensors must be the same.
   *
   * @param model loads the model with a fresh adapter
   * @param tuner the training
   * @param after step of the checkpoint
   * @return the folder with the adapter of the training that never stopped
   */
  public static Path assertGoesOn(
      Supplier<PeftModel> model, Function<PeftModel, FineTuner> tuner, int after, Path folder) {
    Path run = folder.resolve("run");
    Path whole = folder.resolve("whole");
    Path continued = folder.resolve("continued");
    try (PeftModel first = model.get();
        PeftModel killed = model.get();
        PeftModel resumed = model.get()) {
      List<Double> losses = tuner.apply(first).run().losses();
      first.save(whole.toString());
      FineTuner dying =
          tuner
              .apply(killed)
              .checkpointTo(run)
              .checkpointEvery(after)
              .listener(
                  Trainings.onStep(
                      event -> {
                        if (event.step() == after + 1) {
                          throw new Killed();
                        }
                      }));
      assertThatThrownBy(dying::run).isInstanceOf(Killed.class);
      assertThat(tuner.apply(resumed).checkpointTo(run).run().losses()).isEqualTo(losses);
      resumed.save(continued.toString());
    }
    assertThat(continued.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("adapter_model.safetensors"));
    return whole;
  }
}
