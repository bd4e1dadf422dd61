package io.github.peft4j.methods;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.common.linear.BlockDropout;
import io.github.peft4j.methods.common.linear.RowDropout;
import io.github.peft4j.methods.delora.DeloraConfig;
import io.github.peft4j.methods.gralora.GraloraConfig;
import io.github.peft4j.methods.hira.HiraConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.randlora.RandLoraConfig;
import io.github.peft4j.methods.sora.SoraConfig;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Dropouts inside methods: the distribution that PEFT has, and the same draw when run again. */
class DropoutsTest {

  private static final int DRAWS = 4000;

  private static final VbLoraConfig VBLORA_PLAIN =
      VbLoraConfig.ofRank(2).numVectors(8).vectorLength(4).targetModules("q_proj");

  /** A method with dropout, and the same without. */
  enum Case {
    LOHA_ROWS(LohaConfig.ofRank(2), LohaConfig.ofRank(2).rankDropout(0.4)),
    LOHA_MODULE(LohaConfig.ofRank(2), LohaConfig.ofRank(2).moduleDropout(0.4)),
    LOKR_ROWS(LokrConfig.ofRank(1), LokrConfig.ofRank(1).rankDropout(0.4)),
    LOKR_BOTH(
        LokrConfig.ofRank(1),
        LokrConfig.ofRank(1).rankDropout(0.4).moduleDropout(0.2).rankDropoutScale(true)),
    OFT(OftConfig.ofBlockSize(2), OftConfig.ofBlockSize(2).moduleDropout(0.5)),
    BOFT(
        BoftConfig.ofBlockSize(2).boftNButterflyFactor(2),
        BoftConfig.ofBlockSize(2).boftNButterflyFactor(2).boftDropout(0.5)),
    MISS(MissConfig.ofRank(4), MissConfig.ofRank(4).missDropout(0.4)),
    DELORA(DeloraConfig.ofRank(2), DeloraConfig.ofRank(2).moduleDropout(0.4)),
    GRALORA(
        GraloraConfig.ofRank(4).hybridR(2), GraloraConfig.ofRank(4).hybridR(2).graloraDropout(0.4)),
    LORA(LoraConfig.ofRank(2), LoraConfig.ofRank(2).loraDropout(0.4)),
    SORA(SoraConfig.ofRank(2), SoraConfig.ofRank(2).loraDropout(0.4)),
    HIRA(HiraConfig.ofRank(2), HiraConfig.ofRank(2).hiraDropout(0.4)),
    VERA(VeraConfig.ofRank(2), VeraConfig.ofRank(2).veraDropout(0.4)),
    RANDLORA(
        RandLoraConfig.ofRank(3).randloraAlpha(1),
        RandLoraConfig.ofRank(3).randloraAlpha(1).randloraDropout(0.4)),
    VBLORA(VBLORA_PLAIN, VBLORA_PLAIN.vbloraDropout(0.4));

    private final PeftConfig plain;
    private final PeftConfig dropping;

    Case(PeftConfig plain, PeftConfig dropping) {
      this.plain = plain;
      this.dropping = dropping;
    }

    PeftModel load(PeftConfig config) {
      return load(config, Precision.FLOAT32);
    }

    PeftModel load(PeftConfig config, Precision precision) {
      PeftModel model = TinyModel.LLAMA.onCpu(precision).adapt(config);
      Random random = new Random(11);
      for (Trainable tensor : model.adapter(PeftModel.DEFAULT).trainables()) {
        float[] values = Tensors.floats(tensor.value());
        for (int i = 0; i < values.length; i++) {
          values[i] += (float) (0.2 * random.nextGaussian());
        }
        try (NDArray moved =
            tensor.value().getManager().create(values, tensor.value().getShape())) {
          Tensors.copy(tensor.value(), moved);
        }
      }
      return model;
    }
  }

  private static double loss(PeftModel model, Tapes tapes, long seed) {
    Backpropagation backpropagation = new Backpropagation(model, tapes);
    LossTargets targets = TinyModel.LLAMA.targets();
    return backpropagation.run(TinyModel.LLAMA.input(model), targets, 1, seed);
  }

