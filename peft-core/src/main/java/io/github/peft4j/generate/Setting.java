package io.github.peft4j.generate;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.generate.logits.LogitsProcessor;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A setting of a generation.
 *
 * @param name in Java; its snake case is the field's name in generation_config.json
 * @param otherwise the value if nobody sets it, as in Hugging Face transformers
 * @param fine whether a value is allowed
 * @param expected the allowed values in words
 * @param reader reads the field of a file, or null if files do not have it
 */
record Setting<T>(
    String name,
    T otherwise,
    Predicate<T> fine,
    String expected,
    @Nullable BiFunction<ModelConfig, String, T> reader) {

  static final Setting<Integer> MAX_NEW_TOKENS = // 0 for none
      whole("maxNewTokens", 0, n -> n > 0, "a number above 0");
  static final Setting<Integer> MAX_LENGTH = // 0 for none
      whole("maxLength", 0, n -> n > 0, "a number above 0");
  static final Setting<Integer> MIN_NEW_TOKENS = count("minNewTokens");
  static final Setting<Integer> MIN_LENGTH = count("minLength");
  static final Setting<Boolean> DO_SAMPLE = flag("doSample");
  static final Setting<Double> TEMPERATURE =
      number(
          "temperature", 1, t -> t > 0 && t < Double.POSITIVE_INFINITY, "a finite number above 0");
  static final Setting<Integer> TOP_K =
      whole("topK", 50, n -> n >= 0, "a number of tokens, or 0 for all");
  static final Setting<Double> TOP_P =
      number("topP", 1, p -> p > 0 && p <= 1, "a probability above 0, or 1 for all tokens");
  static final Setting<Double> MIN_P =
      number("minP", 0, p -> p >= 0 && p <= 1, "a part of a probability, or 0 for all tokens");
  static final Setting<Double> TYPICAL_P =
      number("typicalP", 1, p -> p > 0 && p <= 1, "a probability above 0, or 1 for all tokens");
  static final Setting<Long> SEED = new Setting<>("seed", 42L, s -> true, "a number", null);
  static final Setting<Integer> NUM_BEAMS =
      whole("numBeams", 1, n -> n > 0, "a number above 0, 1 for no beam search");
  static final Setting<Double> LENGTH_PENALTY =
      number("lengthPenalty", 1, Double::isFinite, "a finite number");
  static final Setting<EarlyStopping> EARLY_STOPPING =
      new Setting<>("earlyStopping", EarlyStopping.FALSE, e -> true, "", Setting::earlyStopping);
  static final Setting<Integer> NUM_RETURN_SEQUENCES =
      whole("numReturnSequences", 1, n -> n > 0, "a number above 0");
  static final Setting<Double> REPETITION_PENALTY = penalty("repetitionPenalty");
  static final Setting<Double> ENCODER_REPETITION_PENALTY = penalty("encoderRepetitionPenalty");
  static final Setting<Integer> NO_REPEAT_NGRAM_SIZE = count("noRepeatNgramSize");
  static final Setting<Integer> ENCODER_NO_REPEAT_NGRAM_SIZE = count("encoderNoRepeatNgramSize");
  static final Setting<List<List<Long>>> BAD_WORDS_IDS =
      new Setting<>(
          "badWordsIds",
          List.of(),
          words -> words.stream().noneMatch(List::isEmpty),
          "lists of at least one id each",
          Setting::lists);
  static final Setting<List<Long>> SUPPRESS_TOKENS = ids("suppressTokens");
  static final Setting<List<Long>> BEGIN_SUPPRESS_TOKENS = ids("beginSuppressTokens");
  static final Setting<List<Long>> FORCED_BOS_TOKEN_ID = ids("forcedBosTokenId");
  static final Setting<List<Long>> FORCED_EOS_TOKEN_ID = ids("forcedEosTokenId");
  static final Setting<Boolean> RENORMALIZE_LOGITS = flag("renormalizeLogits");
  static final Setting<List<String>> STOP_STRINGS =
      new Setting<>(
          "stopStrings",
          List.of(),
          texts -> !texts.contains(""),
          "texts that are not empty",
          Setting::texts);
  static final Setting<Set<Long>> STOP_IDS =
      new Setting<>("stopIds", Set.of(), ids -> true, "ids", null);
  static final Setting<Boolean> USE_CACHE =
      new Setting<>("useCache", true, u -> true, "true or false", null);
  static final Setting<List<LogitsProcessor>> PROCESSORS =
      new Setting<>("processors", List.of(), p -> true, "processors", null);
  static final Setting<List<StoppingCriterion>> STOPPING_CRITERIA =
      new Setting<>("stoppingCriteria", List.of(), c -> true, "criteria", null);

  /** The settings that generation_config.json may have. */
  static final List<Setting<?>> OF_FILES =
      List.of(
          MAX_NEW_TOKENS,
          MAX_LENGTH,
          MIN_NEW_TOKENS,
          MIN_LENGTH,
          DO_SAMPLE,
          TEMPERATURE,
          TOP_K,
          TOP_P,
          MIN_P,
          TYPICAL_P,
          NUM_BEAMS,
          LENGTH_PENALTY,
          EARLY_STOPPING,
          NUM_RETURN_SEQUENCES,
          REPETITION_PENALTY,
          ENCODER_REPETITION_PENALTY,
          NO_REPEAT_NGRAM_SIZE,
          ENCODER_NO_REPEAT_NGRAM_SIZE,
          BAD_WORDS_IDS,
          SUPPRESS_TOKENS,
          BEGIN_SUPPRESS_TOKENS,
          FORCED_BOS_TOKEN_ID,
          FORCED_EOS_TOKEN_ID,
          RENORMALIZE_LOGITS,
          STOP_STRINGS);

  /** The field of generation_config.json. */
  String field() {
    return name.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  /** Checks a value that a caller gives. */
  T checked(T value) {
    if (!fine.test(value)) {
      throw new IllegalArgumentException(
          "GenerationConfig: " + name + " is " + value + "; expected " + expected);
    }
    return value;
  }

  /**
   * The value in a file.
   *
   * @throws IllegalArgumentException naming the file and the field, if the value is not allowed
   */
  T read(ModelConfig file) {
    if (reader == null) {
      throw new IllegalStateException("files do not have " + name);
    }
    T value = reader.apply(file, field());
    if (!fine.test(value)) {
      throw file.error(field(), value, expected);
    }
    return value;
  }

  private static Setting<Integer> whole(
      String name, int otherwise, Predicate<Integer> fine, String expected) {
    return new Setting<>(name, otherwise, fine, expected, ModelConfig::integer);
  }

  private static Setting<Integer> count(String name) {
    return whole(name, 0, n -> n >= 0, "a number of tokens, or 0 for none");
  }

  private static Setting<Double> number(
      String name, double otherwise, Predicate<Double> fine, String expected) {
    return new Setting<>(name, otherwise, fine, expected, ModelConfig::number);
  }

  private static Setting<Double> penalty(String name) {
    return number(
        name, 1, p -> p > 0 && p < Double.POSITIVE_INFINITY, "a number above 0, 1 for no penalty");
  }

  private static Setting<Boolean> flag(String name) {
    return new Setting<>(
        name, false, f -> true, "true or false", (file, field) -> file.flag(field, false));
  }

  private static Setting<List<Long>> ids(String name) {
    return new Setting<>(
        name,
        List.of(),
        ids -> ids.stream().allMatch(id -> id >= 0),
        "ids of 0 or above",
        ModelConfig::integers);
  }

  private static EarlyStopping earlyStopping(ModelConfig file, String field) {
    JsonElement value = file.json().get(field);
    if (new JsonPrimitive("never").equals(value)) {
      return EarlyStopping.NEVER;
    }
    return file.flag(field, false) ? EarlyStopping.TRUE : EarlyStopping.FALSE;
  }

  private static List<String> texts(ModelConfig file, String field) {
    JsonElement value = file.json().get(field);
    return value.isJsonArray() ? file.texts(field) : List.of(file.text(field, ""));
  }

  private static List<List<Long>> lists(ModelConfig file, String field) {
    JsonElement value = file.json().get(field);
    List<List<Long>> lists = new ArrayList<>();
    for (JsonElement item : value.isJsonArray() ? value.getAsJsonArray() : new JsonArray()) {
      List<Long> ids = new ArrayList<>();
      for (JsonElement id : item.isJsonArray() ? item.getAsJsonArray() : new JsonArray()) {
        if (id.isJsonPrimitive() && id.getAsJsonPrimitive().isNumber()) {
          ids.add(id.getAsLong());
        }
      }
      if (!item.isJsonArray() || ids.size() < item.getAsJsonArray().size()) {
        throw file.error(field, value, "a list of lists of ids");
      }
      lists.add(List.copyOf(ids));
    }
    if (!value.isJsonArray()) {
      throw file.error(field, value, "a list of lists of ids");
    }
    return lists;
  }
}
