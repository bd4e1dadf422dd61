package io.github.peft4j.generate;

import io.github.peft4j.transformer.config.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a generation.
 *
 * <pre>{@code
 * GenerationConfig.greedy().maxNewTokens(64).stopAt("\n\n")
 * GenerationConfig.sampling(0.8).topK(50).topP(0.95).seed(7)
 * }</pre>
 *
 * <p>A token is drawn from softmax(logits / temperature). First only the {@code topK} most likely
 * tokens are kept, then only the fewest of these that together reach {@code topP}.
 *
 * @param maxNewTokens the most tokens to generate, above 0; 256
 * @param temperature 0 for the most likely token each time (greedy); above 0 for sampling, which
 *     varies more at higher temperatures; 0
 * @param topK the number of most likely tokens to draw from, or 0 for all; 0
 * @param topP the cumulative probability of the tokens to draw from (Holtzman et al. 2019,
 *     arXiv:1904.09751), in (0, 1]; 1
 * @param seed seed of the sampling; the same seed gives the same text; 42
 * @param stopStrings strings that end the generation and are not part of its text; none
 * @param stopIds tokens that end the generation. Null for the end-of-text tokens of the tokenizer,
 *     generation_config.json and config.json; null
 */
public record GenerationConfig(
    int maxNewTokens,
    double temperature,
    int topK,
    double topP,
    long seed,
    List<String> stopStrings,
    @Nullable Set<Long> stopIds) {

  private static final GenerationConfig GREEDY =
      new GenerationConfig(256, 0, 0, 1, 42, List.of(), null);

  /** Checks the values and copies the collections. */
  public GenerationConfig {
    require(maxNewTokens > 0, "maxNewTokens", maxNewTokens, "a number above 0");
    require(
        temperature >= 0 && temperature < Double.POSITIVE_INFINITY,
        "temperature",
        temperature,
        "0 for the likeliest token, or a finite number above");
    require(topK >= 0, "topK", topK, "a number of tokens, or 0 for all");
    require(topP > 0 && topP <= 1, "topP", topP, "a probability above 0, or 1 for all tokens");
    require(!stopStrings.contains(""), "stopStrings", stopStrings, "texts that are not empty");
    stopStrings = List.copyOf(stopStrings);
    stopIds = stopIds == null ? null : Set.copyOf(stopIds);
  }

  private static void require(boolean fine, String field, Object value, String expected) {
    if (!fine) {
      throw new IllegalArgumentException(
          "GenerationConfig: " + field + " is " + value + "; expected " + expected);
    }
  }

  /** Greedy decoding: the most likely token each time. */
  public static GenerationConfig greedy() {
    return GREEDY;
  }

  /** Sampling at this temperature, above 0; 1 samples from the model's own distribution. */
  public static GenerationConfig sampling(double temperature) {
    return GREEDY.temperature(temperature);
  }

  /**
   * The settings that the model's authors recommend: {@code do_sample}, {@code temperature}, {@code
   * top_k}, {@code top_p} and {@code max_new_tokens} of generation_config.json. Missing fields have
   * the defaults of Hugging Face transformers (greedy; 1, 50 and 1 when sampling), and 256 new
   * tokens.
   *
   * @throws IllegalArgumentException naming the field, if a value cannot be used
   */
  public static GenerationConfig recommendedBy(ModelConfig model) {
    ModelConfig said = model.generation();
    GenerationConfig greedy = GREEDY.maxNewTokens(said.integer("max_new_tokens", 256));
    return said.flag("do_sample", false)
        ? greedy
            .temperature(said.number("temperature", 1))
            .topK(said.integer("top_k", 50))
            .topP(said.number("top_p", 1))
        : greedy;
  }

  /** A copy with this maximum number of new tokens, above 0. */
  public GenerationConfig maxNewTokens(int maxNewTokens) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** A copy with this temperature, 0 or more; 0 for greedy decoding. */
  public GenerationConfig temperature(double temperature) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** A copy that draws from this many of the most likely tokens, or from all for 0. */
  public GenerationConfig topK(int topK) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /**
   * A copy that draws from the fewest most likely tokens that together have this probability, in
   * (0, 1].
   */
  public GenerationConfig topP(double topP) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** A copy with this seed of the sampling. */
  public GenerationConfig seed(long seed) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** A copy that also ends the generation at any of these strings. */
  public GenerationConfig stopAt(String... texts) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        seed,
        Stream.concat(stopStrings.stream(), Arrays.stream(texts)).toList(),
        stopIds);
  }

  /**
   * A copy that ends the generation at these tokens instead of the end-of-text tokens. Without
   * arguments, no token ends it.
   */
  public GenerationConfig stopAtIds(long... ids) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        seed,
        stopStrings,
        Arrays.stream(ids).boxed().collect(Collectors.toSet()));
  }

  /** Whether the most likely token is taken each time. */
  public boolean isGreedy() {
    return temperature == 0 || topK == 1;
  }
}