  private static List<float[]> takeGradients(PeftModel model) {
    List<float[]> gradients = new ArrayList<>();
    for (Trainable tensor : model.adapter(PeftModel.DEFAULT).trainables()) {
      try (NDArray gradient = Autograd.gradient(tensor.value())) {
        gradients.add(gradient == null ? new float[0] : Tensors.floats(gradient));
      }
      tensor.clearGradient();
    }
    return gradients;
  }

  /** Layers that draw and run again are seeded one by one, which a CUDA graph cannot do. */
  @ParameterizedTest
  @EnumSource
  void onAGpuGraphsLeaveStepsAloneThatRunAgainAndDraw(Case method) {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "SKIPPED: there is no GPU for CUDA graphs");
    List<List<float[]>> gradients = new ArrayList<>();
    for (String graphs : List.of("false", "always")) {
      System.setProperty("peft4j.cudaGraphs", graphs);
      try (PeftModel model = method.load(method.dropping);
          Backpropagation passes = new Backpropagation(model, Activations.RECOMPUTED)) {
        for (int seed = 0; seed < 4; seed++) {
          passes.run(TinyModel.LLAMA.input(model), TinyModel.LLAMA.targets(), 1, seed);
        }
        gradients.add(takeGradients(model));
      } finally {
        System.clearProperty("peft4j.cudaGraphs");
      }
    }
    for (int i = 0; i < gradients.get(0).size(); i++) {
      assertThat(gradients.get(1).get(i))
          .containsExactly(gradients.get(0).get(i), Offset.offset(1e-3f));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aLayerThatRunsAgainDropsTheSame(Case method) {
    try (PeftModel model = method.load(method.dropping)) {
      List<Double> losses = new ArrayList<>();
      for (int seed = 0; seed < 6; seed++) {
        double recorded = loss(model, Tapes.KEPT, seed);
        List<float[]> gradients = takeGradients(model);
        for (Tapes tapes : List.of(Tapes.RECOMPUTED, Tapes.MOVED)) {
          assertThat(loss(model, tapes, seed)).isEqualTo(recorded);
          List<float[]> again = takeGradients(model);
          for (int i = 0; i < gradients.size(); i++) {
            assertThat(again.get(i)).isNotEmpty().containsExactly(gradients.get(i), OFFSET);
          }
        }
        losses.add(recorded);
      }
      assertThat(losses.stream().distinct()).as("losses of six draws").hasSizeGreaterThan(1);
    }
  }

  private static final Offset<Float> OFFSET = Offset.offset(1e-5f);

  /** Its gradients are those of the loss with the same draws, by finite differences. */
  @Test
  void aLayerThatRunsInPartsDropsTheSameInBothPasses() {
    try (PeftModel model = Case.LORA.load(Case.LORA.dropping, Precision.FLOAT64)) {
      double first = loss(model, Tapes.DIVIDED, 5);
      List<float[]> gradients = takeGradients(model);
      assertThat(loss(model, Tapes.DIVIDED, 5)).isEqualTo(first);
      takeGradients(model);
      List<Trainable> tensors = model.adapter(PeftModel.DEFAULT).trainables();
      for (int i = 0; i < tensors.size(); i++) {
        double square = 0;
        for (float g : gradients.get(i)) {
          square += g * g;
        }
        double norm = Math.sqrt(square);
        double h = 1e-3 / norm;
        move(tensors.get(i), gradients.get(i), h);
        double ahead = loss(model, Tapes.DIVIDED, 5);
        move(tensors.get(i), gradients.get(i), -2 * h);
        double behind = loss(model, Tapes.DIVIDED, 5);
        move(tensors.get(i), gradients.get(i), h);
        takeGradients(model);
        assertThat((ahead - behind) / 2e-3).isCloseTo(norm, Offset.offset(1e-2 + 1e-2 * norm));
      }
    }
  }

  private static void move(Trainable tensor, float[] direction, double distance) {
    double[] values = tensor.value().toDoubleArray();
    for (int i = 0; i < values.length; i++) {
      values[i] += distance * direction[i];
    }
    try (NDArray moved = tensor.value().getManager().create(values, tensor.value().getShape())) {
      Tensors.copy(tensor.value(), moved);
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingIsDroppedOutsideTraining(Case method) {
    try (PeftModel with = method.load(method.dropping);
        PeftModel without = method.load(method.plain);
        NDArray dropping = with.logits(TinyModel.LLAMA.input(with));
        NDArray plain = without.logits(TinyModel.LLAMA.input(without))) {
      assertThat(Tensors.floats(dropping)).isEqualTo(Tensors.floats(plain));
      with.merge();
      without.merge();
      try (NDArray mergedDropping = with.logits(TinyModel.LLAMA.input(with));
          NDArray mergedPlain = without.logits(TinyModel.LLAMA.input(without))) {
        assertThat(Tensors.floats(mergedDropping)).isEqualTo(Tensors.floats(mergedPlain));
      }
    }
  }

  /** y of a site's layer in training, drawn many times: mean and variance of each element. */
  private static double[][] moments(PeftModel model, NDArray x, NDArray y) {
    TunerLayer<NDArray, NDArray> layer = layer(model);
    double[][] moments = new double[2][Math.toIntExact(y.getShape().size())];
    try (ModelCall call = model.newCall();
        Pass pass = new Pass(Tape.inference(), null, call.adapters()).training()) {
      pass.compute();
      Forward<NDArray, NDArray> base = new Forward<>((in, context) -> y, pass);
      for (int draw = 0; draw < DRAWS; draw++) {
        Autograd.seed(draw);
        try (Scope scope = new Scope()) {
          float[] values = Tensors.floats(Autograd.without(() -> layer.forward(x, base)));
          for (int i = 0; i < values.length; i++) {
            moments[0][i] += values[i] / DRAWS;
            moments[1][i] += (double) values[i] * values[i] / DRAWS;
          }
        }
      }
    }
    return moments;
  }

  @SuppressWarnings("unchecked") // the cases rewrite linear maps alone
  private static TunerLayer<NDArray, NDArray> layer(PeftModel model) {
    Adapter adapter = model.adapter(PeftModel.DEFAULT);
    return (TunerLayer<NDArray, NDArray>) adapter.rewrites().get(0).layer();
  }

  /**
   * A change Δ x of n outputs, each kept with probability k and then divided by the share of those
   * kept: its mean is that of one draw, its second moment follows from the binomial distribution.
   */
  @ParameterizedTest
  @EnumSource(names = {"LOHA_ROWS", "LOHA_MODULE", "LOKR_ROWS", "LOKR_BOTH"})
  void rowsAndModulesAreDroppedAsOften(Case method) {
    double rows = method == Case.LOHA_MODULE ? 0 : 0.4;
    double module = method == Case.LOHA_MODULE ? 0.4 : method == Case.LOKR_BOTH ? 0.2 : 0;
    boolean scaled = method != Case.LOKR_ROWS;
    try (PeftModel model = method.load(method.dropping);
        Scope scope = new Scope()) {
      NDArray x =
          model
              .base()
              .manager()
              .create(new float[] {1, -2, 3, .5f, 1, 2, -1, 1, 2, 1, -3, 1, .5f, -1, 2, 1});
      x = x.reshape(1, x.size());
      NDArray y = model.base().manager().zeros(layerOutput(model, x));
      float[] change = change(model, x, y);
      double[][] moments = moments(model, x, y);
      int n = change.length;
      double mean = 0;
      double square = 0;
      for (int k = 1; k <= n; k++) {
        double probability = binomial(n, k, 1 - rows);
        double value = scaled ? (double) n / k : 1;
        mean += probability * k / n * value;
        square += probability * k / n * value * value;
      }
      for (int i = 0; i < n; i++) {
        double d = change[i];
        double m = (1 - module) * mean * d;
        double s = (1 - module) * square * d * d;
        double deviation = Math.sqrt((s - m * m) / DRAWS);
        assertThat(moments[0][i]).isCloseTo(m, Offset.offset(5 * deviation + 1e-6));
        assertThat(moments[1][i]).isCloseTo(s, Offset.offset(0.1 * s + 1e-6));
      }
    }
  }

  /**
   * A change Δ x, where each element of x is kept with probability 1 - p and then divided by it:
   * the mean of output i is Δᵢ x, its variance p / (1 - p) Σⱼ (Δᵢⱼ xⱼ)².
   */
  @ParameterizedTest
  @EnumSource(names = {"MISS", "DELORA", "LORA", "SORA", "HIRA", "VERA", "RANDLORA", "VBLORA"})
  void elementsOfTheInputAreDroppedAsOften(Case method) {
    double p = 0.4;
    float[] x = {1, -2, 3, .5f, 1, 2, -1, 1, 2, 1, -3, 1, .5f, -1, 2, 1};
    try (PeftModel model = method.load(method.dropping);
        Scope scope = new Scope()) {
      NDManager manager = model.base().manager();
      NDArray input = manager.create(x, new Shape(1, x.length));
      NDArray y = manager.zeros(layerOutput(model, input));
      int outputs = Math.toIntExact(y.size());
      double[] mean = new double[outputs];
      double[] variance = new double[outputs];
      for (int j = 0; j < x.length; j++) {
        float[] one = new float[x.length];
        one[j] = x[j];
        float[] part = change(model, manager.create(one, input.getShape()), y);
        for (int i = 0; i < outputs; i++) {
          mean[i] += part[i];
          variance[i] += p / (1 - p) * part[i] * part[i];
        }
      }
      double[][] moments = moments(model, input, y);
      for (int i = 0; i < outputs; i++) {
        double deviation = Math.sqrt(variance[i] / DRAWS);
        assertThat(deviation).isPositive();
        assertThat(moments[0][i]).isCloseTo(mean[i], Offset.offset(5 * deviation));
        assertThat(moments[1][i] - moments[0][i] * moments[0][i])
            .isCloseTo(variance[i], Offset.offset(0.1 * variance[i]));
      }
    }
  }

  /** What a layer adds to a base that gives y = 0, in inference. */
  private static float[] change(PeftModel model, NDArray x, NDArray y) {
    try (ModelCall call = model.newCall();
        Pass pass = Pass.inference(call.adapters())) {
      pass.compute();
      Forward<NDArray, NDArray> base = new Forward<>((in, context) -> y, pass);
      return Tensors.floats(Autograd.without(() -> layer(model).forward(x, base)));
    }
  }

  private static Shape layerOutput(PeftModel model, NDArray x) {
    var site = model.adapter(PeftModel.DEFAULT).rewrites().get(0).site();
    return new Shape(
        x.getShape().get(0), ((io.github.peft4j.tuner.site.LinearSite) site).outFeatures());
  }

  private static double binomial(int n, int k, double p) {
    double ways = 1;
    for (int i = 1; i <= k; i++) {
      ways *= (double) (n - k + i) / i;
    }
    return ways * Math.pow(p, k) * Math.pow(1 - p, n - k);
  }

  @Test
  void noRowIsLeftOfNone() {
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      RowDropout dropout = new RowDropout(0.9, true, 0, 2);
      NDArray like = manager.ones(new Shape(1));
      boolean none = false;
      for (int draw = 0; draw < 50; draw++) {
        Autograd.seed(draw);
        float[] keep = Tensors.floats(dropout.draw(like));
        assertThat(keep).isIn(new float[] {0, 0}, new float[] {2, 0}, new float[] {0, 2}, ONES);
        none |= keep[0] == 0 && keep[1] == 0;
      }
      assertThat(none).isTrue();
    }
  }

  private static final float[] ONES = {1, 1};

  @Test
  void partOfTheBlocksOfOneLayerStandsStill() {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      int[][] still = new int[2][5];
      BlockDropout dropout = new BlockDropout(0.5, 2, 5);
      for (int draw = 0; draw < DRAWS; draw++) {
        Autograd.seed(draw);
        try (Scope scope = new Scope()) {
          float[] kept = Tensors.floats(dropout.drop(manager.ones(new Shape(2, 5, 3, 3))));
          int[] counts = new int[2];
          for (int i = 0; i < kept.length; i += 9) {
            if (kept[i] == 0) {
              counts[i / 45]++;
              still[i / 45][i / 9 % 5]++;
            }
          }
          assertThat(counts).isIn(new int[] {2, 0}, new int[] {0, 2}); // 0.5 · 5, rounded down
        }
      }
      double expected = DRAWS * 0.5 * 2 / 5;
      for (int[] layer : still) {
        for (int count : layer) {
          assertThat((double) count).isCloseTo(expected, Offset.offset(5 * Math.sqrt(expected)));
        }
      }
      assertThat(new BlockDropout(0.1, 1, 5).drops()).as("a tenth of five blocks").isFalse();
    }
  }
}
