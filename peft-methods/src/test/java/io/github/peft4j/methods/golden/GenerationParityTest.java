package io.github.peft4j.methods.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import ai.djl.Device;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.annotations.SerializedName;
import com.google.gson.reflect.TypeToken;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.generate.EarlyStopping;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Greedy and beam search and their settings, with and without a cache, in batches and alone, give
 * the ids that Hugging Face transformers generates: for every folder in generation.json that the
 * project or {@code -Dpeft4j.golden} has; {@code -Dpeft4j.golden.cases} is a pattern of names.
 */
class GenerationParityTest {

  @TempDir static Path folder;

  /** What make_generation.py writes. */
  private record Case(
      String name,
      List<long[]> prompts,
      JsonObject settings,
      List<long[]> ids,
      @Nullable @SerializedName("alone_ids") List<long[]> aloneIds,
      double margin,
      int @Nullable [] sure,
      boolean alone,
      boolean cacheless) {}

  /** Beam search with closer choices than this depends on rounding. */
  private static final double MARGIN = 2e-5;

  @TestFactory
  List<DynamicTest> folders() throws IOException, URISyntaxException {
    Path shared = Path.of(System.getProperty("peft4j.golden", "../../shared/golden"));
    List<Path> roots = List.of(resource("/golden-generated"), shared);
    List<DynamicTest> tests = new ArrayList<>();
    List<String> absent = new ArrayList<>();
    String filter = System.getProperty("peft4j.golden.cases", ".*");
    for (Map.Entry<String, List<Case>> entry : expected().entrySet()) {
      if (!entry.getKey().matches(filter)) {
        continue;
      }
      roots.stream()
          .map(root -> root.resolve(entry.getKey()))
          .filter(Files::isDirectory)
          .findFirst()
          .ifPresentOrElse(
              model ->
                  tests.add(dynamicTest(entry.getKey(), () -> verify(model, entry.getValue()))),
              () -> absent.add(entry.getKey()));
    }
    if (!absent.isEmpty()) {
      System.out.println(
          "generation: SKIPPED "
              + absent
              + ", which are not there; point -Dpeft4j.golden at the folder of golden models");
    }
    return tests;
  }

