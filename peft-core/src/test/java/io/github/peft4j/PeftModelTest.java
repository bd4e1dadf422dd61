package io.github.peft4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adapters of the toy method on a tiny model. */
class PeftModelTest {

  private static final long[][] IDS = {{1, 5, 7, 9}, {1, 8, 6, 4}};
  private static final ToyConfig QUERIES = ToyConfig.of(2, 0.5).targetModules("q_proj");

  @TempDir Path folder;
  @TempDir Path adapters;
  private PeftModel model;

  @BeforeEach
  void load() throws IOException {
    model = Peft.load(TinyLlama.write(folder).toString());
  }

  @AfterEach
  void close() {
    model.close();
  }

  /** An adapter of the output alone: its logits are scale y + shift Σh. */
  private static ToyConfig output(double scale, double shift) {
    return ToyConfig.of(scale, shift).targetModules("lm_head");
  }

  private float[] logits(TextModel with) {
    try (NDArray logits = with.logits(ModelInput.of(model.base().manager(), IDS, null))) {
      return Tensors.floats(logits);
    }
  }

  private static void assertClose(float[] present, float[] expected) {
    assertThat(present).hasSameSizeAs(expected);
    for (int i = 0; i < present.length; i++) {
      assertThat(present[i]).as("element %d", i).isCloseTo(expected[i], within(1e-4f));
    }
  }

  /** Further than what {@link #assertClose} takes for the same. */
  private static void assertFar(float[] present, float[] other) {
    double most = 0;
    for (int i = 0; i < present.length; i++) {
      most = Math.max(most, Math.abs(present[i] - other[i]));
    }
    assertThat(most).isGreaterThan(1e-2);
  }

  @Test
  void namesAGpuThatIsNotThere() {
    int gpus = PyTorch.engine().getGpuCount();
    assertThatThrownBy(() -> Peft.from(folder).device(Device.gpu(gpus)).load())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(
            "there is no gpu(" + gpus + "): PyTorch finds " + gpus + " CUDA GPUs");
  }

  @Test
  void anAdapterChangesWhatItsMethodSays() {
    float[] y = logits(model);
    model.adapt(output(2, 0));
    float[] twice = logits(model);
    for (int i = 0; i < y.length; i++) {
      assertThat(twice[i]).isEqualTo(2 * y[i]); // exact: a factor of two
    }
    assertThat(model.active().adapters()).containsExactly("default");
    assertThat(logits(model.disable())).isEqualTo(y);
    assertThat(logits(model.enable())).isEqualTo(twice);
  }

  @Test
  void aFreshAdapterThatChangesNothingComputesTheFrozenModel() {
    float[] y = logits(model);
    assertThat(logits(model.adapt(ToyConfig.of(1, 0).targetModules("all-linear")))).isEqualTo(y);
  }

  @Test
  void compositionsOfAWholeModelAreThoseOfItsOutput() {
    float[] y = logits(model);
    float[] sum = logits(model.adapt("sum", output(1, 1))); // y + Σh
    for (int i = 0; i < y.length; i++) {
      sum[i] -= y[i];
    }
    model.adapt("a", output(2, 1)).adapt("b", output(3, -1));
    float[] stack = logits(model.using("a", "b"));
    float[] average = logits(model.using(Composition.average("a", "b").weights(3, 1)));
    float[] perRow = logits(model.using(Composition.perRow("a", Composition.BASE)));
    float[] split = logits(model.using(Composition.batchSplit(List.of(1, 1), "b", "a")));
    float[] parallel = logits(model.using(Composition.parallel("a", "b")));
    int row = y.length / 2;
    float[] expected = new float[y.length];
    for (int i = 0; i < y.length; i++) {
      expected[i] = 6 * y[i] + 2 * sum[i];
    }
    assertClose(stack, expected);
    for (int i = 0; i < y.length; i++) {
      expected[i] = (9 * y[i] + 2 * sum[i]) / 4;
    }
    assertClose(average, expected);
    for (int i = 0; i < y.length; i++) {
      expected[i] = i < row ? 2 * y[i] + sum[i] : y[i];
    }
    assertClose(perRow, expected);
    for (int i = 0; i < y.length; i++) {
      expected[i] = i < row ? 3 * y[i] - sum[i] : 2 * y[i] + sum[i];
    }
    assertClose(split, expected);
    assertClose(Arrays.copyOf(parallel, y.length), logits(model.using("a")));
    assertClose(Arrays.copyOfRange(parallel, y.length, 2 * y.length), logits(model.using("b")));
  }

