package io.github.peft4j.generate;

import static io.github.peft4j.generate.Setting.BAD_WORDS_IDS;
import static io.github.peft4j.generate.Setting.BEGIN_SUPPRESS_TOKENS;
import static io.github.peft4j.generate.Setting.DO_SAMPLE;
import static io.github.peft4j.generate.Setting.EARLY_STOPPING;
import static io.github.peft4j.generate.Setting.ENCODER_NO_REPEAT_NGRAM_SIZE;
import static io.github.peft4j.generate.Setting.ENCODER_REPETITION_PENALTY;
import static io.github.peft4j.generate.Setting.FORCED_BOS_TOKEN_ID;
import static io.github.peft4j.generate.Setting.FORCED_EOS_TOKEN_ID;
import static io.github.peft4j.generate.Setting.LENGTH_PENALTY;
import static io.github.peft4j.generate.Setting.MAX_NEW_TOKENS;
import static io.github.peft4j.generate.Setting.MIN_LENGTH;
import static io.github.peft4j.generate.Setting.MIN_NEW_TOKENS;
import static io.github.peft4j.generate.Setting.MIN_P;
import static io.github.peft4j.generate.Setting.NO_REPEAT_NGRAM_SIZE;
import static io.github.peft4j.generate.Setting.NUM_BEAMS;
import static io.github.peft4j.generate.Setting.NUM_RETURN_SEQUENCES;
import static io.github.peft4j.generate.Setting.PROCESSORS;
import static io.github.peft4j.generate.Setting.RENORMALIZE_LOGITS;
import static io.github.peft4j.generate.Setting.REPETITION_PENALTY;
import static io.github.peft4j.generate.Setting.SEED;
import static io.github.peft4j.generate.Setting.STOPPING_CRITERIA;
import static io.github.peft4j.generate.Setting.STOP_IDS;
import static io.github.peft4j.generate.Setting.STOP_STRINGS;
import static io.github.peft4j.generate.Setting.SUPPRESS_TOKENS;
import static io.github.peft4j.generate.Setting.TEMPERATURE;
import static io.github.peft4j.generate.Setting.TOP_K;
import static io.github.peft4j.generate.Setting.TOP_P;
import static io.github.peft4j.generate.Setting.TYPICAL_P;
import static io.github.peft4j.generate.Setting.USE_CACHE;

import io.github.peft4j.generate.logits.LogitsProcessor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Settings of a generation. Each method returns a copy with one of them set.
 *
 * <pre>{@code
 * GenerationConfig.greedy().maxNewTokens(64).stopAt("\n\n")
 * GenerationConfig.sampling(0.8).topK(50).topP(0.95).seed(7)
 * GenerationConfig.beams(4).noRepeatNgramSize(3)
 * }</pre>
 *
 * <p>The names and what they mean are those of Hugging Face transformers. A setting that is not set
 * has the value in the model's generation_config.json (or, if there is no such file, in its
 * config.json), or else transformers' default. Only {@link #useCache} is never read from a file,
 * and without any limit in the config or the files, a text has at most 256 new tokens.
 */
public final class GenerationConfig {

  private static final GenerationConfig NOTHING_SET = new GenerationConfig(Map.of());

  private final Map<Setting<?>, Object> values;

  GenerationConfig(Map<Setting<?>, Object> values) {
    this.values = Map.copyOf(values);
  }

  /** What the model's authors recommend: all settings are those of its generation_config.json. */
  public static GenerationConfig recommended() {
    return NOTHING_SET;
  }

  /** Greedy decoding: the most likely token each time. */
  public static GenerationConfig greedy() {
    return NOTHING_SET.doSample(false).numBeams(1);
  }

  /**
   * Sampling from all tokens.
   *
   * @param temperature above 0; 1 samples from the model's own distribution
   */
  public static GenerationConfig sampling(double temperature) {
    return NOTHING_SET.temperature(temperature).numBeams(1).topK(0).topP(1).minP(0).typicalP(1);
  }

  /**
   * Beam search: the most likely text that is found when that many texts are continued at a time.
   *
   * @param numBeams above 0; 1 for greedy decoding
   */
  public static GenerationConfig beams(int numBeams) {
    return NOTHING_SET.doSample(false).numBeams(numBeams);
  }

  /**
   * The most tokens to generate.
   *
   * @param maxNewTokens above 0. Without it, and without {@code max_new_tokens} and {@code
   *     max_length} in the model's files, it is 256
   */
  public GenerationConfig maxNewTokens(int maxNewTokens) {
    return with(MAX_NEW_TOKENS, maxNewTokens);
  }

