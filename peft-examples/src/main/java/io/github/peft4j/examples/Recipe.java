package io.github.peft4j.examples;

import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adamix.AdaMixConfig;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.attentionfusion.AttentionFusionConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.c3a.C3aConfig;
import io.github.peft4j.methods.c3a.C3aInitialization;
import io.github.peft4j.methods.childtuning.ChildTuningConfig;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.delora.DeloraConfig;
import io.github.peft4j.methods.diffpruning.DiffPruningConfig;
import io.github.peft4j.methods.dylora.DyLoraConfig;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;
import io.github.peft4j.methods.gralora.GraloraConfig;
import io.github.peft4j.methods.hira.HiraConfig;
import io.github.peft4j.methods.hra.HraConfig;
import io.github.peft4j.methods.hybrid.Mam;
import io.github.peft4j.methods.hybrid.UniPelt;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.ipt.IptConfig;
import io.github.peft4j.methods.krona.KronaConfig;
import io.github.peft4j.methods.lily.LilyConfig;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.methods.ltsft.LtSftConfig;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.pasta.PastaConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prelayer.PreLayerConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.pruning.PruningConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.randlora.RandLoraConfig;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.methods.road.RoadConfig;
import io.github.peft4j.methods.said.SaidConfig;
import io.github.peft4j.methods.selective.SelectiveConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.sora.SoraConfig;
import io.github.peft4j.methods.spiel.SpielConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import io.github.peft4j.methods.waveft.WaveFtConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.optimizer.LearningRateSchedule;
import io.github.peft4j.transformer.TransformerModel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A method with settings that work well on a BERT classifier. The modules are those of the model
 * ({@link ModelModules}). Its pooler and classifier are also trained, with every method that can
 * name further modules.
 *
 * @param config the method's config
 * @param learningRate the peak learning rate
 */
record Recipe(PeftConfig config, double learningRate) {

  /** [CLS], [SEP], full stop, comma and question mark of BERT's vocabulary. */
  private static final int[] MARKS = {101, 102, 1012, 1010, 1029};

  /** Creates a recipe for the modules of a model and a number of steps. */
  private interface Maker {
    Recipe make(ModelModules modules, long steps);
  }

  /** The recipes by the names that {@code --method} takes. */
  private static final Map<String, Maker> RECIPES = new LinkedHashMap<>();

