package io.github.peft4j.methods.reft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReftTest {

  private static final String X = "parametrizations.weight.original";

  @TempDir Path folder;

  private static PeftModel load(String name) {
    return Peft.load(TinyModels.golden(name).toString());
  }

  private static float[] logits(PeftModel model, long[][] ids, long @Nullable [][] mask) {
    return Tensors.floats(model.logits(ModelInput.of(model.base().manager(), ids, mask)));
  }

  /** PyTorch cuts the diagonal to whole numbers: a decayed −1 would make R zero. */
  @Test
  void decayLeavesTheSignsOfAnOrthogonalProjection() {
    long[][] ids = {{5, 6, 7, 8}};
    try (PeftModel model = load("tiny-bert").adapt(ReftConfig.loReft().r(2))) {
      float[] before = logits(model, ids, null);
      for (Map.Entry<String, Trainable> tensor :
          model.adapter(PeftModel.DEFAULT).tensors().entrySet()) {
        if (tensor.getKey().contains("units.0") && tensor.getKey().endsWith(X)) {
          tensor.getValue().value().muli(0.999f);
        }
      }
      assertThat(logits(model, ids, null)).containsExactly(before, within(1e-6f));
      model.save(folder.toString());
      try (Safetensors file = Safetensors.open(folder.resolve("adapter_model.safetensors"))) {
        String name = file.names().stream().filter(n -> n.endsWith(X)).findFirst().orElseThrow();
        assertThat(file.floats(name)[0]).isEqualTo(-1);
      }
      try (PeftModel again = load("tiny-bert")) {
        again.loadAdapter(folder.toString());
        assertThat(logits(again, ids, null)).containsExactly(before, within(1e-6f));
      }
    }
  }

  @Test
  void aRankIsNoLargerThanTheStates() {
    try (PeftModel model = load("tiny-bert")) {
      assertThatThrownBy(() -> model.adapt(ReftConfig.loReft().r(17)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("field 'r' is 17", "at most 16");
    }
  }

  @Test
  void aTextIsChangedAtItsOwnEnds() {
    long[][] alone = {{5, 6, 7, 8}};
    long[][] padded = {{5, 6, 7, 8, 0, 0}, {9, 8, 7, 6, 5, 4}};
    long[][] mask = {{1, 1, 1, 1, 0, 0}, {1, 1, 1, 1, 1, 1}};
    ReftConfig config = ReftConfig.diReft().r(2).prefixPositions(1).suffixPositions(1);
    try (PeftModel model = load("tiny-llama").adapt(config)) {
      float[] one = logits(model, alone, null);
      float[] both = logits(model, padded, mask);
      assertThat(java.util.Arrays.copyOf(both, one.length)).containsExactly(one, within(1e-5f));
    }
  }

  @Test
  void whatCannotBeIsRefused() {
    try (PeftModel model = load("tiny-t5")) {
      assertThatThrownBy(() -> model.adapt(ReftConfig.loReft().suffixPositions(2)))
          .isInstanceOf(UnsupportedMethodException.class)
          .hasMessageContainingAll("'suffix_positions' is 2", "decoder", "expected 0");
      assertThatThrownBy(() -> model.adapt(ReftConfig.loReft().layers(ReftLayers.of(0, 9))))
          .hasMessageContainingAll("'layers' is [0, 9]", "expected indices below 4");
      assertThat(model.adapters()).isEmpty();
      model.adapt(ReftConfig.loReft().suffixPositions(2).layers(ReftLayers.of(0, 1)));
    }
    assertThatThrownBy(() -> ReftConfig.loReft().prefixPositions(0))
        .hasMessageContainingAll("'prefix_positions' is 0", "expected a number above 0");
    assertThatThrownBy(() -> ReftLayers.of(-1)).hasMessageContaining("indices of at least 0");
  }

  @Test
  void adapterHubHasTheSameMapsInEachLayer() {
    try (PeftModel model = load("tiny-bert")) {
      model.adapt("some", LoraConfig.ofRank(2).targetModules("0.attention.self.query", "value"));
      assertThatThrownBy(() -> model.saveAdapterHub("some", folder))
          .isInstanceOf(UnsupportedMethodException.class)
          .hasMessageContainingAll("layer.1.attention.self.query has none", "by save(folder)");
      model.adapt("out", LoraConfig.ofRank(2).targetModules("attention.output.dense"));
      assertThatThrownBy(() -> model.saveAdapterHub("out", folder))
          .hasMessageContaining("attention.output.dense is none of");
      model.adapt("ranks", LoraConfig.ofRank(2).rankPattern(Map.of("query", 4)));
      assertThatThrownBy(() -> model.saveAdapterHub("ranks", folder))
          .hasMessageContaining("'rank_pattern' is {query=4}");
      assertThat(Files.exists(folder.resolve("adapter_config.json"))).isFalse();
    }
  }
}