  /** The number of new tokens before which an end-of-text token is banned; 0 by default. */
  public GenerationConfig minNewTokens(int minNewTokens) {
    return with(MIN_NEW_TOKENS, minNewTokens);
  }

  /**
   * The number of tokens before which an end-of-text token is banned; 0 by default.
   *
   * @param minLength counts a decoder's prompt or an encoder-decoder's start token, too
   */
  public GenerationConfig minLength(int minLength) {
    return with(MIN_LENGTH, minLength);
  }

  /** Whether tokens are drawn at random; false for the most likely ones. */
  public GenerationConfig doSample(boolean doSample) {
    return with(DO_SAMPLE, doSample);
  }

  /**
   * The temperature: tokens are drawn from softmax(logits / temperature).
   *
   * @param temperature above 0 for sampling, which varies more at higher temperatures; 0 to take
   *     the most likely token each time
   */
  public GenerationConfig temperature(double temperature) {
    return temperature == 0 ? doSample(false) : doSample(true).with(TEMPERATURE, temperature);
  }

  /** The number of most likely tokens to draw from, or 0 for all. */
  public GenerationConfig topK(int topK) {
    return with(TOP_K, topK);
  }

  /**
   * Draws from the fewest most likely tokens that together have this probability (Holtzman et al.
   * 2019, arXiv:1904.09751).
   *
   * @param topP in (0, 1]; 1 for all tokens
   */
  public GenerationConfig topP(double topP) {
    return with(TOP_P, topP);
  }

  /**
   * Draws only from tokens with at least this part of the most likely token's probability (Nguyen
   * et al. 2024, arXiv:2407.01082).
   *
   * @param minP in [0, 1]; 0 for all tokens
   */
  public GenerationConfig minP(double minP) {
    return with(MIN_P, minP);
  }

  /**
   * Draws from the tokens whose information is closest to the expected one and that together have
   * this probability (Meister et al. 2022, arXiv:2202.00666).
   *
   * @param typicalP in (0, 1]; 1 for all tokens
   */
  public GenerationConfig typicalP(double typicalP) {
    return with(TYPICAL_P, typicalP);
  }

  /** The seed of the sampling, 42 by default. The same seed gives the same text. */
  public GenerationConfig seed(long seed) {
    return with(SEED, seed);
  }

  /** The number of texts that a beam search continues at a time; 1 for no beam search. */
  public GenerationConfig numBeams(int numBeams) {
    return with(NUM_BEAMS, numBeams);
  }

  /**
   * The exponent of the length in a beam search: the sum of a text's log-probabilities is divided
   * by (number of new tokens)^lengthPenalty. Above 0, it helps long texts; below 0, short ones. It
   * is 1 by default.
   */
  public GenerationConfig lengthPenalty(double lengthPenalty) {
    return with(LENGTH_PENALTY, lengthPenalty);
  }

  /** When a beam search ends; {@link EarlyStopping#FALSE} by default. */
  public GenerationConfig earlyStopping(EarlyStopping earlyStopping) {
    return with(EARLY_STOPPING, earlyStopping);
  }

  /**
   * The number of texts for each prompt; 1 by default. A beam search returns its best ones, at most
   * as many as it has beams; sampling draws as many.
   */
  public GenerationConfig numReturnSequences(int numReturnSequences) {
    return with(NUM_RETURN_SEQUENCES, numReturnSequences);
  }

  /**
   * Makes tokens that the text already has less likely (Keskar et al. 2019, arXiv:1909.05858).
   *
   * @param repetitionPenalty above 0; positive logits are divided by it and others multiplied; 1
   *     for none
   */
  public GenerationConfig repetitionPenalty(double repetitionPenalty) {
    return with(REPETITION_PENALTY, repetitionPenalty);
  }

  /**
   * Makes the prompt's tokens more likely.
   *
   * @param encoderRepetitionPenalty above 0; positive logits are multiplied by it and others
   *     divided; 1 for none
   */
  public GenerationConfig encoderRepetitionPenalty(double encoderRepetitionPenalty) {
    return with(ENCODER_REPETITION_PENALTY, encoderRepetitionPenalty);
  }

  /** Lets no sequence of this many tokens occur twice in a text; 0 for no such rule. */
  public GenerationConfig noRepeatNgramSize(int noRepeatNgramSize) {
    return with(NO_REPEAT_NGRAM_SIZE, noRepeatNgramSize);
  }

  /** Lets no sequence of this many tokens of the prompt occur in the text; 0 for no such rule. */
  public GenerationConfig encoderNoRepeatNgramSize(int encoderNoRepeatNgramSize) {
    return with(ENCODER_NO_REPEAT_NGRAM_SIZE, encoderNoRepeatNgramSize);
  }

