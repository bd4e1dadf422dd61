package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.composition.Average;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adamix.AdaMixConfig;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.adapterhub.prompttuning.AdapterHubPromptConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.bottleneck.fields.Invertible;
import io.github.peft4j.methods.c3a.C3aConfig;
import io.github.peft4j.methods.cpt.CptConfig;
import io.github.peft4j.methods.delora.DeloraConfig;
import io.github.peft4j.methods.dylora.DyLoraConfig;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;
import io.github.peft4j.methods.gralora.GraloraConfig;
import io.github.peft4j.methods.hra.HraConfig;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.ipt.IptConfig;
import io.github.peft4j.methods.krona.KronaConfig;
import io.github.peft4j.methods.krona.KronaPlacement;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.pasta.PastaConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.methods.said.SaidConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.methods.waveft.WaveFtConfig;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Compositions of adapters compute what their parts compute alone. */
class CompositionTest {

  static final List<PeftConfig> EVERYWHERE =
      List.of(
          LoraConfig.ofRank(2).targetModules("all-linear"),
          LoraConfig.ofRank(2).targetModules("all-linear").useDora(true),
          AdaLoraConfig.ofRanks(4, 2).tinit(0).tfinal(1),
          DyLoraConfig.ofRank(4).inferenceRank(3),
          Ia3Config.defaults(),
          LnTuningConfig.defaults(),
          VeraConfig.ofRank(4),
          LohaConfig.ofRank(2),
          LokrConfig.ofRank(1).decomposeFactor(2),
          OftConfig.ofBlockSize(4),
          BoftConfig.ofBlockSize(4),
          HraConfig.ofRank(4),
          MissConfig.ofRank(5),
          FourierFtConfig.ofFrequencies(12),
          WaveFtConfig.ofFrequencies(12),
          C3aConfig.ofBlockSize(4),
          DeloraConfig.ofRank(2),
          GraloraConfig.ofRank(4).hybridR(1),
          KronaConfig.ofFactor(4, 2),
          KronaConfig.ofFactor(4, 2).placement(KronaPlacement.FEED_FORWARD_RESIDUAL),
          SaidConfig.ofDimension(150).targetModules("all-linear"),
          PastaConfig.defaults().specialTokenIds(List.of(5, 9)).dropout(0),
          ShiraConfig.ofRank(1),
          BottleneckConfig.pfeiffer().reductionFactor(4),
          BottleneckConfig.houlsby().reductionFactor(4),
          BottleneckConfig.scaledParallel().reductionFactor(4),
          BottleneckConfig.pfeiffer()
              .reductionFactor(4)
              .invAdapterReductionFactor(2)
              .invAdapter(Invertible.NICE),
          BottleneckConfig.houlsby().reductionFactor(4).useGating(true),
          BottleneckConfig.compacter().reductionFactor(2).phmDim(2),
          AdaMixConfig.defaults().reductionFactor(4).numExperts(1).sharingUp(false),
          AdaMixLoraConfig.ofRank(2).numExperts(1),
          AdapterHubPromptConfig.ofVirtualTokens(3),
          PromptTuningConfig.ofVirtualTokens(3),
          CptConfig.of(List.of(5, 9, 6), List.of(1, 2, 4)),
          PTuningConfig.ofVirtualTokens(3).encoderHiddenSize(6),
          IptConfig.ofVirtualTokens(3).encoderHiddenSize(6),
          IptConfig.ofVirtualTokens(3).promptSource(IptConfig.Source.STATES),
          PrefixTuningConfig.ofVirtualTokens(3),
          AdaptionPromptConfig.of(3, 2));

