package io.github.peft4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Embedding tables in the host's memory. What needs a GPU is skipped without one. */
class OffloadTest {

  private static final long[][] IDS = {{3, 4, 5, 200, 9, 7, 31, 8}, {1, 2, 3, 4, 5, 6, 7, 8}};

  @TempDir Path folder;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.writeUntied(folder);
  }

  private PeftModel load(Device device, boolean offloads) {
    Peft.Loader loader = Peft.from(folder).device(device);
    return (offloads ? loader.offloadEmbeddings() : loader).load();
  }

  private static ParameterSite table(PeftModel model) {
    return model
        .base()
        .parameters()
        .filter(site -> site.name().endsWith("embed_tokens.weight"))
        .findFirst()
        .orElseThrow();
  }

  /** Losses of steps, also of such as are CUDA graphs. */
  private static List<Double> losses(PeftModel model) {
    System.setProperty("peft4j.cudaGraphs", "always");
    model.adapt(ToyConfig.of(1, 0.01f).targetModules("all-linear"));
    List<Double> losses = new ArrayList<>();
    try (Backpropagation passes = new Backpropagation(model, Activations.RECOMPUTED);
        Scope scope = new Scope()) {
      assertThat(scope).isNotNull();
      for (int i = 0; i < 5; i++) {
        ModelInput input = ModelInput.of(model.base().manager(), IDS, null);
        losses.add(passes.run(input, new LossTargets.NextTokens(IDS), 1, i));
      }
    } finally {
      System.clearProperty("peft4j.cudaGraphs");
    }
    return losses;
  }

  private void assertSame(Device device) {
    try (PeftModel plain = load(device, false);
        PeftModel offloaded = load(device, true);
        Scope scope = new Scope()) {
      assertThat(scope).isNotNull();
      NDArray table = table(offloaded).frozen();
      assertThat(table.getDevice()).isEqualTo(device);
      assertThat(Tensors.floats(table)).isEqualTo(Tensors.floats(table(plain).frozen()));
      assertThat(losses(offloaded)).isEqualTo(losses(plain));
    }
  }

  @Test
  void aGpuReadsTheRowsOfATableOnTheHost() {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "SKIPPED: there is no NVIDIA GPU");
    try (PeftModel model = load(Device.gpu(), false)) {
      assertThat(model.base().offloadEmbeddings()).isTrue();
      assertThat(model.base().offloadEmbeddings()).as("it is there already").isFalse();
    }
    assertSame(Device.gpu());
  }

  @Test
  void aTableThatTheHeadReadsStaysWhereItIs() throws IOException {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "SKIPPED: there is no NVIDIA GPU");
    TinyLlama.write(folder);
    try (PeftModel model = load(Device.gpu(), false)) {
      assertThat(model.base().offloadEmbeddings()).isFalse();
    }
  }

  @Test
  void aCpuKeepsItsTable() {
    assertSame(Device.cpu());
  }
}