  /** Sequences of tokens that must not occur, at least one id each. */
  public GenerationConfig badWordsIds(List<List<Long>> badWordsIds) {
    return with(BAD_WORDS_IDS, badWordsIds.stream().map(List::copyOf).toList());
  }

  /** Tokens that must not occur. */
  public GenerationConfig suppressTokens(long... ids) {
    return with(SUPPRESS_TOKENS, list(ids));
  }

  /** Tokens that must not be the first one. */
  public GenerationConfig beginSuppressTokens(long... ids) {
    return with(BEGIN_SUPPRESS_TOKENS, list(ids));
  }

  /**
   * The token that follows an encoder-decoder's start token, such as the language of mBART's
   * answer; without arguments, none.
   */
  public GenerationConfig forcedBosTokenId(long... ids) {
    return with(FORCED_BOS_TOKEN_ID, list(ids));
  }

  /** The tokens of which one must be the last of {@code maxNewTokens}; without arguments, none. */
  public GenerationConfig forcedEosTokenId(long... ids) {
    return with(FORCED_EOS_TOKEN_ID, list(ids));
  }

  /**
   * Whether scores of a beam search become log-probabilities again after all processors; false by
   * default.
   */
  public GenerationConfig renormalizeLogits(boolean renormalizeLogits) {
    return with(RENORMALIZE_LOGITS, renormalizeLogits);
  }

  /** Also ends the generation at any of these strings, which are not part of the text. */
  public GenerationConfig stopAt(String... texts) {
    if (List.of(texts).contains("")) {
      throw new IllegalArgumentException(
          "stopAt: a text is empty; expected texts of at least one character");
    }
    return with(
        STOP_STRINGS, Stream.concat(get(STOP_STRINGS).stream(), Arrays.stream(texts)).toList());
  }

  /**
   * Ends the generation at these tokens instead of the end-of-text tokens, which are those of the
   * tokenizer, generation_config.json and config.json. Without arguments, no token ends it.
   */
  public GenerationConfig stopAtIds(long... ids) {
    return with(STOP_IDS, Set.copyOf(list(ids)));
  }

  /** Also ends texts by this criterion. */
  public GenerationConfig stopWhen(StoppingCriterion criterion) {
    return with(STOPPING_CRITERIA, and(get(STOPPING_CRITERIA), criterion));
  }

  /**
   * Also changes logits by this processor: after the built-in ones, and before those that only
   * concern sampling (temperature, topK, topP, minP, typicalP).
   */
  public GenerationConfig process(LogitsProcessor processor) {
    return with(PROCESSORS, and(get(PROCESSORS), processor));
  }

  /**
   * Whether keys and values of earlier tokens are cached; true by default. Without the cache, each
   * token costs as much as reading the whole text; the ids are the same, except for rounding.
   */
  public GenerationConfig useCache(boolean useCache) {
    return with(USE_CACHE, useCache);
  }

  /** The value of a setting, or its default. */
  @SuppressWarnings("unchecked") // with(…) puts only values of the setting's type
  <T> T get(Setting<T> setting) {
    return (T) values.getOrDefault(setting, setting.otherwise());
  }

  boolean has(Setting<?> setting) {
    return values.containsKey(setting);
  }

  /** These settings, and where they are not set, those of the model's files. */
  GenerationConfig over(GenerationConfig model) {
    Map<Setting<?>, Object> all = new HashMap<>(model.values);
    all.putAll(values);
    return new GenerationConfig(all);
  }

  /** Whether the most likely token is taken each time. */
  boolean isGreedy() {
    return !get(DO_SAMPLE) || get(TOP_K) == 1;
  }

  private <T> GenerationConfig with(Setting<T> setting, T value) {
    Map<Setting<?>, Object> copy = new HashMap<>(values);
    copy.put(setting, setting.checked(value));
    return new GenerationConfig(copy);
  }

  private static List<Long> list(long... ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  private static <T> List<T> and(List<T> list, T item) {
    return Stream.concat(list.stream(), Stream.of(item)).toList();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GenerationConfig config && values.equals(config.values);
  }

  @Override
  public int hashCode() {
    return values.hashCode();
  }

  /** The settings that are set, by name. */
  @Override
  public String toString() {
    return values.entrySet().stream()
        .collect(
            Collectors.toMap(
                entry -> entry.getKey().name(), Map.Entry::getValue, (a, b) -> a, TreeMap::new))
        .toString();
  }
}
