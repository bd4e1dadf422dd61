package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.hira.HiraConfig;
import io.github.peft4j.methods.road.RoadConfig;
import io.github.peft4j.methods.road.RoadVariant;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Merged weights are those of the papers' formulas, computed plainly, element by element. */
class FormulasTest {

  private static final String MODULE = "model.layers.1.self_attn.q_proj";

  /** The module's inputs and outputs. */
  private static final int D = 16;

  /** An element of a matrix. */
  private interface Element {
    double at(int row, int column);
  }

  /** The formula of a method: the merged weight, of the weight and the adapter's tensors by key. */
  private interface Formula {
    Element merged(double[] weight, Map<String, double[]> tensors);
  }

  private static void assertMerged(PeftConfig config, Formula formula) {
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT64).adapt(config)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 3);
      Map<String, double[]> tensors = new HashMap<>();
      model
          .adapter(PeftModel.DEFAULT)
          .tensors()
          .forEach(
              (name, tensor) -> {
                if (name.contains(MODULE) || name.endsWith("bank")) {
                  String key = name.substring(name.lastIndexOf('.') + 1);
                  tensors.put(key, tensor.value().toDoubleArray());
                }
              });
      Element expected = formula.merged(weight(model), tensors);
      model.mergeAndUnload();
      double[] merged = weight(model);
      for (int i = 0; i < D * D; i++) {
        assertThat(merged[i])
            .as("element %d", i)
            .isCloseTo(expected.at(i / D, i % D), Offset.offset(1e-6)); // tensors start in float32
      }
    }
  }

  private static double[] weight(PeftModel model) {
    return model
        .base()
        .parameters()
        .filter(site -> site.name().equals(MODULE + ".weight"))
        .findFirst()
        .orElseThrow()
        .frozen()
        .toDoubleArray();
  }

  private static double[] of(Map<String, double[]> tensors, String key) {
    return requireNonNull(tensors.get(key), key);
  }

  @Test
  void hiraMultipliesTheWeightByOnePlusBa() {
    assertMerged(
        HiraConfig.ofRank(2),
        (w, t) ->
            (row, column) -> {
              double product = 0;
              for (int k = 0; k < 2; k++) {
                product += of(t, "hira_B")[row * 2 + k] * of(t, "hira_A")[k * D + column];
              }
              return w[row * D + column] * (1 + product);
            });
  }

  /** Output i of a group of 8 is paired with output i ± 4. */
  @ParameterizedTest
  @EnumSource
  void roadTurnsPairsOfOutputs(RoadVariant variant) {
    assertMerged(
        RoadConfig.of(variant).groupSize(8),
        (w, t) ->
            (row, column) -> {
              int group = row / 8;
              int place = row % 8;
              int pair = place < 4 ? row + 4 : row - 4;
              int own =
                  switch (variant) {
                    case ROAD_1 -> group * 4 + place % 4;
                    case ROAD_2 -> row;
                    case ROAD_4 -> group * 16 + place;
                  };
              int other = variant == RoadVariant.ROAD_4 ? own + 8 : own;
              double[] theta = of(t, "road_theta");
              double[] alpha = of(t, "road_alpha");
              double turned = alpha[other] * Math.sin(theta[other]) * w[pair * D + column];
              return alpha[own] * Math.cos(theta[own]) * w[row * D + column]
                  + (place < 4 ? -turned : turned);
            });
  }

  @Test
  void vbLoraMixesTheVectorsOfTheLargestLogits() {
    assertMerged(
        VbLoraConfig.ofRank(2).numVectors(6).vectorLength(4).topk(3),
        (w, t) -> {
          double[] bank = of(t, "vblora_vector_bank");
          double[] a = of(t, "vblora_logits_A"); // [2, 4, 6]
          double[] b = of(t, "vblora_logits_B"); // [4, 2, 6]
          return (row, column) -> {
            double sum = w[row * D + column];
            for (int k = 0; k < 2; k++) {
              sum +=
                  mixed(b, ((row / 4) * 2 + k) * 6, bank, row % 4)
                      * mixed(a, (k * 4 + column / 4) * 6, bank, column % 4);
            }
            return sum;
          };
        });
  }

  /** An element of the mixture of three vectors of length 4, by six logits from a place on. */
  private static double mixed(double[] logits, int from, double[] bank, int element) {
    List<Integer> best =
        IntStream.range(0, 6)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer v) -> -logits[from + v]))
            .limit(3)
            .toList();
    double all = best.stream().mapToDouble(v -> Math.exp(logits[from + v])).sum();
    return best.stream()
        .mapToDouble(v -> Math.exp(logits[from + v]) / all * bank[v * 4 + element])
        .sum();
  }
}
