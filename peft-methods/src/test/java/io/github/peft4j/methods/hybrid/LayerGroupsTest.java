package io.github.peft4j.methods.hybrid;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerGroupsTest {

  @TempDir Path folder;

  @Test
  void groupsHaveTheSizesOfThePaper() {
    assertThat(sizes(LayerGroups.spindle(12))).containsExactly(2, 4, 4, 2);
    assertThat(sizes(LayerGroups.spindle(24))).containsExactly(4, 8, 8, 4);
    assertThat(sizes(LayerGroups.spindle(6))).containsExactly(1, 2, 2, 1);
    assertThat(sizes(LayerGroups.uniform(12))).containsExactly(3, 3, 3, 3);
    assertThat(LayerGroups.spindle(12).groups().get(1)).containsExactly(2, 3, 4, 5);
    assertThat(LayerGroups.of(5, 1, 4).groups()).containsExactly(List.of(0), List.of(1, 2, 3, 4));
    assertThatThrownBy(() -> LayerGroups.spindle(2))
        .hasMessageContaining("expected a layer or more in each");
  }

  private static List<Integer> sizes(LayerGroups groups) {
    return groups.groups().stream().map(List::size).toList();
  }

  @Test
  void eachLayerHasAboutTheSameNumberOfParameters() {
    int d = 768;
    long budget = 60_000;
    CompositeConfig s4 = LayerGroups.s4(12, d, budget);
    assertThat(s4.parts()).hasSize(10);
    for (List<Strategy> group : LayerGroups.s4Groups(12, d, budget).strategies()) {
      assertThat(group.stream().mapToLong(strategy -> strategy.parameters(d)).sum())
          .isBetween(budget - 4L * d, budget);
    }
    assertThatThrownBy(() -> LayerGroups.s4(12, d, 10_000))
        .hasMessageContaining("perLayer is 10000; expected 16896 or more");
  }

  @Test
  void aModelHasInEachLayerWhatItsGroupHas() {
    CompositeConfig config =
        LayerGroups.of(2, 1, 1)
            .with(0, Strategy.adapter(4), Strategy.lora(2))
            .with(1, Strategy.prefix(3), Strategy.biases(), Strategy.lora(1))
            .config(16);
    try (PeftModel model = load().adapt(config)) {
      Map<String, Trainable> tensors = model.adapter(PeftModel.DEFAULT).tensors();
      assertThat(names(tensors, "layer.0."))
          .anyMatch(name -> name.contains("adapter_down"))
          .anyMatch(name -> name.contains("lora_A"))
          .noneMatch(name -> name.endsWith("key.bias"));
      assertThat(names(tensors, "layer.1."))
          .noneMatch(name -> name.contains("adapter_down"))
          .anyMatch(name -> name.contains("lora_A"))
          .anyMatch(name -> name.endsWith("key.bias"));
      model.save(folder.toString());
      try (PeftModel again = load()) {
        again.loadAdapter(folder.toString());
        assertThat(again.adapter(PeftModel.DEFAULT).tensors().keySet()).isEqualTo(tensors.keySet());
      }
    }
  }

  private static List<String> names(Map<String, Trainable> tensors, String layer) {
    return tensors.keySet().stream().filter(name -> name.contains(layer)).toList();
  }

  private static PeftModel load() {
    return Peft.load(TinyModels.golden("tiny-bert").toString());
  }

  @Test
  void loraIsInTheLayersOfItsGroup() {
    CompositeConfig config =
        LayerGroups.spindle(12).with(1, Strategy.adapter(48), Strategy.lora(8)).config(768);
    assertThat(((LoraConfig) config.parts().get(1)).targets().layersToTransform())
        .containsExactly(2, 3, 4, 5);
    assertThatThrownBy(() -> Strategy.lora(0)).hasMessageContaining("expected 1 or more");
  }
}