  @Test
  void aViewComputesWithItsAdaptersWhateverIsActive() {
    float[] a = logits(model.adapt("a", output(2, 0)));
    float[] b = logits(model.adapt("b", output(3, 0)));
    assertThat(model.active().adapters()).containsExactly("b");
    AdapterView view = model.using("a");
    assertThat(logits(view)).isEqualTo(a);
    assertThat(logits(model)).isEqualTo(b);
    model.activate("a");
    assertThat(logits(model)).isEqualTo(a);
    assertThat(logits(model.using("b"))).isEqualTo(b);
    assertThat(logits(view)).isEqualTo(a);
  }

  @Test
  void anAdapterIsRenamed() {
    float[] a = logits(model.adapt("a", output(2, 0)));
    model.rename("a", "b");
    assertThat(model.adapters()).containsOnlyKeys("b");
    assertThat(model.active().adapters()).containsExactly("b");
    assertThat(logits(model)).isEqualTo(a);
    assertThatThrownBy(() -> model.adapter("a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there is no adapter 'a'; there are [b]");
  }

  @Test
  void anAdapterIsRemovedAndItsTensorsAreFreed() {
    float[] y = logits(model);
    long live = Tensors.live();
    model.adapt("a", QUERIES);
    assertThat(Tensors.live()).isGreaterThan(live);
    model.remove("a");
    assertThat(Tensors.live()).isEqualTo(live);
    assertThat(model.adapters()).isEmpty();
    assertThat(logits(model)).isEqualTo(y);
    model.adapt("a", QUERIES); // the name is free again
  }

  @Test
  void whatIsSavedIsLoadedAsItWas() throws IOException {
    model.adapt("a", QUERIES.layersToTransform(1).modulesToSave("up_proj"));
    for (Trainable tensor : model.trainables()) {
      try (NDArray detached = Autograd.detach(tensor.value());
          NDArray trained = detached.add(0.25)) {
        Tensors.copy(tensor.value(), trained);
      }
    }
    float[] a = logits(model);
    model.save("a", adapters.resolve("a"));
    assertThat(Files.readString(adapters.resolve("a/adapter_config.json")))
        .contains("\"peft_type\": \"TOY\"", "\"scale\": 2.0", "\"q_proj\"");

    model.remove("a");
    assertThat(logits(model)).isNotEqualTo(a);
    model.loadAdapter("b", adapters.resolve("a"));
    assertThat(model.active().adapters()).containsExactly("b");
    assertThat(logits(model)).isEqualTo(a);
    assertThat(model.adapter("b").config())
        .isEqualTo(QUERIES.layersToTransform(1).modulesToSave("up_proj"));
    // A second one changes nothing about what is active.
    model.loadAdapter("c", adapters.resolve("a"));
    assertThat(model.active().adapters()).containsExactly("b");
  }

  @Test
  void mergedWeightsComputeWhatTheAdapterDoesAndUnmergingIsExact() {
    float[] y = logits(model);
    float[] adapted = logits(model.adapt(ToyConfig.of(1.5, 0.01).targetModules("all-linear")));
    assertFar(adapted, y);
    model.merge();
    assertThat(model.isMerged()).isTrue();
    assertClose(logits(model), adapted);
    assertThatThrownBy(() -> model.merge()).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> model.adapt("b", QUERIES))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("adapters are merged into the weights: unmerge() first");
    model.unmerge();
    assertThat(logits(model)).isEqualTo(adapted);
    assertThat(logits(model.disable())).isEqualTo(y);
  }

