package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.quantization.float8.Float8;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever throws while adapters are merged, at whatever weight: the model is what it was. */
class MergeFailureTest {

  @TempDir Path folder;

  /** A layer that changes nothing and cannot be merged the n-th time, nor later. */
  private static final class Failing extends TunerLayer<NDArray, NDArray> implements Mergeable {

    private int left;

    Failing(int left) {
      this.left = left;
    }

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      return base.forward(x);
    }

    @Override
    public NDArray merge(NDArray weight) {
      if (left-- <= 0) {
        throw new IllegalStateException("no memory left");
      }
      return weight.add(1);
    }
  }

  private static float[] logits(TextModel model) {
    try (NDArray ids =
            model.base().manager().create(new long[] {4, 9, 30, 7, 12, 5}, new Shape(2, 3));
        NDArray logits = model.logits(ModelInput.of(ids))) {
      return Tensors.floats(logits);
    }
  }

  private PeftModel model(Precision precision, int place, int merges) {
    return model(loader().precision(precision), place, merges);
  }

  private Peft.Loader loader() {
    Path origin = folder.resolve("llama");
    if (!Files.exists(origin)) {
      TinyModels.copy("tiny-llama", origin);
    }
    return Peft.from(origin);
  }

  private static PeftModel model(Peft.Loader loader, int place, int merges) {
    PeftModel model = loader.load();
    model.adapt(
        LoraConfig.ofRank(2)
            .targetModules("q_proj", "v_proj", "embed_tokens")
            .initLoraWeights(LoraInitialization.RANDOM));
    List<LinearSite> others =
        model
            .base()
            .sites()
            .filter(LinearSite.class::isInstance)
            .map(LinearSite.class::cast)
            .filter(site -> model.adapter(PeftModel.DEFAULT).layer(site) == null)
            .toList();
    Site<NDArray, NDArray> site = others.get(place < 0 ? others.size() - 1 : place);
    layersOf(model.adapter(PeftModel.DEFAULT)).put(site, new Failing(merges));
    return model.activate(PeftModel.DEFAULT);
  }

  /** A layer that fails can only be put in from behind: users cannot reach an adapter's layers. */
  private static AdapterLayers layersOf(Adapter adapter) {
    try {
      Method layers = Adapter.class.getDeclaredMethod("layers");
      layers.setAccessible(true);
      return (AdapterLayers) layers.invoke(adapter);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, -1})
  void weightsInEightBitsAreInEightBitsAgain(int place) {
    System.setProperty(Float8.EMULATED, "true");
    try (PeftModel model = model(loader().quantize(Float8.TWO_LAYOUTS), place, 1)) {
      float[] adapted = logits(model);
      float[] plain = logits(model.disable());
      model.enable();
      long live = Tensors.live();
      long eight = model.base().parameters().filter(ParameterSite::isQuantized).count();

      assertThatThrownBy(model::mergeAndUnload).hasMessageContaining("no memory left");

      assertUnchanged(model, adapted, plain);
      assertThat(Tensors.live()).isEqualTo(live);
      assertThat(model.base().parameters().filter(ParameterSite::isQuantized).count())
          .isPositive()
          .isEqualTo(eight);
    } finally {
      System.clearProperty(Float8.EMULATED);
    }
  }

  @ParameterizedTest(name = "{0}, place {1}, after {2} merges")
  @CsvSource({
    "FLOAT32, 0, 0", "FLOAT32, 5, 0", "FLOAT32, -1, 0",
    "FLOAT32, 0, 1", "FLOAT32, 5, 1", "FLOAT32, -1, 1",
    "BFLOAT16, 5, 1", "FLOAT64, -1, 1"
  })
  void aModelIsWhatItWas(Precision precision, int place, int merges) {
    try (PeftModel model = model(precision, place, merges)) {
      float[] adapted = logits(model);
      float[] plain = logits(model.disable());
      model.enable();
      long live = Tensors.live();
      if (merges == 0) {
        assertThatThrownBy(model::merge).hasMessageContaining("no memory left");
        assertUnchanged(model, adapted, plain);
        Path merged = folder.resolve("merged");
        assertThatThrownBy(() -> model.saveMerged(merged.toString()))
            .hasMessageContaining("no memory left");
        assertUnchanged(model, adapted, plain);
        assertThat(merged.resolve("model.safetensors")).doesNotExist();
        assertThat(merged.resolve("config.json")).doesNotExist();
      }
      assertThatThrownBy(model::mergeAndUnload).hasMessageContaining("no memory left");
      assertUnchanged(model, adapted, plain);
      assertThat(Tensors.live()).isEqualTo(live);
      assertThat(model.baseSha256()).isNotNull();
    }
  }

  /** A layer that stands for another thread, which begins a training while weights are merged. */
  private static final class Beginning extends TunerLayer<NDArray, NDArray> implements Mergeable {

    private final Runnable begin;

    Beginning(Runnable begin) {
      this.begin = begin;
    }

    @Override
    public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
      return base.forward(x);
    }

    @Override
    public NDArray merge(NDArray weight) {
      begin.run();
      return weight.add(1);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTrainingThatBeginsMeanwhileIsNotMergedAway(boolean forGood) {
    try (PeftModel model = model(Precision.FLOAT32, 0, 99)) {
      List<AdapterTraining> begun = new ArrayList<>();
      LinearSite free =
          model
              .base()
              .sites()
              .filter(LinearSite.class::isInstance)
              .map(LinearSite.class::cast)
              .filter(site -> model.adapter(PeftModel.DEFAULT).layer(site) == null)
              .findFirst()
              .orElseThrow();
      Runnable begin =
          () -> {
            if (begun.isEmpty()) {
              begun.add(model.train(PeftModel.DEFAULT));
            }
          };
      layersOf(model.adapter(PeftModel.DEFAULT)).put(free, new Beginning(begin));
      model.activate(PeftModel.DEFAULT);
      float[] adapted = logits(model);
      float[] plain = logits(model.disable());
      model.enable();
      assertThatThrownBy(
              () -> {
                if (forGood) {
                  model.mergeAndUnload();
                } else {
                  model.merge();
                }
              })
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("adapter 'default' is being trained and cannot be merged");
      assertUnchanged(model, adapted, plain);
      begun.get(0).close();
    }
  }

  private static void assertUnchanged(PeftModel model, float[] adapted, float[] plain) {
    assertThat(model.isMerged()).isFalse();
    assertThat(logits(model)).isEqualTo(adapted);
    assertThat(logits(model.disable())).isEqualTo(plain);
    assertThat(logits(model.enable())).isEqualTo(adapted);
    assertThat(model.base().parameters().noneMatch(parameter -> parameter.hasChanged())).isTrue();
  }
}
