package io.github.peft4j.methods;

import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adamix.AdaMixConfig;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.adapterhub.prompttuning.AdapterHubPromptConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.attentionfusion.AttentionFusionConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.bottleneck.fields.Invertible;
import io.github.peft4j.methods.bottleneck.fields.NonLinearity;
import io.github.peft4j.methods.bottleneck.fields.PhmInit;
import io.github.peft4j.methods.bottleneck.fields.Residual;
import io.github.peft4j.methods.bottleneck.fields.Scaling;
import io.github.peft4j.methods.c3a.C3aConfig;
import io.github.peft4j.methods.c3a.C3aInitialization;
import io.github.peft4j.methods.childtuning.ChildTuningConfig;
import io.github.peft4j.methods.cpt.CptConfig;
import io.github.peft4j.methods.delora.DeloraConfig;
import io.github.peft4j.methods.diffpruning.DiffPruningConfig;
import io.github.peft4j.methods.dylora.DyLoraConfig;
import io.github.peft4j.methods.fish.FishConfig;
import io.github.peft4j.methods.fisher.SampleType;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;
import io.github.peft4j.methods.gralora.GraloraConfig;
import io.github.peft4j.methods.hira.HiraConfig;
import io.github.peft4j.methods.hira.HiraInitialization;
import io.github.peft4j.methods.hra.HraConfig;
import io.github.peft4j.methods.hybrid.Mam;
import io.github.peft4j.methods.hybrid.UniPelt;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.ipt.IptConfig;
import io.github.peft4j.methods.krona.KronaConfig;
import io.github.peft4j.methods.krona.KronaPlacement;
import io.github.peft4j.methods.lily.LilyConfig;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoftqConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.methods.ltsft.LtSftConfig;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.miss.MissInitialization;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.pasta.PastaConfig;
import io.github.peft4j.methods.poly.PolyConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prelayer.PreLayerConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.pruning.PruningConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.randlora.RandLoraConfig;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.methods.road.RoadConfig;
import io.github.peft4j.methods.road.RoadVariant;
import io.github.peft4j.methods.said.SaidConfig;
import io.github.peft4j.methods.selective.Select;
import io.github.peft4j.methods.selective.SelectiveConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.sora.SoraConfig;
import io.github.peft4j.methods.spiel.SpielConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.methods.waveft.WaveFtConfig;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/**
 * Every method keeps to the contract: one row a method, or a way to set it that has code of its
 * own. {@code -Dpeft4j.methods=REGEX} runs the rows whose whole name matches, on all models.
 */
class MethodsTest extends MethodContract {

  static Stream<Arguments> cases() {
    String chosen = System.getProperty("peft4j.methods", ".*");
    return methods()
        .filter(method -> method.name().matches(chosen))
        .flatMap(MethodCase::onItsModels);
  }