  static {
    RECIPES.put("head", (m, n) -> new Recipe(FullConfig.defaults().targetModules(head(m)), 1e-3));
    add("full", 5e-5, m -> FullConfig.defaults());
    add("child-f", 1e-4, m -> ChildTuningConfig.free());
    add("diff-pruning", 1e-3, m -> DiffPruningConfig.defaults().modulesToSave(saved(m)));
    add("magnitude", 2e-4, m -> PruningConfig.magnitude(0.15));
    add("lt-sft", 1e-3, m -> LtSftConfig.defaults().modulesToSave(saved(m)));
    add("top-2", 1e-4, m -> SelectiveConfig.topTwo());
    add("xattn", 3e-5, m -> SelectiveConfig.crossAttention());
    add("bitfit", 1e-3, m -> BitFitConfig.defaults().modulesToSave(saved(m)));
    add("ln-tuning", 1e-3, m -> LnTuningConfig.defaults().modulesToSave(saved(m)));
    add("lora", 1e-3, m -> lora(m).targetModules(m.attention()));
    add("lora-all", 1e-3, m -> lora(m).targetModules("all-linear").excludeModules(head(m)));
    add("dora", 1e-3, m -> lora(m).targetModules(m.attention()).useDora(true));
    RECIPES.put("adalora", (m, steps) -> new Recipe(adaLora(m, steps), 2e-3));
    add("ia3", 5e-3, Recipe::ia3);
    add("prefix", 5e-3, m -> PrefixTuningConfig.ofVirtualTokens(20).modulesToSave(saved(m)));
    add("pre-layer", 5e-3, m -> PreLayerConfig.ofVirtualTokens(20).modulesToSave(saved(m)));
    add("prompt", 5e-3, m -> PromptTuningConfig.ofVirtualTokens(20).modulesToSave(saved(m)));
    add(
        "p-tuning",
        2e-3,
        m -> PTuningConfig.ofVirtualTokens(20).encoderHiddenSize(128).modulesToSave(saved(m)));
    add("ipt", 5e-3, m -> IptConfig.ofVirtualTokens(20).modulesToSave(saved(m)));
    add("pfeiffer", 1e-3, m -> BottleneckConfig.pfeiffer().modulesToSave(saved(m)));
    add("houlsby", 1e-3, m -> BottleneckConfig.houlsby().modulesToSave(saved(m)));
    add("parallel", 1e-3, m -> BottleneckConfig.parallel().modulesToSave(saved(m)));
    add("scaled-parallel", 1e-3, m -> BottleneckConfig.scaledParallel().modulesToSave(saved(m)));
    add(
        "gated-lora",
        1e-3,
        m -> GatedLoraConfig.ofRank(8).targetModules(m.attention()).modulesToSave(saved(m)));
    add("loreft", 2e-3, m -> ReftConfig.loReft().r(4).modulesToSave(saved(m)));
    add("direft", 2e-3, m -> ReftConfig.diReft().r(4).modulesToSave(saved(m)));
    add("mam", 5e-4, m -> Mam.of(prefix(m, 30).bottleneckSize(800), BottleneckConfig.parallel()));
    add(
        "unipelt",
        5e-4,
        m ->
            UniPelt.of(
                prefix(m, 10),
                BottleneckConfig.pfeiffer(),
                GatedLoraConfig.ofRank(8).targetModules(m.attention())));
    add(
        "vera",
        5e-3,
        m -> VeraConfig.ofRank(256).targetModules(m.attention()).modulesToSave(saved(m)));
    add("hira", 3e-3, m -> on(m, HiraConfig.ofRank(32)));
    add("lily", 1e-3, m -> on(m, LilyConfig.ofRank(16).strideA(2)));
    add("vblora", 5e-3, m -> on(m, VbLoraConfig.ofRank(4).vectorLength(64)));
    add(
        "road",
        5e-3,
        m -> RoadConfig.defaults().targetModules(m.attention()).modulesToSave(saved(m)));
    add(
        "randlora",
        5e-4,
        m -> RandLoraConfig.ofRank(32).targetModules(m.attention()).modulesToSave(saved(m)));
    add("loha", 1e-3, m -> on(m, LohaConfig.ofRank(8)));
    add("lokr", 1e-3, m -> on(m, LokrConfig.ofRank(8)));
    add("oft", 1e-3, m -> on(m, OftConfig.ofBlockSize(32)));
    add("boft", 1e-3, m -> on(m, BoftConfig.ofBlockSize(4)));
    add("hra", 1e-3, m -> on(m, HraConfig.ofRank(8)));
    add("miss", 1e-3, m -> on(m, MissConfig.ofRank(16)));
    add("fourierft", 1e-2, m -> on(m, FourierFtConfig.ofFrequencies(1000)));
    add("waveft", 1e-3, m -> on(m, WaveFtConfig.ofFrequencies(2592)));
    add("c3a", 5e-3, m -> on(m, C3aConfig.ofBlockSize(128).initWeights(C3aInitialization.ZEROS)));
    add("delora", 1e-3, m -> on(m, DeloraConfig.ofRank(8)));
    add("gralora", 1e-3, m -> on(m, GraloraConfig.ofRank(8)));
    add("krona", 1e-2, m -> on(m, KronaConfig.ofFactor(32, 32)));
    add(
        "said",
        1e-2,
        m -> SaidConfig.ofDimension(500).targetModules(m.attention()).modulesToSave(saved(m)));
    add("adamix", 1e-3, m -> AdaMixConfig.defaults().modulesToSave(saved(m)));
    add("adamix-lora", 1e-3, m -> on(m, AdaMixLoraConfig.ofRank(4)));
    add("dylora", 1e-3, m -> on(m, DyLoraConfig.ofRank(8)));
    add("spiel", 1e-3, m -> SpielConfig.ag().modulesToSave(saved(m)));
    add("spiel-ma", 1e-2, m -> SpielConfig.ma().modulesToSave(saved(m)));
    add("sora", 1e-3, m -> on(m, SoraConfig.ofRank(8).sparseLambda2(3e-4)));
    add("attention-fusion", 1e-3, m -> AttentionFusionConfig.defaults().modulesToSave(saved(m)));
    add("lst", 3e-3, m -> LstConfig.defaults().modulesToSave(saved(m)));
    add("pasta", 5e-3, m -> PastaConfig.defaults().modulesToSave(saved(m)));
    add(
        "shira",
        1e-3,
        m -> ShiraConfig.ofRank(8).targetModules(m.attention()).modulesToSave(saved(m)));
    add("tokens", 1e-3, m -> TrainableTokensConfig.of(MARKS));
    add("adaption-prompt", 5e-3, m -> AdaptionPromptConfig.of(10, 4));
  }

