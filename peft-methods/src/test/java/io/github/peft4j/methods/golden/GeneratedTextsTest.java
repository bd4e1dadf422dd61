package io.github.peft4j.methods.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.generate.FinishReason;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models write, token by token, what they write in Hugging Face transformers and PEFT. */
class GeneratedTextsTest {

  @TempDir static Path folder;

  /** What is in generated.json. */
  private record Expected(List<long[]> prompts, long eos, int maxNewTokens, List<Text> texts) {}

  /** One text: the ids, and the logit of each when it was chosen. */
  private record Text(long[] ids, double[] logits) {}

  /** A model, and an adapter's folder below it or the model's own. */
  private record Case(Path model, Path adapter) {
    @Override
    public String toString() {
      return model.getFileName() + "/" + (adapter.equals(model) ? "base" : adapter.getFileName());
    }
  }

  static List<Case> cases() throws IOException, URISyntaxException {
    Path root =
        Path.of(
            Objects.requireNonNull(GeneratedTextsTest.class.getResource("/golden-generated"))
                .toURI());
    List<Case> cases = new ArrayList<>();
    for (Path model : folders(root)) {
      cases.add(new Case(model, model));
      folders(model).forEach(adapter -> cases.add(new Case(model, adapter)));
    }
    return cases;
  }

  private static List<Path> folders(Path parent) throws IOException {
    try (Stream<Path> children = Files.list(parent)) {
      return children.filter(Files::isDirectory).sorted().toList();
    }
  }

  private static PeftModel load(Case test) throws IOException {
    Path copy = Files.createTempDirectory(folder, "model");
    for (String file : List.of("config.json", "generation_config.json", "model.safetensors")) {
      Files.copy(test.model().resolve(file), copy.resolve(file));
    }
    Files.writeString(copy.resolve("tokenizer.json"), TinyModels.tokenizer(40));
    PeftModel model = Peft.from(copy).device(Device.cpu()).load();
    return test.adapter().equals(test.model())
        ? model
        : model.loadAdapter(test.adapter().toString());
  }

  private static Expected expected(Case test) throws IOException {
    String json = Files.readString(test.adapter().resolve("generated.json"));
    return new Gson().fromJson(json.replace("max_new_tokens", "maxNewTokens"), Expected.class);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aBatchIsWrittenAsInPython(Case test) throws IOException {
    Expected expected = expected(test);
    List<String> prompts =
        expected.prompts().stream()
            .map(ids -> LongStream.of(ids).mapToObj(i -> "w" + i).collect(Collectors.joining(" ")))
            .toList();
    GenerationConfig config =
        GenerationConfig.greedy().maxNewTokens(expected.maxNewTokens()).stopAtIds(expected.eos());
    try (PeftModel model = load(test)) {
      List<Generation> texts = model.generate(prompts, config);
      for (int i = 0; i < texts.size(); i++) {
        long[] ids = expected.texts().get(i).ids();
        assertThat(texts.get(i).ids()).isEqualTo(ids);
        assertThat(texts.get(i).promptTokens()).isEqualTo(expected.prompts().get(i).length);
        assertThat(texts.get(i).finishReason())
            .isEqualTo(
                ids[ids.length - 1] == expected.eos()
                    ? FinishReason.STOP_TOKEN
                    : FinishReason.MAX_NEW_TOKENS);
        assertThat(model.generate(prompts.get(i), config).ids()).as("alone").isEqualTo(ids);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyTokenHasItsLogit(Case test) throws IOException {
    Expected expected = expected(test);
    List<Text> texts = expected.texts();
    int steps = texts.stream().mapToInt(text -> text.ids().length).max().orElseThrow();
    try (PeftModel model = load(test);
        ModelCall call = model.newCall();
        Decoding decoding = call.decode(expected.prompts(), 0)) {
      for (int step = 0; step < steps; step++) {
        long[] next = new long[texts.size()];
        boolean[] open = new boolean[texts.size()];
        try (Scope scope = new Scope()) {
          NDArray logits = decoding.logits();
          float[] rows = Tensors.floats(logits);
          int width = (int) logits.getShape().get(1);
          for (int i = 0; i < texts.size(); i++) {
            Text text = texts.get(i);
            if (step < text.ids().length) {
              next[i] = text.ids()[step];
              open[i] = step + 1 < text.ids().length;
              float[] row = Arrays.copyOfRange(rows, i * width, (i + 1) * width);
              assertThat((double) row[(int) next[i]])
                  .as("token %d of text %d", step, i)
                  .isCloseTo(text.logits()[step], within(2e-4));
            }
          }
        }
        decoding.append(next, open);
      }
    }
  }
}