  static Stream<MethodCase> methods() {
    return Stream.of(
        method("Lora", LoraConfig.ofRank(2).targetModules("all-linear")),
        dora("Dora", LoraConfig.ofRank(2).targetModules("all-linear").useDora(true))
            .fitting(MethodsTest::hasNoExperts),
        method("LoraWithTokens", LoraConfig.ofRank(2).trainableTokenIndices(5, 9))
            .fitting(model -> true),
        method(
                "TiedLora",
                LoraConfig.ofRank(2)
                    .targetModules("q_proj", "query", "q", "lm_head")
                    .ensureWeightTying(true))
            .fitting(model -> true)
            .withWholeGradientOf(MethodsTest::isNotTied),
        dora(
                "TiedDora",
                LoraConfig.ofRank(2)
                    .targetModules("q_proj", "query", "q", "embed_tokens", "lm_head")
                    .ensureWeightTying(true)
                    .useDora(true))
            .fitting(model -> true),
        method(
                "LoraWithTiedOutput",
                LoraConfig.ofRank(2)
                    .modulesToSave("embed_tokens", "lm_head")
                    .ensureWeightTying(true))
            .fitting(model -> model == TinyModel.TIED_LLAMA),
        method(
            "LoraOnTensors",
            LoraConfig.ofRank(2)
                .targetModules("v_proj", "value", "v")
                .targetParameters("k_proj.weight", "key.weight", "k.weight", "embeddings.weight")),
        method(
                "Pissa",
                LoraConfig.ofRank(2)
                    .targetModules("all-linear")
                    .initLoraWeights(LoraInitialization.PISSA))
            .fitting(MethodsTest::hasNoExperts),
        method(
            "FastPissa",
            LoraConfig.ofRank(2).loraAlpha(3).initLoraWeights(LoraInitialization.pissa(4))),
        method(
            "Olora", LoraConfig.ofRank(2).loraAlpha(3).initLoraWeights(LoraInitialization.OLORA)),
        method(
                "Loftq",
                LoraConfig.ofRank(2)
                    .loraAlpha(3)
                    .initLoraWeights(LoraInitialization.LOFTQ)
                    .loftqConfig(LoftqConfig.defaults().loftqIter(2)))
            .hasEffectAtOnce(),
        method(
            "OrthogonalLora", LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.ORTHOGONAL)),
        dora(
            "DoraOfEmbeddings",
            LoraConfig.ofRank(2)
                .targetModules("embed_tokens", "word_embeddings", "shared", "q", "query", "q_proj")
                .useDora(true)),
        dora(
            "PissaDora",
            LoraConfig.ofRank(2).useDora(true).initLoraWeights(LoraInitialization.PISSA)),
        method("AdaLora", AdaLoraConfig.ofRanks(4, 2).tinit(0).tfinal(1)),
        method("Ia3", Ia3Config.defaults()),
        method("BitFit", BitFitConfig.defaults()).fitting(model -> model == TinyModel.BERT),
        method("LnTuning", LnTuningConfig.defaults()),
        method("Full", FullConfig.defaults()).fitting(model -> true),
        method("Selective", SelectiveConfig.of(Select.topLayers(1).plus(Select.norms())))
            .fitting(model -> true),
        method("SelectiveEmbeddings", SelectiveConfig.of(Select.embeddings()))
            .fitting(model -> true),
        method("CrossAttention", SelectiveConfig.crossAttentionAndSource())
            .fitting(model -> model == TinyModel.T5),
        method("Fish", FishConfig.ofRatio(0.2).sampleType(SampleType.RANDOM))
            .fitting(model -> true),
        method("ChildTuningF", ChildTuningConfig.free()).fitting(model -> true),
        method("ChildTuningD", ChildTuningConfig.driven().sampleType(SampleType.RANDOM))
            .fitting(model -> true),
        method("DiffPruning", DiffPruningConfig.defaults().targetSparsity(0.1))
            .fitting(model -> true)
            .withWholeGradientOf(tensor -> false), // gates are drawn in training, see its own test
        method("LtSft", LtSftConfig.defaults().ftParamsProportion(0.1)).fitting(model -> true),
        method("MovementPruning", PruningConfig.movement(0.4).initialThreshold(0.4))
            .fitting(model -> true)
            .withWholeGradientOf(MethodsTest::isNoScore),
        method("SoftMovementPruning", PruningConfig.softMovement(2).initialThreshold(0.1))
            .fitting(model -> true)
            .withWholeGradientOf(MethodsTest::isNoScore),
        method(
                "GlobalMagnitudePruning",
                PruningConfig.magnitude(0.4).initialThreshold(0.4).globalTopk(true))
            .fitting(model -> true),
        method("L0Pruning", PruningConfig.l0(2))
            .fitting(model -> true)
            .withWholeGradientOf(tensor -> false), // gates are drawn in training, see its own test
        method("Vera", VeraConfig.ofRank(4)),
        method("VeraWithoutProjections", VeraConfig.ofRank(4).saveProjection(false)),
        method("RandLora", RandLoraConfig.ofRank(3).randloraAlpha(1)),
        method("SparseRandLora", sparseRandLora().saveProjection(false)),
        method("VbLora", vbLora()).hasEffectAtOnce(),
        method("VbLoraOfChosen", vbLora().saveOnlyTopkWeights(true)).hasEffectAtOnce(),
        method("Lily", LilyConfig.ofRank(2).numB(3)).cannotMerge().gatingRuns(),
        method("LilyOfSharedA", LilyConfig.ofRank(2).strideA(2).targetModules("all-linear"))
            .cannotMerge()
            .gatingRuns(),
        method("Loha", LohaConfig.ofRank(2)),
        method("Lokr", LokrConfig.ofRank(1).decomposeFactor(2)),
        method("LokrOfWholeFactors", LokrConfig.ofRank(8)),
        method("Oft", OftConfig.ofBlockSize(4)),
        method("OftExact", OftConfig.ofBlockSize(4).useCayleyNeumann(false)),
        method("Boft", BoftConfig.ofBlockSize(4)),
        method("BoftOfTwoLayers", BoftConfig.ofBlockSize(4).boftNButterflyFactor(2)),
        method("Hra", HraConfig.ofRank(4)),
        method("Hira", HiraConfig.ofRank(2)),
        method("HiraOfEmbeddings", hiraOfEmbeddings()),
        method("Road", RoadConfig.defaults().groupSize(4)),
        method("Road2", RoadConfig.of(RoadVariant.ROAD_2).groupSize(4)),
        method("Road4", RoadConfig.of(RoadVariant.ROAD_4).groupSize(4)),
        method("Miss", MissConfig.ofRank(5)),
        method("Bat", MissConfig.ofRank(4).initWeights(MissInitialization.BAT)),
        method(
            "OftOfEmbeddings",
            OftConfig.ofBlockSize(4)
                .targetModules(
                    "embed_tokens", "word_embeddings", "shared", "q_proj", "query", "q")),
        method("OftWithBiases", OftConfig.ofBlockSize(4).useCayleyNeumann(false).bias("all")),
        method("FourierFt", FourierFtConfig.ofFrequencies(12)).hasEffectAtOnce(),
        method("C3a", C3aConfig.ofBlockSize(4)).hasEffectAtOnce(),
        method("C3aOfZeros", C3aConfig.ofBlockSize(2).initWeights(C3aInitialization.ZEROS)),
        method("Delora", DeloraConfig.ofRank(2)),
        method("Gralora", GraloraConfig.ofRank(4)),
        method("HybridGralora", GraloraConfig.ofRank(4).graloraK(4).hybridR(2)),
        method("WaveFt", WaveFtConfig.ofFrequencies(12)),
        method(
            "WaveFtOfLongFilters",
            WaveFtConfig.ofFrequencies(12).waveletFamily("sym4").proportionalParameters(true)),
        method("SparseWaveFt", WaveFtConfig.ofFrequencies(12).useIdwt(false)),
        method("Krona", KronaConfig.ofFactor(4, 2).targetModules("all-linear"))
            .fitting(MethodsTest::hasNoExperts),
        method(
                "KronaB",
                KronaConfig.ofFactor(4, 2).placement(KronaPlacement.FEED_FORWARD).scaling(3))
            .cannotMerge(),
        method(
                "KronaBRes",
                KronaConfig.ofFactor(2, 4).placement(KronaPlacement.FEED_FORWARD_RESIDUAL))
            .cannotMerge(),
        method("Said", SaidConfig.ofDimension(150)).fitting(model -> true),
        method("Did", SaidConfig.ofDimension(30).said(false).targetModules("all-linear")),
        method("Shira", ShiraConfig.ofRank(1)),
        method("TrainableTokens", TrainableTokensConfig.of(5, 9)).fitting(model -> true),
        method("Pfeiffer", BottleneckConfig.pfeiffer().reductionFactor(4))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("Houlsby", BottleneckConfig.houlsby().reductionFactor(4))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("Parallel", BottleneckConfig.parallel().reductionFactor(4)).cannotMerge(),
        method("ScaledParallel", BottleneckConfig.scaledParallel().reductionFactor(4))
            .cannotMerge(),
        method("Bapna", BottleneckConfig.bapna().reductionFactor(4))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("NormedBottleneck", normed()).hasEffectAtOnce().cannotMerge(),
        method(
                "InvertibleBottleneck",
                BottleneckConfig.pfeiffer()
                    .reductionFactor(4)
                    .invAdapterReductionFactor(2)
                    .invAdapter(Invertible.NICE))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("GatedBottleneck", BottleneckConfig.houlsby().reductionFactor(4).useGating(true))
            .hasEffectAtOnce()
            .cannotMerge()
            .gatingRuns(),
        method("Compacter", compacter(BottleneckConfig.compacter()))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("CompacterThatSharesAll", compacterThatSharesAll()).hasEffectAtOnce().cannotMerge(),
        method("CompacterThatSharesNothing", compacterThatSharesNothing())
            .hasEffectAtOnce()
            .cannotMerge(),
        method("AdapterHubPrefix", AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "GatedHubPrefix",
                AdapterHubPrefixConfig.ofVirtualTokens(3)
                    .flat(true)
                    .useGating(true)
                    .sharedGating(false))
            .hasEffectAtOnce()
            .cannotMerge()
            .gatingRuns(),
        method("GatedLora", GatedLoraConfig.ofRank(2)).cannotMerge().gatingRuns(),
        method("LoReft", ReftConfig.loReft().r(2).dropout(0)).hasEffectAtOnce().cannotMerge(),
        method(
                "LoReftOfFirstAndLast",
                ReftConfig.loReft().r(2).dropout(0).prefixPositions(2).suffixPositions(2))
            .hasEffectAtOnce()
            .cannotMerge()
            .fitting(model -> model != TinyModel.TIED_LLAMA && model != TinyModel.T5)
            .gatingRuns(),
        method("NoReft", ReftConfig.noReft().r(2).tiedWeights(true).dropout(0))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("DiReft", ReftConfig.diReft().r(2).dropout(0).nonLinearity(NonLinearity.GELU))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "Mam",
                Mam.of(
                    AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5),
                    BottleneckConfig.parallel()))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "UniPelt",
                UniPelt.of(
                    AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5),
                    BottleneckConfig.pfeiffer().reductionFactor(4),
                    GatedLoraConfig.ofRank(2)))
            .hasEffectAtOnce()
            .cannotMerge()
            .gatingRuns(),
        method("AdapterHubPrompt", AdapterHubPromptConfig.ofVirtualTokens(3))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("Prompt", PromptTuningConfig.ofVirtualTokens(3)).hasEffectAtOnce().cannotMerge(),
        method("Cpt", cpt()).hasEffectAtOnce().cannotMerge(),
        method("PTuningMlp", PTuningConfig.ofVirtualTokens(3).encoderHiddenSize(6))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "PTuningLstm",
                PTuningConfig.ofVirtualTokens(3)
                    .encoderHiddenSize(6)
                    .encoderReparameterizationType(PTuningConfig.Encoder.LSTM))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("Ipt", IptConfig.ofVirtualTokens(2).encoderHiddenSize(6))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "IptTable",
                IptConfig.ofVirtualTokens(2)
                    .tokenTable(IptConfig.Table.RANDOM)
                    .promptEncoder(IptConfig.Encoder.NONE))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "IptConvolution",
                IptConfig.ofVirtualTokens(2)
                    .encoderHiddenSize(6)
                    .tokenTable(IptConfig.Table.COPY)
                    .promptEncoder(IptConfig.Encoder.CNN))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "IptLstm",
                IptConfig.ofVirtualTokens(2)
                    .encoderHiddenSize(6)
                    .promptEncoder(IptConfig.Encoder.LSTM))
            .hasEffectAtOnce()
            .cannotMerge(),
        method(
                "IptOfStates",
                IptConfig.ofVirtualTokens(3)
                    .encoderHiddenSize(6)
                    .promptSource(IptConfig.Source.STATES))
            .hasEffectAtOnce()
            .cannotMerge()
            .gatingRuns(),
        method("Prefix", PrefixTuningConfig.ofVirtualTokens(3)).hasEffectAtOnce().cannotMerge(),
        method(
                "PrefixProjection",
                PrefixTuningConfig.ofVirtualTokens(3).prefixProjection(true).encoderHiddenSize(6))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("Poly", PolyConfig.defaults().r(2).nSplits(2).nSkills(3))
            .cannotMerge()
            .withWholeGradientOf(tensor -> false), // weights are drawn in training, see PolyTest
        method("PreLayer", PreLayerConfig.ofVirtualTokens(3)).hasEffectAtOnce().cannotMerge(),
        method("LlamaAdapter", AdaptionPromptConfig.of(3, 1)).cannotMerge(),
        method(
                "Dylora",
                DyLoraConfig.ofRank(4).rankMultiple(4).frozen(false).targetModules("all-linear"))
            .fitting(MethodsTest::hasNoExperts),
        method("DyloraFrozen", DyLoraConfig.ofRank(3).inferenceRank(2))
            .withWholeGradientOf(tensor -> false),
        method("AdaMix", AdaMixConfig.defaults().reductionFactor(4))
            .hasEffectAtOnce()
            .cannotMerge()
            .withWholeGradientOf(tensor -> false),
        method(
                "AdaMixOfOne",
                AdaMixConfig.of(BottleneckConfig.houlsby().reductionFactor(4))
                    .numExperts(1)
                    .sharingUp(false))
            .hasEffectAtOnce()
            .cannotMerge(),
        method("AdaMixLora", AdaMixLoraConfig.ofRank(2).sharingUp(false))
            .withWholeGradientOf(tensor -> false),
        method("AdaMixLoraOfOne", AdaMixLoraConfig.ofRank(2).numExperts(1)),
        method("SpielAg", spiel(SpielConfig.ag())),
        method("SpielMa", spiel(SpielConfig.ma())),
        method("Sora", SoraConfig.ofRank(2).sparseLambda(0.1)),
        method("Pasta", PastaConfig.defaults().specialTokenIds(List.of(5, 9)).dropout(0))
            .hasEffectAtOnce()
            .cannotMerge()
            .gatingRuns(),
        method("AttentionFusion", AttentionFusionConfig.defaults().dropout(0))
            .fitting(model -> model != TinyModel.TIED_LLAMA)
            .hasEffectAtOnce()
            .cannotMerge()
            .replacingOutput(),
        method("AttentionFusionOfLayers", attentionFusionOfLayers())
            .fitting(model -> model == TinyModel.BERT)
            .hasEffectAtOnce()
            .cannotMerge()
            .replacingOutput(),
        method("Lst", LstConfig.ofReductionFactor(2))
            .fitting(model -> model != TinyModel.TIED_LLAMA && model != TinyModel.MIXTRAL)
            .hasEffectAtOnce()
            .cannotMerge()
            .replacingOutput(),
        method(
                "LstOfOneLayer",
                LstConfig.ofReductionFactor(2).sideLayers(List.of(1)).gateAlpha(0.1))
            .fitting(model -> model != TinyModel.MIXTRAL)
            .hasEffectAtOnce()
            .cannotMerge()
            .replacingOutput(),
        composite(
                "LoraAndPrompt",
                LoraConfig.ofRank(2).targetModules("all-linear"),
                PromptTuningConfig.ofVirtualTokens(3))
            .hasEffectAtOnce()
            .cannotMerge(),
        composite(
                "LoraAndLst",
                LoraConfig.ofRank(2).targetModules("all-linear"),
                LstConfig.ofReductionFactor(2))
            .fitting(model -> model != TinyModel.TIED_LLAMA && model != TinyModel.MIXTRAL)
            .hasEffectAtOnce()
            .cannotMerge()
            .replacingOutput(),
        composite(
                "LoraAndFusion",
                LoraConfig.ofRank(2).targetModules("all-linear"),
                AttentionFusionConfig.defaults().dropout(0))
            .hasEffectAtOnce()
            .cannotMerge()
            .replacingOutput(),
        composite(
            "LoraAndIa3", LoraConfig.ofRank(2).targetModules("all-linear"), Ia3Config.defaults()),
        composite(
                "AdaLoraAndNorms",
                AdaLoraConfig.ofRanks(4, 2).tinit(0).tfinal(1),
                LnTuningConfig.defaults())
            .fitting(MethodsTest::hasNoExperts),
        composite(
                "PromptAndPrefix",
                PromptTuningConfig.ofVirtualTokens(2),
                PrefixTuningConfig.ofVirtualTokens(3))
            .hasEffectAtOnce()
            .cannotMerge());
  }

  private static AttentionFusionConfig attentionFusionOfLayers() {
    return AttentionFusionConfig.defaults().dropout(0).includeEmbeddings(false);
  }

  private static MethodCase composite(String name, PeftConfig... parts) {
    return method(name, CompositeConfig.of(parts));
  }

  private static MethodCase method(String name, PeftConfig config) {
    return MethodCase.of(name, config);
  }

  /** The estimated gradient of a score is not that of the mask, which is constant. */
  private static boolean isNoScore(String tensor) {
    return !tensor.endsWith("mask_scores");
  }

  /** A factor of the table and its transpose in the output have a gradient each, and one value. */
  private static boolean isNotTied(String tensor) {
    return !tensor.contains("lm_head") && !tensor.contains("embedding");
  }

  /** The length of W + s B A counts as constant, by the paper's section 4.3. */
  private static MethodCase dora(String name, LoraConfig config) {
    return method(name, config).withWholeGradientOf(tensor -> tensor.endsWith("magnitude_vector"));
  }

  /** With experts, all-linear means tensors that are no modules, see {@code ExpertsTest}. */
  private static boolean hasNoExperts(TinyModel model) {
    return model != TinyModel.TIED_LLAMA && model != TinyModel.MIXTRAL;
  }

  private static RandLoraConfig sparseRandLora() {
    return RandLoraConfig.ofRank(5).randloraAlpha(1).sparse(true).targetModules("all-linear");
  }

  /** The balls are larger than what the contract's tensors move by: projected, they would stay. */
  private static CptConfig cpt() {
    return CptConfig.of(List.of(5, 9, 6, 7), List.of(1, 2, 3, 4))
        .optProjectionEpsilon(1000)
        .optProjectionFormatEpsilon(1000);
  }

  private static VbLoraConfig vbLora() {
    return VbLoraConfig.ofRank(2).numVectors(6).vectorLength(4);
  }

  private static HiraConfig hiraOfEmbeddings() {
    return HiraConfig.ofRank(2)
        .targetModules("embed_tokens", "word_embeddings", "shared", "q_proj", "query", "q")
        .initWeights(HiraInitialization.GAUSSIAN);
  }

  /** Entries are exchanged after the first step and the third. */
  private static SpielConfig spiel(SpielConfig config) {
    return config.density(0.1).selectionAccumulationSteps(1).reselectionSteps(2);
  }

  /** A bottleneck with all that a config can add to it. */
  private static BottleneckConfig normed() {
    BottleneckConfig config = BottleneckConfig.houlsby().reductionFactor(4).crossAdapter(true);
    config = config.lnBefore(true).lnAfter(true);
    config = config.originalLnBefore(true);
    config = config.residualBeforeLn(Residual.SUM);
    return config.scaling(Scaling.CHANNEL);
  }

  private static BottleneckConfig compacter(BottleneckConfig config) {
    return config.reductionFactor(2).phmDim(2);
  }

  private static BottleneckConfig compacterThatSharesAll() {
    BottleneckConfig config = compacter(BottleneckConfig.compacterPlusPlus());
    config = config.sharedWPhm(true).factorizedPhmRule(true);
    config = config.phmCInit(PhmInit.UNIFORM);
    return config.phmBias(false);
  }

  private static BottleneckConfig compacterThatSharesNothing() {
    BottleneckConfig config = compacter(BottleneckConfig.compacterPlusPlus());
    config = config.learnPhm(false).factorizedPhmW(false);
    return config.sharedPhmRule(false);
  }
}
