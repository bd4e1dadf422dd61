package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Classifications;
import ai.djl.nn.Block;
import ai.djl.translate.TranslateException;
import io.github.peft4j.AdapterView;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.translate.CausalLmTranslator;
import io.github.peft4j.translate.TextClassificationTranslator;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** DJL's predictors with an encoder-decoder, and with an adapter each. */
class PredictorsTest {

  @TempDir private Path folder;

  private static Model djl(Block block) {
    Model djl = Model.newInstance("test", "PyTorch");
    djl.setBlock(block);
    return djl;
  }

  @Test
  void anEncoderDecoderAnswersPrompts() throws TranslateException {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(6);
    List<String> prompts = List.of("w3 w4", "w5");
    try (PeftModel model = Peft.load(TinyModels.copy("tiny-t5", folder.resolve("t5")).toString());
        Model djl = djl(model);
        Predictor<String, String> predictor =
            djl.newPredictor(new CausalLmTranslator(model, model.tokenizer(), config))) {
      assertThat(predictor.batchPredict(prompts))
          .containsExactly(
              model.generate(prompts.get(0), config).text(),
              model.generate(prompts.get(1), config).text());
    }
  }

  @Test
  void eachViewHasAPredictorOfItsOwn() throws TranslateException {
    try (PeftModel model =
        Peft.load(
            TinyModels.copy("tiny-bert", folder.resolve("bert")).toString(),
            Task.classification("no", "yes"))) {
      model.adapt("one", LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM));
      model.adapt("two", LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM));
      AdapterView one = model.using("one");
      AdapterView two = model.using("two");
      try (Model first = djl(one);
          Model second = djl(two);
          Predictor<String, Classifications> ofOne =
              first.newPredictor(new TextClassificationTranslator(one, one.tokenizer()));
          Predictor<String, Classifications> ofTwo =
              second.newPredictor(new TextClassificationTranslator(two, two.tokenizer()));
          Predictor<String, Classifications> mixed =
              first.newPredictor(new TextClassificationTranslator(two, two.tokenizer()))) {
        double yes = ofOne.predict("w3 w4").get("yes").getProbability();
        assertThat(yes).isCloseTo(one.classify("w3 w4").get("yes").getProbability(), within(1e-6));
        assertThat(ofTwo.predict("w3 w4").get("yes").getProbability())
            .isCloseTo(two.classify("w3 w4").get("yes").getProbability(), within(1e-6))
            .isNotCloseTo(yes, within(1e-6));
        assertThatThrownBy(() -> mixed.predict("w3")).hasMessageContaining("another model");
      }
    }
  }
}
