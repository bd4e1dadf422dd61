package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.SharedFolder;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A model that was trained on stories writes what it wrote in Python. */
class StoriesTest {

  private static final GenerationConfig SAMPLING =
      GenerationConfig.sampling(0.9).topK(40).topP(0.95).maxNewTokens(25);

  private static PeftModel model;
  private static JsonObject expected;

  @BeforeAll
  static void load() throws IOException {
    Path folder = SharedFolder.require("models/stories260K");
    expected =
        JsonParser.parseString(Files.readString(folder.resolve("expected.json"))).getAsJsonObject();
    model = Peft.from(folder).device(Device.cpu()).load();
  }

  @AfterAll
  static void close() {
    if (model != null) {
      model.close();
    }
  }

  private static long[] longs(String field) {
    return StreamSupport.stream(expected.getAsJsonArray(field).spliterator(), false)
        .mapToLong(JsonElement::getAsLong)
        .toArray();
  }

  @Test
  void greedyIdsAndTextAreThoseOfTheReference() {
    long[] start = longs("greedy_from");
    long[] ids = longs("greedy_ids");
    int count = ids.length - start.length;

    Generation generation =
        model.generator().generate(start, GenerationConfig.greedy().maxNewTokens(count));

    assertThat(generation.ids()).containsExactly(Arrays.copyOfRange(ids, start.length, ids.length));
    assertThat(generation.text()).isEqualTo(expected.get("greedy_text").getAsString());
    assertThat(generation.finishReason()).isEqualTo(FinishReason.MAX_NEW_TOKENS);
    assertThat(generation.promptTokens()).isEqualTo(start.length);
  }

  @Test
  void theLossIsThatOfTheReference() {
    long[] ids = model.tokenizer().encode(expected.get("loss_of").getAsString());
    try (Scope scope = new Scope();
        Pass pass = Pass.inference(ActiveAdapters.NONE)) {
      long[][] rows = {ids};
      float sum =
          Autograd.without(
              () ->
                  Tensors.floats(
                      model
                          .base()
                          .head()
                          .loss(
                              model
                                  .base()
                                  .hidden(ModelInput.of(model.base().manager(), rows, null), pass),
                              new LossTargets.NextTokens(rows),
                              pass))[0]);

      assertThat(sum / (ids.length - 1))
          .isCloseTo(expected.get("loss").getAsFloat(), within(1e-4f));
    }
  }

  @Test
  void aStoryGoesOnAsItBegan() {
    List<String> pieces = new ArrayList<>();

    Generation generation =
        model.generate("Once upon a time", GenerationConfig.greedy().maxNewTokens(40), pieces::add);

    assertThat(expected.get("greedy_text").getAsString())
        .startsWith("Once upon a time" + generation.text());
    assertThat(String.join("", pieces)).isEqualTo(generation.text());
    assertThat(pieces.size()).isGreaterThan(20);
  }

  @Test
  void aBatchWritesWhatItsRowsWriteAlone() {
    List<String> prompts =
        List.of(
            "Once upon a time", "Lily and Tom went to the park. They saw a big dog!", "", "Tom");
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(30);

    List<Generation> batch = model.generate(prompts, config);

    for (int i = 0; i < prompts.size(); i++) {
      assertThat(batch.get(i).text()).isEqualTo(model.generate(prompts.get(i), config).text());
    }
  }

  @Test
  void theSeedDecides() {
    String story = model.generate("Once", SAMPLING.seed(1)).text();

    assertThat(model.generate("Once", SAMPLING.seed(1)).text()).isEqualTo(story);
    assertThat(model.generate("Once", SAMPLING.seed(2)).text()).isNotEqualTo(story);
    assertThat(model.generate("Once", SAMPLING.temperature(1e-5)).text())
        .isEqualTo(model.generate("Once", GenerationConfig.greedy().maxNewTokens(25)).text());
  }

  @Test
  void stopsAtAString() {
    Generation generation =
        model.generate("Once upon a time", GenerationConfig.greedy().stopAt(" Lily"));

    assertThat(generation.text()).isEqualTo(", there was a little girl named");
    assertThat(generation.finishReason()).isEqualTo(FinishReason.STOP_STRING);
  }

  @Test
  void twoHundredTokensLeaveNothingBehind() {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(200).stopAtIds();
    model.generate("Once", config);
    long before = Tensors.live();

    Generation generation = model.generate("Once", config);

    assertThat(generation.newTokens()).isEqualTo(200);
    assertThat(Tensors.live()).isEqualTo(before);
    System.out.printf(
        "stories260K: %.0f tokens/s, a batch of 8: %.0f%n",
        generation.tokensPerSecond(),
        model.generate(Collections.nCopies(8, "Once"), config.maxNewTokens(50)).stream()
            .mapToDouble(Generation::tokensPerSecond)
            .sum());
  }
}
