package io.github.peft4j.methods;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.boft.BoftConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.bottleneck.Residual;
import io.github.peft4j.methods.bottleneck.Scaling;
import io.github.peft4j.methods.fourierft.FourierFtConfig;
import io.github.peft4j.methods.full.FullConfig;
import io.github.peft4j.methods.hra.HraConfig;
import io.github.peft4j.methods.hubprefix.HubPrefixConfig;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lntuning.LnTuningConfig;
import io.github.peft4j.methods.loha.LohaConfig;
import io.github.peft4j.methods.lokr.LokrConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.LoraInitialization;
import io.github.peft4j.methods.miss.MissConfig;
import io.github.peft4j.methods.miss.MissInitialization;
import io.github.peft4j.methods.oft.OftConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.methods.tokens.TrainableTokensConfig;
import io.github.peft4j.methods.vera.VeraConfig;
import org.junit.jupiter.api.Nested;

/** Every method keeps to the contract. */
class MethodsTest {

  @Nested
  class Lora extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).targetingAllLinear();
    }
  }

  @Nested
  class Dora extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).targetingAllLinear().dora();
    }

    /** The length of W + s B A counts as constant, by the paper's section 4.3. */
    @Override
    boolean hasWholeGradient(String tensor) {
      return tensor.endsWith("magnitude_vector");
    }
  }

  @Nested
  class LoraWithTokens extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).trainingTokens(5, 9);
    }

    @Override
    boolean fits(TinyModel model) {
      return true;
    }
  }

  @Nested
  class TiedLora extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).targeting("q_proj", "query", "q", "lm_head").tyingWeights();
    }

    @Override
    boolean fits(TinyModel model) {
      return true;
    }

    /**
     * A factor of the table and its transpose in the output have a gradient each, and one value.
     */
    @Override
    boolean hasWholeGradient(String tensor) {
      return !tensor.contains("lm_head") && !tensor.contains("embedding");
    }
  }

  @Nested
  class TiedDora extends TiedLora {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2)
          .targeting("q_proj", "query", "q", "embed_tokens", "lm_head")
          .tyingWeights()
          .dora();
    }

    @Override
    boolean hasWholeGradient(String tensor) {
      return tensor.endsWith("magnitude_vector");
    }
  }

  @Nested
  class LoraWithTiedOutput extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).saving("embed_tokens", "lm_head").tyingWeights();
    }

    @Override
    boolean fits(TinyModel model) {
      return model == TinyModel.TIED_LLAMA;
    }
  }

  @Nested
  class LoraOnTensors extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2)
          .targeting("v_proj", "value", "v")
          .targetingParameters("k_proj.weight", "key.weight", "k.weight", "embeddings.weight");
    }
  }

  @Nested
  class Pissa extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).targetingAllLinear().initialization(LoraInitialization.PISSA);
    }
  }

  @Nested
  class FastPissa extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).alpha(3).initialization(LoraInitialization.pissa(4));
    }
  }

  @Nested
  class Olora extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).alpha(3).initialization(LoraInitialization.OLORA);
    }
  }

  @Nested
  class OrthogonalLora extends MethodContract {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).initialization(LoraInitialization.ORTHOGONAL);
    }
  }

  @Nested
  class DoraOfEmbeddings extends Dora {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2)
          .targeting("embed_tokens", "word_embeddings", "shared", "q", "query", "q_proj")
          .dora();
    }
  }

  @Nested
  class PissaDora extends Dora {
    @Override
    PeftConfig config() {
      return LoraConfig.ofRank(2).dora().initialization(LoraInitialization.PISSA);
    }
  }

  @Nested
  class AdaLora extends MethodContract {
    @Override
    PeftConfig config() {
      return AdaLoraConfig.ofRanks(4, 2).warmup(0, 1);
    }
  }

  @Nested
  class Ia3 extends MethodContract {
    @Override
    PeftConfig config() {
      return Ia3Config.defaults();
    }
  }

  @Nested
  class BitFit extends MethodContract {
    @Override
    PeftConfig config() {
      return BitFitConfig.defaults();
    }

    @Override
    boolean fits(TinyModel model) {
      return model == TinyModel.BERT;
    }
  }

  @Nested
  class LnTuning extends MethodContract {
    @Override
    PeftConfig config() {
      return LnTuningConfig.defaults();
    }
  }

  @Nested
  class Full extends MethodContract {
    @Override
    PeftConfig config() {
      return FullConfig.defaults();
    }

    @Override
    boolean fits(TinyModel model) {
      return true;
    }
  }

  @Nested
  class Vera extends MethodContract {
    @Override
    PeftConfig config() {
      return VeraConfig.ofRank(4);
    }
  }

  @Nested
  class VeraWithoutProjections extends MethodContract {
    @Override
    PeftConfig config() {
      return Configs.with(VeraConfig.ofRank(4), "saveProjection", false);
    }
  }

  @Nested
  class Loha extends MethodContract {
    @Override
    PeftConfig config() {
      return LohaConfig.ofRank(2);
    }
  }

  @Nested
  class Lokr extends MethodContract {
    @Override
    PeftConfig config() {
      return LokrConfig.ofRank(1).factor(2);
    }
  }

  @Nested
  class LokrOfWholeFactors extends MethodContract {
    @Override
    PeftConfig config() {
      return LokrConfig.ofRank(8);
    }
  }

  @Nested
  class Oft extends MethodContract {
    @Override
    PeftConfig config() {
      return OftConfig.ofBlockSize(4);
    }
  }

  @Nested
  class OftExact extends MethodContract {
    @Override
    PeftConfig config() {
      return OftConfig.ofBlockSize(4).exact();
    }
  }

  @Nested
  class Boft extends MethodContract {
    @Override
    PeftConfig config() {
      return BoftConfig.ofBlockSize(4);
    }
  }

  @Nested
  class BoftOfTwoLayers extends MethodContract {
    @Override
    PeftConfig config() {
      return BoftConfig.ofBlockSize(4).butterflies(2);
    }
  }

  @Nested
  class Hra extends MethodContract {
    @Override
    PeftConfig config() {
      return HraConfig.ofRank(4);
    }
  }

  @Nested
  class Miss extends MethodContract {
    @Override
    PeftConfig config() {
      return MissConfig.ofRank(5);
    }
  }

  @Nested
  class Bat extends MethodContract {
    @Override
    PeftConfig config() {
      return Configs.with(MissConfig.ofRank(4), "initWeights", MissInitialization.BAT);
    }
  }

  @Nested
  class OftOfEmbeddings extends MethodContract {
    @Override
    PeftConfig config() {
      return OftConfig.ofBlockSize(4)
          .targeting("embed_tokens", "word_embeddings", "shared", "q_proj", "query", "q");
    }
  }

  @Nested
  class OftWithBiases extends MethodContract {
    @Override
    PeftConfig config() {
      return OftConfig.ofBlockSize(4).exact().bias("all");
    }
  }

  @Nested
  class FourierFt extends MethodContract {
    @Override
    PeftConfig config() {
      return FourierFtConfig.ofFrequencies(12);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }
  }

  @Nested
  class Shira extends MethodContract {
    @Override
    PeftConfig config() {
      return ShiraConfig.ofRank(1);
    }
  }

  @Nested
  class TrainableTokens extends MethodContract {
    @Override
    PeftConfig config() {
      return TrainableTokensConfig.of(5, 9);
    }

    @Override
    boolean fits(TinyModel model) {
      return true;
    }
  }

  @Nested
  class Pfeiffer extends MethodContract {
    @Override
    PeftConfig config() {
      return BottleneckConfig.pfeiffer().reduction(4);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class Houlsby extends MethodContract {
    @Override
    PeftConfig config() {
      return BottleneckConfig.houlsby().reduction(4);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class Parallel extends MethodContract {
    @Override
    PeftConfig config() {
      return BottleneckConfig.parallel().reduction(4);
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class ScaledParallel extends MethodContract {
    @Override
    PeftConfig config() {
      return BottleneckConfig.scaledParallel().reduction(4);
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class NormedBottleneck extends MethodContract {
    @Override
    PeftConfig config() {
      BottleneckConfig config =
          Configs.with(BottleneckConfig.houlsby().reduction(4), "crossAdapter", true);
      config = Configs.with(Configs.with(config, "lnBefore", true), "lnAfter", true);
      config = Configs.with(config, "originalLnBefore", true);
      config = Configs.with(config, "residualBeforeLn", Residual.SUM);
      return Configs.with(config, "scaling", Scaling.CHANNEL);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class HubPrefix extends MethodContract {
    @Override
    PeftConfig config() {
      return HubPrefixConfig.ofTokens(3).bottleneck(5);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }

    @Override
    boolean fits(TinyModel model) {
      return super.fits(model) && model != TinyModel.T5;
    }
  }

  @Nested
  class Prompt extends MethodContract {
    @Override
    PeftConfig config() {
      return PromptTuningConfig.ofTokens(3);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class PTuningMlp extends MethodContract {
    @Override
    PeftConfig config() {
      return PTuningConfig.ofTokens(3).hiddenSize(6);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class PTuningLstm extends MethodContract {
    @Override
    PeftConfig config() {
      return PTuningConfig.ofTokens(3).hiddenSize(6).encoder(PTuningConfig.Encoder.LSTM);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class Prefix extends MethodContract {
    @Override
    PeftConfig config() {
      return PrefixTuningConfig.ofTokens(3);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class PrefixProjection extends MethodContract {
    @Override
    PeftConfig config() {
      return PrefixTuningConfig.ofTokens(3).projection(6);
    }

    @Override
    boolean startsWithoutEffect() {
      return false;
    }

    @Override
    boolean merges() {
      return false;
    }
  }

  @Nested
  class LlamaAdapter extends MethodContract {
    @Override
    PeftConfig config() {
      return AdaptionPromptConfig.of(3, 1);
    }

    @Override
    boolean merges() {
      return false;
    }
  }
}
