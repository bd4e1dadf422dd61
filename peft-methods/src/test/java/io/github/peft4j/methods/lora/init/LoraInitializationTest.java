package io.github.peft4j.methods.lora.init;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.PlainLora;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.LinearSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraInitializationTest {

  private static final String MODULE = "model.layers.0.mlp.down_proj"; // W (16, 24)
  private static final int OUT = 16;
  private static final int IN = 24;

  @TempDir Path folder;

  private static PeftModel model() {
    return Peft.load(TinyModels.golden("tiny-llama").toString());
  }

  private static LoraConfig config(int r, LoraInitialization initialization) {
    return LoraConfig.ofRank(r)
        .loraAlpha(2 * r)
        .targetModules("down_proj", "q_proj")
        .initLoraWeights(initialization);
  }

  private static double[][] matrix(float[] values, int columns) {
    double[][] rows = new double[values.length / columns][columns];
    for (int i = 0; i < values.length; i++) {
      rows[i / columns][i % columns] = values[i];
    }
    return rows;
  }

  private static double[][] tensor(PeftModel model, String key, int columns) {
    Trainable tensor =
        Objects.requireNonNull(
            model.adapter("default").tensors().get("base_model.model." + MODULE + "." + key));
    return matrix(Tensors.floats(tensor.value()), columns);
  }

  private static double[][] weight(PeftModel model) {
    LinearSite site = Objects.requireNonNull(model.base().site(LinearSite.class, MODULE));
    return matrix(Tensors.floats(site.weight().frozen()), IN);
  }

  private static double[][] product(double[][] x, double[][] y) {
    double[][] z = new double[x.length][y[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < y[0].length; j++) {
        for (int k = 0; k < y.length; k++) {
          z[i][j] += x[i][k] * y[k][j];
        }
      }
    }
    return z;
  }

  private static double[][] transposed(double[][] x) {
    double[][] z = new double[x[0].length][x.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x[0].length; j++) {
        z[j][i] = x[i][j];
      }
    }
    return z;
  }

  private static double[][] sum(double[][] x, double factor, double[][] y) {
    double[][] z = new double[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < x[0].length; j++) {
        z[i][j] = x[i][j] + factor * y[i][j];
      }
    }
    return z;
  }

  private static void assertEqual(double[][] actual, double[][] expected, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).as("row %s", i).containsExactly(expected[i], within(tolerance));
    }
  }

  /** The largest singular value, by power iteration. */
  private static double norm(double[][] x) {
    Random random = new Random(1);
    double[][] v = new double[x[0].length][1];
    for (double[] row : v) {
      row[0] = random.nextGaussian();
    }
    double length = 1;
    for (int i = 0; i < 2000; i++) {
      v = product(transposed(x), product(x, v));
      double square = 0;
      for (double[] row : v) {
        square += row[0] * row[0];
      }
      length = Math.sqrt(square);
      for (double[] row : v) {
        row[0] /= length;
      }
    }
    return Math.sqrt(length);
  }

  @Test
  void pissaTakesTheLargestSingularValues() {
    try (PeftModel model = model().adapt(config(3, LoraInitialization.PISSA))) {
      double scale = 2;
      double[][] a = tensor(model, "lora_A.weight", IN); // √(S/s) Vᵀ
      double[][] b = tensor(model, "lora_B.weight", 3); // U √(S/s)
      double[][] w = weight(model);
      double[][] squares = product(a, transposed(a)); // S/s
      assertEqual(product(transposed(b), b), squares, 1e-5);
      for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
          assertThat(squares[i][j]).isCloseTo(i == j ? squares[i][i] : 0, within(1e-5));
        }
        assertThat(squares[i][i])
            .isLessThanOrEqualTo(squares[Math.max(0, i - 1)][Math.max(0, i - 1)]);
      }
      double[][] remaining = sum(w, -scale, product(b, a));
      assertEqual(product(remaining, transposed(a)), new double[OUT][3], 1e-5);
      assertThat(norm(remaining)).isLessThanOrEqualTo(scale * squares[2][2] + 1e-5);
    }
  }

  @Test
  void fastPissaComesNearTheExactOne() {
    double[][] exact;
    try (PeftModel model = model().adapt(config(3, LoraInitialization.PISSA))) {
      exact = product(tensor(model, "lora_B.weight", 3), tensor(model, "lora_A.weight", IN));
    }
    try (PeftModel model = model().adapt(config(3, LoraInitialization.pissa(500)))) {
      double[][] fast =
          product(tensor(model, "lora_B.weight", 3), tensor(model, "lora_A.weight", IN));
      assertEqual(fast, exact, 1e-4);
    }
  }

  @Test
  void oloraTakesTheFirstColumnsAndRows() {
    try (PeftModel model = model().adapt(config(3, LoraInitialization.OLORA))) {
      double[][] a = tensor(model, "lora_A.weight", IN);
      double[][] b = tensor(model, "lora_B.weight", 3);
      double[][] w = weight(model);
      assertEqual(
          product(transposed(b), b), new double[][] {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, 1e-5);
      double[][] ba = product(b, a);
      for (int i = 0; i < OUT; i++) {
        for (int j = 0; j < 3; j++) {
          assertThat(ba[i][j]).isCloseTo(w[i][j], within(1e-5));
        }
      }
      assertEqual(product(transposed(b), w), a, 1e-5);
    }
  }

  @Test
  void orthogonalFactorsCancel() {
    try (PeftModel model = model().adapt(config(4, LoraInitialization.ORTHOGONAL))) {
      double[][] a = tensor(model, "lora_A.weight", IN);
      double[][] b = tensor(model, "lora_B.weight", 4);
      assertEqual(product(b, a), new double[OUT][IN], 1e-6);
      assertThat(norm(a)).isBetween(0.2, 1.5);
      assertThat(norm(b)).isBetween(0.2, 1.5);
      assertThatThrownBy(() -> model.adapt("odd", config(3, LoraInitialization.ORTHOGONAL)))
          .hasMessageContaining("expected an even rank");
    }
  }

  @Test
  void aRankAboveTheWeightsIsRefused() {
    try (PeftModel model = model()) {
      assertThatThrownBy(() -> model.adapt(config(17, LoraInitialization.PISSA)))
          .hasMessageContaining("'r' is 17, but model.layers.0")
          .hasMessageContaining("up to 16");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void otherInitialisationsAreRefused() throws IOException {
    try (PeftModel model = model().adapt(config(2, LoraInitialization.PISSA))) {
      model.save(folder.toString());
      Path file = folder.resolve("adapter_config.json");
      for (String other : new String[] {"lora_ga", "mica", "pissa_niter_x"}) {
        Files.writeString(
            file,
            Files.readString(file)
                .replaceAll(
                    "\"init_lora_weights\": \"\\w+\"", "\"init_lora_weights\": \"" + other + "\""));
        assertThatThrownBy(() -> model.loadAdapter("other", folder))
            .isInstanceOf(UnsupportedMethodException.class)
            .hasMessageContaining("'init_lora_weights' is \"" + other + "\"; supported are")
            .hasMessageContaining("path_initial_model_for_weight_conversion");
      }
    }
    assertThat(LoraInitialization.fromJson(JsonParser.parseString("\"pissa_niter_16\"")))
        .isEqualTo(LoraInitialization.pissa(16));
  }

  private static float[] logits(PeftModel model) {
    try (Scope scope = new Scope()) {
      long[][] ids = {{5, 6, 7, 30, 8}, {9, 4, 12, 5, 39}};
      return Tensors.floats(model.logits(ModelInput.of(model.base().manager(), ids, null)));
    }
  }

  private static void perturb(Adapter adapter) {
    Random random = new Random(4);
    for (Trainable tensor : adapter.trainables()) {
      float[] values = Tensors.floats(tensor.value());
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (0.1 * random.nextGaussian());
      }
      try (NDArray array = tensor.value().getManager().create(values, tensor.value().getShape())) {
        Tensors.copy(tensor.value(), array);
      }
    }
  }

  private static void assertClose(float[] actual, float[] expected) {
    assertThat(actual).containsExactly(expected, org.assertj.core.data.Offset.offset(2e-4f));
  }

  @Test
  void theStartIsFoundAgainWithoutTheFileBeside() throws IOException {
    for (LoraInitialization initialization :
        new LoraInitialization[] {
          LoraInitialization.PISSA, LoraInitialization.pissa(2), LoraInitialization.OLORA
        }) {
      float[] trained;
      try (PeftModel model = model().adapt(config(3, initialization))) {
        perturb(model.adapter("default"));
        trained = logits(model);
        assertThat(trained).isNotEqualTo(logits(model.disable()));
        model.save("default", folder);
      }
      Files.delete(folder.resolve("peft4j_training.safetensors"));
      try (PeftModel model = model().loadAdapter(folder.toString())) {
        assertClose(logits(model), trained);
      }
    }
  }

  @Test
  void aPlainCopyComputesTheSame() {
    LoraConfig[] configs = {
      config(3, LoraInitialization.PISSA),
      config(3, LoraInitialization.OLORA).useRslora(true),
      config(2, LoraInitialization.PISSA).useDora(true).rankPattern(java.util.Map.of("q_proj", 4)),
      config(2, LoraInitialization.DEFAULT)
    };
    for (LoraConfig config : configs) {
      try (PeftModel model = model().adapt(config)) {
        perturb(model.adapter("default"));
        float[] trained = logits(model);
        assertClose(logits(PlainLora.of(model, "default", "plain")), trained);
        model.save("plain", folder);
      }
      try (PeftModel model = model().loadAdapter(folder.toString())) {
        LoraConfig saved = (LoraConfig) model.adapter("default").config();
        assertThat(saved.initLoraWeights()).isEqualTo(LoraInitialization.DEFAULT);
        assertThat(folder.resolve("peft4j_training.safetensors")).doesNotExist();
      }
    }
  }
}