  static Stream<Arguments> methods() {
    return Stream.concat(
        Stream.of(TinyModel.LLAMA, TinyModel.BERT, TinyModel.T5)
            .flatMap(tiny -> EVERYWHERE.stream().map(config -> Arguments.of(tiny, config))),
        Stream.of(
            Arguments.of(TinyModel.LLAMA, FullConfig.defaults()),
            Arguments.of(TinyModel.TIED_LLAMA, TrainableTokensConfig.of(5, 9)),
            Arguments.of(
                TinyModel.LLAMA, AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5)),
            Arguments.of(
                TinyModel.BERT,
                AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5).useGating(true)),
            Arguments.of(
                TinyModel.T5,
                AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5).useGating(true)),
            Arguments.of(TinyModel.LLAMA, ReftConfig.loReft().r(2).suffixPositions(2).dropout(0)),
            Arguments.of(TinyModel.T5, ReftConfig.diReft().r(2).dropout(0)),
            Arguments.of(TinyModel.BERT, GatedLoraConfig.ofRank(2)),
            Arguments.of(TinyModel.BERT, BitFitConfig.defaults())));
  }

  /** A model with the adapters a and b of one method, each moved away from where it starts. */
  private static PeftModel pair(TinyModel tiny, PeftConfig config) {
    PeftModel model = tiny.load(Precision.FLOAT64);
    add(model, "a", config, 1);
    add(model, "b", config, 2);
    return model;
  }

  private static void add(PeftModel model, String name, PeftConfig config, long seed) {
    model.adapt(name, config);
    perturb(model.adapter(name), seed);
  }

  static void perturb(Adapter adapter, long seed) {
    Random random = new Random(seed);
    for (Trainable tensor : adapter.trainables()) {
      double[] values = tensor.value().toDoubleArray();
      for (int i = 0; i < values.length; i++) {
        values[i] += 0.1 * random.nextGaussian();
      }
      try (NDArray array = tensor.value().getManager().create(values, tensor.value().getShape())) {
        Tensors.copy(tensor.value(), array);
      }
    }
  }

  static double[] logits(TinyModel tiny, PeftModel model, Composition composition) {
    model.activate(composition);
    try (NDArray logits = model.logits(tiny.input(model))) {
      return logits.toDoubleArray();
    }
  }

  private static double[] alone(TinyModel tiny, PeftModel model, String name) {
    return logits(
        tiny, model, name.equals(Composition.BASE) ? Composition.NONE : Composition.of(name));
  }

  /** A row of the logits of two. */
  private static double[] row(double[] logits, int row) {
    int half = logits.length / 2;
    return Arrays.copyOfRange(logits, row * half, (row + 1) * half);
  }

  private static double[] join(double[]... parts) {
    return Stream.of(parts).flatMapToDouble(Arrays::stream).toArray();
  }

  private static void assertClose(double[] mine, double[] theirs) {
    assertThat(mine).containsExactly(theirs, within(1e-9));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void rowsGoThroughTheirAdaptersAlone(TinyModel tiny, PeftConfig config) {
    try (PeftModel model = pair(tiny, config)) {
      double[] a = alone(tiny, model, "a");
      double[] b = alone(tiny, model, "b");
      assertThat(a).isNotEqualTo(b);
      double[] both = join(row(b, 0), row(a, 1));
      assertClose(logits(tiny, model, Composition.perRow("b", "a")), both);
      assertClose(logits(tiny, model, Composition.batchSplit(List.of(1, 1), "b", "a")), both);
      assertClose(logits(tiny, model, Composition.parallel("a", "b", "a")), join(a, b, a));
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void aRowWithoutAnAdapterIsTheFrozenModels(TinyModel tiny, PeftConfig config) {
    try (PeftModel model = pair(tiny, config)) {
      double[] base = alone(tiny, model, Composition.BASE);
      double[] a = alone(tiny, model, "a");
      Composition mixed = Composition.perRow(Composition.BASE, "a");
      if (config instanceof PromptTuningConfig
          || config instanceof CptConfig
          || config instanceof PTuningConfig
          || config instanceof IptConfig
          || config instanceof AdapterHubPromptConfig) {
        assertThatThrownBy(() -> model.activate(mixed))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("one length")
            .hasMessageContaining("[a]=3");
      } else if (config instanceof PrefixTuningConfig
          || (config instanceof AdapterHubPrefixConfig && tiny == TinyModel.T5)) {
        assertThatThrownBy(() -> logits(tiny, model, mixed))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("0 and 3");
      } else {
        assertClose(logits(tiny, model, mixed), join(row(base, 0), row(a, 1)));
      }
    }
  }

  @Test
  void aTensorThatIsReadForTheWholeBatchIsRefused() {
    try (PeftModel model = pair(TinyModel.T5, FullConfig.defaults())) {
      assertThatThrownBy(() -> logits(TinyModel.T5, model, Composition.perRow("a", "b")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("relative_attention_bias")
          .hasMessageContaining("a: TrainableCopy, b: TrainableCopy");
    }
  }

  @ParameterizedTest
  @EnumSource
  void layersMayReadOtherStatesInSomeRows(TinyModel tiny) {
    PastaConfig config = PastaConfig.defaults().specialTokenIds(List.of(5, 9)).dropout(0);
    try (PeftModel model = pair(tiny, config)) {
      double[] a = logits(tiny, model, Composition.of("a"));
      double[] none = logits(tiny, model, Composition.NONE);
      assertClose(
          logits(tiny, model, Composition.perRow(Composition.BASE, "a")),
          join(row(none, 0), row(a, 1)));
      assertClose(
          logits(tiny, model, Composition.perRow("a", Composition.BASE)),
          join(row(a, 0), row(none, 1)));
    }
  }

  @Test
  void tablesOfPositionsAndSegmentsDifferByRow() {
    try (PeftModel model = pair(TinyModel.BERT, FullConfig.defaults())) {
      double[] a = logits(TinyModel.BERT, model, Composition.of("a"));
      double[] b = logits(TinyModel.BERT, model, Composition.of("b"));
      assertClose(
          logits(TinyModel.BERT, model, Composition.perRow("a", "b")), join(row(a, 0), row(b, 1)));
    }
  }

  @Test
  void aBatchOfAnotherSizeIsRefused() {
    try (PeftModel model = pair(TinyModel.LLAMA, LoraConfig.ofRank(2))) {
      assertThatThrownBy(() -> logits(TinyModel.LLAMA, model, Composition.perRow("a", "b", "a")))
          .hasMessageContaining("perRow(a, b, a) is for a batch of 3 rows, this one has 2");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "BERT", "T5"})
  void compositionsAreNested(TinyModel tiny) {
    try (PeftModel model = pair(tiny, LoraConfig.ofRank(2).targetModules("all-linear"))) {
      add(model, "c", BottleneckConfig.houlsby().reductionFactor(4), 3);
      double[] ac = logits(tiny, model, Composition.stack(List.of("a", "c")));
      double[] bc = logits(tiny, model, Composition.stack(List.of("b", "c")));
      Composition split = Composition.batchSplit(List.of(1, 1), "a", "b");
      double[] expected = join(row(ac, 0), row(bc, 1));
      Composition c = Composition.of("c");
      assertClose(logits(tiny, model, Composition.stack(split, c)), expected);
      double[] ca = logits(tiny, model, Composition.stack(List.of("c", "a")));
      double[] cb = logits(tiny, model, Composition.stack(List.of("c", "b")));
      assertClose(logits(tiny, model, Composition.stack(c, split)), join(row(ca, 0), row(cb, 1)));
      assertClose(
          logits(tiny, model, Composition.parallel(split, Composition.stack(List.of("a", "c")))),
          join(logits(tiny, model, split), ac));
      Composition average = Composition.average("a", "b").weights(1, 3);
      double[] mean = logits(tiny, model, average);
      assertClose(
          logits(tiny, model, Composition.batchSplit(List.of(1, 1), Composition.of("b"), average)),
          join(row(alone(tiny, model, "b"), 0), row(mean, 1)));
      assertClose(
          logits(tiny, model, Composition.stack(c, Composition.parallel("b", "a"))), join(cb, ca));
    }
  }

  /** LoRA of the output layer alone: the logits are linear in the adapter. */
  @Test
  void anAverageIsTheMeanOfLinearOutputs() {
    TinyModel tiny = TinyModel.LLAMA;
    try (PeftModel model = pair(tiny, LoraConfig.ofRank(2).targetModules("lm_head"))) {
      double[] a = alone(tiny, model, "a");
      double[] b = alone(tiny, model, "b");
      double[] mean = logits(tiny, model, Composition.average("a", "b").weights(1, 3));
      double[] raw = logits(tiny, model, Composition.average("a", "b").rawWeights(1, 3));
      for (int i = 0; i < a.length; i++) {
        assertThat(mean[i]).isCloseTo((a[i] + 3 * b[i]) / 4, within(1e-9));
        assertThat(raw[i]).isCloseTo(a[i] + 3 * b[i], within(1e-9));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("methods")
  void theAverageOfAnAdapterWithItselfIsTheAdapter(TinyModel tiny, PeftConfig config) {
    try (PeftModel model = pair(tiny, config)) {
      double[] a = alone(tiny, model, "a");
      assertClose(logits(tiny, model, Composition.average("a", "a")), a);
      assertThat(logits(tiny, model, Composition.average("a", "b"))).isNotEqualTo(a);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "BERT", "T5"})
  void anAverageIsMergedAsItComputes(TinyModel tiny) {
    try (PeftModel model = pair(tiny, LoraConfig.ofRank(2).targetModules("all-linear"))) {
      double[] mean = logits(tiny, model, Composition.average("a", "b").weights(1, 3));
      model.merge();
      try (NDArray merged = model.logits(tiny.input(model))) {
        assertClose(merged.toDoubleArray(), mean);
      }
      model.unmerge().activate(Composition.perRow("a", "b"));
      assertThatThrownBy(model::merge)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("cannot be merged");
    }
  }

  @ParameterizedTest
  @EnumSource
  void tensorsAreMergedBeforeWhatIsComputedWithThem(TinyModel tiny) {
    try (PeftModel model = tiny.load(Precision.FLOAT64)) {
      add(model, "low", LoraConfig.ofRank(2).targetModules("all-linear"), 1);
      add(model, "whole", FullConfig.defaults(), 2);
      for (List<String> order : List.of(List.of("low", "whole"), List.of("whole", "low"))) {
        double[] unmerged = logits(tiny, model, Composition.stack(order));
        model.merge();
        try (NDArray merged = model.logits(tiny.input(model))) {
          assertClose(merged.toDoubleArray(), unmerged);
        }
        model.unmerge();
      }
    }
  }

  /** Each row's loss reaches its own adapter, as if its row were a batch. */
  @ParameterizedTest
  @MethodSource("methods")
  void gradientsAreThoseOfEachAdapterAlone(TinyModel tiny, PeftConfig config) {
    try (PeftModel model = pair(tiny, config)) {
      Map<String, double[]> parallel =
          gradients(tiny, model, Composition.parallel("a", "b"), Tapes.KEPT);
      Map<String, double[]> alone = gradients(tiny, model, Composition.of("a"), Tapes.KEPT);
      alone.putAll(gradients(tiny, model, Composition.of("b"), Tapes.KEPT));
      assertThat(parallel.keySet()).isEqualTo(alone.keySet());
      alone.forEach(
          (name, g) ->
              assertThat(requireNonNull(parallel.get(name)))
                  .as(name)
                  .containsExactly(g, within(1e-9)));
      for (Composition composition :
          List.of(Composition.perRow("b", "a"), Composition.average("a", "b"))) {
        Map<String, double[]> recorded = gradients(tiny, model, composition, Tapes.KEPT);
        for (Tapes tapes : Tapes.values()) {
          Map<String, double[]> other = gradients(tiny, model, composition, tapes);
          recorded.forEach(
              (name, g) ->
                  assertThat(requireNonNull(other.get(name)))
                      .as(composition + " " + tapes + " " + name)
                      .containsExactly(g, within(1e-9)));
        }
      }
    }
  }

  private static Map<String, double[]> gradients(
      TinyModel tiny, PeftModel model, Composition composition, Tapes tapes) {
    model.activate(composition);
    LossTargets targets = tiny.targets();
    new Backpropagation(model, tapes)
        .run(tiny.input(model), targets, 1.0 / model.count(targets), 0);
    Map<String, double[]> gradients = new LinkedHashMap<>();
    for (String name : composition.adapters()) {
      model
          .adapter(name)
          .tensors()
          .forEach(
              (key, tensor) -> {
                if (!tensor.isBuffer()) {
                  try (NDArray gradient = Autograd.gradient(tensor.value())) {
                    gradients.put(
                        name + " " + key,
                        gradient == null
                            ? new double[(int) tensor.size()]
                            : gradient.toDoubleArray());
                  }
                  tensor.clearGradient();
                }
              });
    }
    return gradients;
  }

  @Test
  void everyCompositionTakesNamesAListAndCompositions() {
    Composition a = Composition.of("a");
    Composition b = Composition.of("b");
    List<String> names = List.of("a", "b");
    List<Integer> sizes = List.of(1, 2);
    assertThat(
            List.of(Composition.stack("a", "b"), Composition.stack(names), Composition.stack(a, b)))
        .extracting(Composition::toString)
        .containsOnly(Composition.stack(a, b).toString());
    assertThat(List.of(Composition.average(names), Composition.average(a, b)))
        .extracting(Average::toString)
        .containsOnly(Composition.average("a", "b").toString());
    assertThat(List.of(Composition.parallel(names), Composition.parallel(a, b)))
        .extracting(Composition::toString)
        .containsOnly(Composition.parallel("a", "b").toString());
    assertThat(List.of(Composition.fuse("f", names), Composition.fuse("f", a, b)))
        .extracting(Composition::toString)
        .containsOnly(Composition.fuse("f", "a", "b").toString());
    assertThat(List.of(Composition.batchSplit(sizes, names), Composition.batchSplit(sizes, a, b)))
        .extracting(Composition::toString)
        .containsOnly(Composition.batchSplit(sizes, "a", "b").toString());
    assertThat(Composition.perRow(names)).hasToString(Composition.perRow("a", "b").toString());
  }
}