  @Test
  void aStackIsMergedInItsOrder() {
    float[] y = logits(model);
    // Of queries, 0.5 (2q + 0.5 Σx) - Σx = q - 0.75 Σx, and the other way round q - 1.5 Σx.
    model.adapt("a", QUERIES).adapt("b", ToyConfig.of(0.5, -1).targetModules("q_proj"));
    float[] forth = logits(model.activate("a", "b"));
    assertFar(forth, y);
    assertClose(logits(model.merge()), forth);
    model.unmerge();
    float[] back = logits(model.activate("b", "a"));
    assertFar(back, y);
    assertFar(back, forth);
    assertClose(logits(model.merge()), back);
  }

  @Test
  void rowsOfABatchAreNotMerged() {
    model.adapt("a", QUERIES).adapt("b", QUERIES);
    model.activate(Composition.perRow("a", "b"));
    float[] before = logits(model);
    assertThatThrownBy(() -> model.merge())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("perRow(a, b) cannot be merged: the rows of a batch share their weights");
    assertThat(model.isMerged()).isFalse();
    assertThat(logits(model)).isEqualTo(before);
  }

  @Test
  void anAdapterIsMergedForGood() {
    float[] y = logits(model);
    float[] adapted = logits(model.adapt(ToyConfig.of(1.5, 0.01).targetModules("all-linear")));
    assertFar(adapted, y);
    TransformerModel plain = model.mergeAndUnload();
    assertThat(model.adapters()).isEmpty();
    try (NDArray logits = plain.logits(ModelInput.of(plain.manager(), IDS, null))) {
      assertClose(Tensors.floats(logits), adapted);
    }
  }

  @Test
  void theStatusCountsLayersAndParameters() {
    model.adapt("a", ToyConfig.of(1, 0).targetModules("q_proj", "v_proj").excludeModules("v_proj"));
    ModelStatus.AdapterStatus status = model.status().adapters().get(0);
    assertThat(status.type()).isEqualTo("TOY");
    assertThat(status.layers()).isEqualTo(2); // q_proj of two layers
    assertThat(status.parameters()).isEqualTo(4); // two numbers each
    assertThat(status.active()).isTrue();
    assertThat(model.trainables()).hasSize(4);
    model.freeze("a");
    assertThat(model.trainables()).isEmpty();
    assertThat(model.status().adapters().get(0).trainable()).isFalse();
  }

  @Test
  void errorsSayWhatIsWrongAndLeaveTheModelAsItWas() {
    float[] a = logits(model.adapt("a", QUERIES));
    long live = Tensors.live();
    assertThatThrownBy(() -> model.adapt("a", QUERIES))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("there is an adapter 'a' already", "take another name");
    assertThatThrownBy(() -> model.adapt(Composition.BASE, QUERIES))
        .hasMessageContaining("this means the frozen model alone");
    assertThatThrownBy(() -> model.adapt("b", QUERIES.targetModules("q_porj")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("target_modules [q_porj]", "model.layers.*.self_attn.q_proj");
    assertThatThrownBy(() -> model.adapt("b", QUERIES.modulesToSave("up_porj")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("modules_to_save up_porj", "model.layers.*.mlp.up_proj");
    assertThatThrownBy(() -> ToyConfig.of(0, 0))
        .hasMessage("ToyConfig: field 'scale' is 0.0; expected a number above 0");
    for (String name : List.of("b", "c")) {
      String missing = "there is no adapter '" + name + "'; there are [a]";
      assertThatThrownBy(() -> model.activate(name)).hasMessage(missing);
      assertThatThrownBy(() -> model.using(name)).hasMessage(missing);
      assertThatThrownBy(() -> model.remove(name)).hasMessage(missing);
      assertThatThrownBy(() -> model.save(name, adapters.resolve("no"))).hasMessage(missing);
    }
    assertThat(adapters.resolve("no")).doesNotExist();
    assertThat(Tensors.live()).isEqualTo(live);
    assertThat(model.active().adapters()).containsExactly("a");
    assertThat(logits(model)).isEqualTo(a);
  }

  @Test
  void aClosedModelRefusesCalls() {
    model.adapt("a", QUERIES);
    model.close();
    assertThatThrownBy(() -> logits(model)).isInstanceOf(IllegalStateException.class);
  }
}
