package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Tensors;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Beam search with adapters: alone, in parallel, with and without a cache. */
class BeamsTest {

  private static final List<String> PROMPTS = List.of("w5 w17 w8 w30 w22", "w12 w4", "w21");
  private static final List<String> ADAPTERS =
      List.of("lora", "ia3", "prefix", "prompt", "p-tuning");
  private static final GenerationConfig BEAMS =
      GenerationConfig.beams(3).maxNewTokens(10).stopAtIds(36).numReturnSequences(2);

  @TempDir Path folder;

  private PeftModel load(String name) throws IOException, URISyntaxException {
    Path source =
        Path.of(
            Objects.requireNonNull(getClass().getResource("/golden-generated/" + name)).toURI());
    for (String file : List.of("config.json", "generation_config.json", "model.safetensors")) {
      Files.copy(source.resolve(file), folder.resolve(file));
    }
    Files.writeString(folder.resolve("tokenizer.json"), TinyModels.tokenizer(40));
    PeftModel model = Peft.from(folder).device(Device.cpu()).load();
    for (String adapter : ADAPTERS) {
      model.loadAdapter(adapter, source.resolve(adapter));
    }
    return model;
  }

  private static List<List<Long>> ids(List<Generation> texts) {
    return texts.stream().map(text -> LongStream.of(text.ids()).boxed().toList()).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-t5", "tiny-t5-gated"})
  void adaptersSearchAsTheyDoWithoutCacheAndAlone(String name)
      throws IOException, URISyntaxException {
    try (PeftModel model = load(name)) {
      for (String adapter : ADAPTERS) {
        List<Generation> texts = model.using(adapter).generate(PROMPTS, BEAMS);

        assertThat(ids(texts))
            .as(adapter)
            .isEqualTo(ids(model.using(adapter).generate(PROMPTS, BEAMS.useCache(false))));
        for (int i = 0; i < PROMPTS.size(); i++) {
          assertThat(ids(texts.subList(2 * i, 2 * i + 2)))
              .as("%s, prompt %d alone", adapter, i)
              .isEqualTo(ids(model.using(adapter).generate(PROMPTS.subList(i, i + 1), BEAMS)));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-t5"})
  void parallelAdaptersSearchBesideEachOther(String name) throws IOException, URISyntaxException {
    try (PeftModel model = load(name)) {
      List<Generation> both =
          model.using(Composition.parallel("lora", "ia3")).generate(PROMPTS, BEAMS);

      assertThat(ids(both))
          .isEqualTo(
              Stream.of("lora", "ia3")
                  .flatMap(one -> ids(model.using(one).generate(PROMPTS, BEAMS)).stream())
                  .toList());
      long before = Tensors.live();
      model.using(Composition.parallel("lora", "ia3")).generate(PROMPTS, BEAMS);
      model.using("prefix").generate(PROMPTS, BEAMS);
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama"})
  void anAdapterForEachPromptIsRefused(String name) throws IOException, URISyntaxException {
    try (PeftModel model = load(name)) {
      Composition rows = Composition.perRow("lora", "ia3", "lora");

      assertThatThrownBy(() -> model.using(rows).generate(PROMPTS, BEAMS))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("perRow(lora, ia3, lora) has an adapter for each prompt");
    }
  }
}