  private static Path resource(String name) throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(GenerationParityTest.class.getResource(name), name).toURI());
  }

  private static Map<String, List<Case>> expected() throws IOException, URISyntaxException {
    return new Gson()
        .fromJson(
            Files.readString(resource("/golden-generation/generation.json")),
            new TypeToken<TreeMap<String, List<Case>>>() {}.getType());
  }

  private static void verify(Path model, List<Case> cases) throws IOException {
    String name = model.getFileName().toString();
    int close = 0;
    try (PeftModel peft = load(model)) {
      for (Case test : cases) {
        if (test.sure() == null && test.margin() < MARGIN) {
          System.out.println(
              "generation: SKIPPED %s/%s: choices are as close as %s"
                  .formatted(name, test.name(), test.margin()));
          close++;
        } else {
          verify(peft, name, test);
        }
      }
    } catch (UnsupportedModelException e) {
      System.out.println("generation: UNSUPPORTED " + name + ": " + e.getMessage());
      Assumptions.abort(e.getMessage());
    }
    System.out.println("generation: passed %s, %d cases".formatted(name, cases.size() - close));
  }

  private static PeftModel load(Path model) throws IOException {
    Path copy = Files.createTempDirectory(folder, model.getFileName().toString());
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(model.resolve(file), copy.resolve(file));
    }
    // the cases have every setting that counts
    Files.writeString(copy.resolve("generation_config.json"), "{}");
    int words = ModelConfig.read(copy).integer("vocab_size");
    Files.writeString(copy.resolve("tokenizer.json"), TinyModels.tokenizer(words));
    // as it is: the tokenizer of the model's type would add tokens of its own
    Files.writeString(
        copy.resolve("tokenizer_config.json"),
        "{\"tokenizer_class\": \"PreTrainedTokenizerFast\"}");
    return Peft.from(copy).device(Device.cpu()).load();
  }

  private static void verify(PeftModel model, String name, Case test) {
    GenerationConfig config = config(test.settings());
    List<String> prompts =
        test.prompts().stream()
            .map(ids -> LongStream.of(ids).mapToObj(i -> "w" + i).collect(Collectors.joining(" ")))
            .toList();
    assertIds(
        name + "/" + test.name() + " alone",
        test,
        test.aloneIds() == null ? test.ids() : test.aloneIds(),
        prompts.stream()
            .flatMap(prompt -> model.generate(List.of(prompt), config).stream())
            .toList());
    assertIds(name + "/" + test.name(), test, test.ids(), model.generate(prompts, config));
    if (test.cacheless()) {
      assertIds(
          name + "/" + test.name() + " without cache",
          test,
          test.ids(),
          model.generate(prompts, config.useCache(false)));
    }
  }

  private static void assertIds(
      String name, Case test, List<long[]> expected, List<Generation> texts) {
    assertThat(texts).as(name).hasSameSizeAs(expected);
    int[] sure = test.sure();
    for (int i = 0; i < texts.size(); i++) {
      long[] ids = texts.get(i).ids();
      int compared = sure == null ? Math.max(ids.length, expected.get(i).length) : sure[i];
      assertThat(Arrays.copyOf(ids, Math.min(compared, ids.length)))
          .as("%s, text %d", name, i)
          .isEqualTo(Arrays.copyOf(expected.get(i), Math.min(compared, expected.get(i).length)));
    }
  }

  /** The settings under transformers' names as a config. */
  private static GenerationConfig config(JsonObject settings) {
    GenerationConfig config = GenerationConfig.recommended();
    for (Map.Entry<String, JsonElement> entry : settings.entrySet()) {
      config = with(config, entry.getKey(), entry.getValue());
    }
    return config;
  }

  private static GenerationConfig with(GenerationConfig config, String name, JsonElement value) {
    return switch (name) {
      case "max_new_tokens" -> config.maxNewTokens(value.getAsInt());
      case "min_new_tokens" -> config.minNewTokens(value.getAsInt());
      case "eos_token_id" -> config.stopAtIds(ids(value));
      case "num_beams" -> config.numBeams(value.getAsInt());
      case "num_return_sequences" -> config.numReturnSequences(value.getAsInt());
      case "length_penalty" -> config.lengthPenalty(value.getAsDouble());
      case "early_stopping" -> config.earlyStopping(early(value));
      case "repetition_penalty" -> config.repetitionPenalty(value.getAsDouble());
      case "encoder_repetition_penalty" -> config.encoderRepetitionPenalty(value.getAsDouble());
      case "no_repeat_ngram_size" -> config.noRepeatNgramSize(value.getAsInt());
      case "encoder_no_repeat_ngram_size" -> config.encoderNoRepeatNgramSize(value.getAsInt());
      case "renormalize_logits" -> config.renormalizeLogits(value.getAsBoolean());
      case "bad_words_ids" ->
          config.badWordsIds(
              value.getAsJsonArray().asList().stream()
                  .map(word -> LongStream.of(ids(word)).boxed().toList())
                  .toList());
      case "suppress_tokens" -> config.suppressTokens(ids(value));
      case "begin_suppress_tokens" -> config.beginSuppressTokens(ids(value));
      case "forced_bos_token_id" -> config.forcedBosTokenId(ids(value));
      case "forced_eos_token_id" -> config.forcedEosTokenId(ids(value));
      default -> throw new IllegalArgumentException("generation.json has the setting " + name);
    };
  }

  private static EarlyStopping early(JsonElement value) {
    return switch (value.getAsString()) {
      case "never" -> EarlyStopping.NEVER;
      case "true" -> EarlyStopping.TRUE;
      default -> EarlyStopping.FALSE;
    };
  }

  private static long[] ids(JsonElement value) {
    Stream<JsonElement> items =
        value.isJsonArray() ? value.getAsJsonArray().asList().stream() : Stream.of(value);
    return items.filter(id -> !id.isJsonNull()).mapToLong(JsonElement::getAsLong).toArray();
  }
}