  private static void add(
      String method, double learningRate, Function<ModelModules, PeftConfig> config) {
    RECIPES.put(method, (modules, steps) -> new Recipe(config.apply(modules), learningRate));
  }

  private static AdapterHubPrefixConfig prefix(ModelModules modules, int n) {
    return AdapterHubPrefixConfig.ofVirtualTokens(n).modulesToSave(saved(modules));
  }

  private static LoraConfig lora(ModelModules modules) {
    return LoraConfig.ofRank(8).loraAlpha(16).loraDropout(0.1).modulesToSave(saved(modules));
  }

  private static Ia3Config ia3(ModelModules modules) {
    return Ia3Config.defaults()
        .targetModules(modules.scaled())
        .feedforwardModules(modules.feedForward())
        .modulesToSave(saved(modules));
  }

  /** Prunes from step 100 until 200 steps before the end, or in proportion in a short run. */
  private static AdaLoraConfig adaLora(ModelModules modules, long steps) {
    int before = steps > 350 ? 100 : (int) (steps / 8);
    return on(modules, AdaLoraConfig.ofRanks(12, 8).loraAlpha(16).tinit(before).tfinal(2 * before));
  }

  /** Adapts queries and values, and trains the model's head. */
  private static <C extends LinearConfig<C>> C on(ModelModules modules, C config) {
    return config.targets(
        config.targets().targetModules(modules.attention()).modulesToSave(saved(modules)));
  }

  private static String[] head(ModelModules modules) {
    return modules.head().toArray(String[]::new);
  }

  private static @Nullable List<String> saved(ModelModules modules) {
    return modules.saved().isEmpty() ? null : modules.saved();
  }

  /** The names of all recipes. */
  static List<String> names() {
    return List.copyOf(RECIPES.keySet());
  }

  /**
   * The recipe of a method for a model.
   *
   * @param model the model to adapt
   * @param steps the number of training steps
   * @throws IllegalArgumentException naming the known methods
   */
  static Recipe of(String method, TransformerModel model, long steps) {
    requireKnown(method);
    return Objects.requireNonNull(RECIPES.get(method)).make(ModelModules.of(model), steps);
  }

  /**
   * Refuses a method without a recipe.
   *
   * @throws IllegalArgumentException naming the known methods
   */
  static void requireKnown(String method) {
    if (!RECIPES.containsKey(method)) {
      throw new IllegalArgumentException(
          "no recipe for method '" + method + "'; there are " + RECIPES.keySet());
    }
  }

  /** A copy with another learning rate. */
  Recipe withLearningRate(double rate) {
    return new Recipe(config, rate);
  }

  /** A training of the model's active adapter, which still needs its data. */
  FineTuner training(PeftModel model) {
    return FineTuner.of(model)
        .batchSize(32)
        .learningRate(learningRate)
        .schedule(this::schedule)
        .weightDecay(0.01)
        .clip(1.0);
  }

  /** A linear warm-up over 6 % of all steps, then a fall to 0. */
  private LearningRateSchedule schedule(long steps) {
    double warmup = 0.06 * steps;
    return step ->
        learningRate
            * Math.min(1, Math.min((step + 1) / warmup, (steps - step) / (steps - warmup)));
  }
}
