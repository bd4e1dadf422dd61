package io.github.peft4j.generate;

import io.github.peft4j.transformer.config.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How to write a text.
 *
 * <pre>{@code
 * GenerationConfig.greedy().maxNewTokens(64).stopAt("\n\n")
 * GenerationConfig.sampling(0.8).topK(50).topP(0.95).seed(7)
 * }</pre>
 *
 * <p>A token is drawn from softmax(logits / temperature), of which first the {@code topK} likeliest
 * and then the fewest likeliest that together reach {@code topP} are kept.
 *
 * @param maxNewTokens the most tokens to be written, above 0; 256
 * @param temperature 0 for the likeliest token each time, else 0 or above: the higher, the more
 *     varied; 0
 * @param topK how many of the likeliest tokens to draw from, or 0 for all; 0
 * @param topP the probability to be reached by those drawn from (Holtzman et al. 2019,
 *     arXiv:1904.09751), in (0, 1]; 1
 * @param seed of the drawing; the same seed draws the same text; 42
 * @param stopStrings texts that end the text and are not part of it; none
 * @param stopIds tokens that end the text, or null for the end-of-text tokens that the tokenizer,
 *     generation_config.json and config.json name; null
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

  /** Checks and copies. */
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

  /** The likeliest token each time. */
  public static GenerationConfig greedy() {
    return GREEDY;
  }

  /** Tokens are drawn at this temperature; 1 is the model's own distribution. */
  public static GenerationConfig sampling(double temperature) {
    return GREEDY.temperature(temperature);
  }

  /**
   * As the model's authors recommend: {@code do_sample}, {@code temperature}, {@code top_k}, {@code
   * top_p} and {@code max_new_tokens} of generation_config.json, with the defaults of Hugging Face
   * transformers (greedy; 1, 50 and 1 when sampling) and 256 new tokens.
   *
   * @throws IllegalArgumentException naming the field if a value cannot be used
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

  /** With this many tokens at most. */
  public GenerationConfig maxNewTokens(int maxNewTokens) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** With this temperature. */
  public GenerationConfig temperature(double temperature) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** Drawing from this many of the likeliest tokens. */
  public GenerationConfig topK(int topK) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** Drawing from the likeliest tokens that together have this probability. */
  public GenerationConfig topP(double topP) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** With this seed. */
  public GenerationConfig seed(long seed) {
    return new GenerationConfig(maxNewTokens, temperature, topK, topP, seed, stopStrings, stopIds);
  }

  /** Ending before any of these texts, besides those set already. */
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

  /** Ending at any of these tokens, and not at the end-of-text token; at no token if none given. */
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

  /** Whether the likeliest token is taken each time. */
  public boolean isGreedy() {
    return temperature == 0 || topK == 1;
  }
}
