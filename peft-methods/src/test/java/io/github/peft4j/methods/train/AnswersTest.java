package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.generate.FinishReason;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Text to text: what was learned is written. */
class AnswersTest {

  @TempDir Path folder;

  /** A copy of the model whose tokenizer ends texts with an end-of-text token, as T5's does. */
  private Path model() throws IOException {
    Path model = TinyModels.copy("tiny-t5", folder.resolve("t5"));
    Path tokenizer = model.resolve("tokenizer.json");
    String json = Files.readString(tokenizer);
    assertThat(json).contains("\"post_processor\": null");
    Files.writeString(
        tokenizer,
        json.replace(
            "\"post_processor\": null",
            """
            "post_processor": {"type": "TemplateProcessing",
              "single": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"SpecialToken": {"id": "</s>", "type_id": 0}}],
              "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                       {"Sequence": {"id": "B", "type_id": 1}}],
              "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}\
            """));
    Path config = model.resolve("config.json");
    String settings = Files.readString(config);
    assertThat(settings).contains("\"eos_token_id\": 1");
    Files.writeString(config, settings.replace("\"eos_token_id\": 1", "\"eos_token_id\": 2"));
    return model;
  }

  @Test
  void anEncoderDecoderWritesTheAnswersThatItLearned() throws IOException {
    List<PromptExample> examples =
        List.of(
            new PromptExample("w5 w6 w7", "w20 w21"),
            new PromptExample("w8 w9", "w30"),
            new PromptExample("w10 w11 w12 w13", "w25 w20 w33"),
            new PromptExample("w14", "w9 w9"));
    List<String> prompts = examples.stream().map(PromptExample::prompt).toList();
    List<String> answers = examples.stream().map(PromptExample::answer).toList();
    Path base = model();
    Path adapter = folder.resolve("adapter");
    try (PeftModel model =
        Peft.load(base.toString()).adapt(LoraConfig.ofRank(16).targetModules("all-linear"))) {
      FineTuner.of(model)
          .on(Examples.of(examples))
          .epochs(150)
          .batchSize(4)
          .learningRate(2e-2)
          .run();
      List<Generation> texts = model.generate(prompts, GenerationConfig.greedy());
      assertThat(texts).extracting(Generation::text).isEqualTo(answers);
      assertThat(texts).extracting(Generation::finishReason).containsOnly(FinishReason.STOP_TOKEN);
      assertThat(model.disable().generate(prompts.get(0))).isNotEqualTo(answers.get(0));
      model.enable().save(adapter.toString());
    }
    try (PeftModel model = Peft.load(base.toString()).loadAdapter(adapter.toString())) {
      assertThat(model.generate(prompts.get(2))).isEqualTo(answers.get(2));
    }
  }
}
