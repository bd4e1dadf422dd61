package io.github.peft4j.generate;

import static io.github.peft4j.generate.Setting.BAD_WORDS_IDS;
import static io.github.peft4j.generate.Setting.BEGIN_SUPPRESS_TOKENS;
import static io.github.peft4j.generate.Setting.DO_SAMPLE;
import static io.github.peft4j.generate.Setting.ENCODER_NO_REPEAT_NGRAM_SIZE;
import static io.github.peft4j.generate.Setting.ENCODER_REPETITION_PENALTY;
import static io.github.peft4j.generate.Setting.FORCED_BOS_TOKEN_ID;
import static io.github.peft4j.generate.Setting.FORCED_EOS_TOKEN_ID;
import static io.github.peft4j.generate.Setting.MIN_LENGTH;
import static io.github.peft4j.generate.Setting.MIN_NEW_TOKENS;
import static io.github.peft4j.generate.Setting.NO_REPEAT_NGRAM_SIZE;
import static io.github.peft4j.generate.Setting.NUM_BEAMS;
import static io.github.peft4j.generate.Setting.NUM_RETURN_SEQUENCES;
import static io.github.peft4j.generate.Setting.PROCESSORS;
import static io.github.peft4j.generate.Setting.RENORMALIZE_LOGITS;
import static io.github.peft4j.generate.Setting.REPETITION_PENALTY;
import static io.github.peft4j.generate.Setting.STOPPING_CRITERIA;
import static io.github.peft4j.generate.Setting.STOP_IDS;
import static io.github.peft4j.generate.Setting.STOP_STRINGS;
import static io.github.peft4j.generate.Setting.SUPPRESS_TOKENS;

import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.logits.Draft;
import io.github.peft4j.generate.logits.LogitsProcessor;
import io.github.peft4j.generate.logits.Processors;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What the settings of a generation mean: processors, a strategy and where texts end.
 *
 * @param config all settings, those of the model's files included
 */
record Plan(GenerationConfig config, Endings endings, Texts texts) {

  static Plan of(GenerationConfig config, Set<Long> endOfText, Tokenizer tokenizer) {
    Set<Long> stopIds = config.has(STOP_IDS) ? config.get(STOP_IDS) : endOfText;
    return new Plan(
        config,
        new Endings(stopIds, config.get(STOPPING_CRITERIA), new Limits(config)),
        new Texts(tokenizer, config.get(STOP_STRINGS)));
  }

  /**
   * Checks that the settings fit each other and the call.
   *
   * @throws IllegalArgumentException saying what does not fit
   */
  void require(Composition composition, @Nullable Consumer<String> listener) {
    int beams = config.get(NUM_BEAMS);
    int returned = config.get(NUM_RETURN_SEQUENCES);
    if (beams > 1 && config.get(DO_SAMPLE)) {
      throw refused(
          "doSample is true and numBeams is " + beams,
          "beam search here does not sample: set doSample(false), or numBeams(1)");
    }
    if (beams > 1 && returned > beams) {
      throw refused(
          "numReturnSequences is " + returned + " and numBeams is " + beams,
          "beam search returns at most one text for each beam");
    }
    if (beams == 1 && returned > 1 && config.isGreedy()) {
      throw refused(
          "numReturnSequences is " + returned,
          "greedy decoding has one text for a prompt: take beams or sampling");
    }
    if (beams > 1 && listener != null) {
      throw refused(
          "numBeams is " + beams,
          "beam search knows its text only at the end: to stream, set numBeams(1)");
    }
    if (Math.max(beams, returned) > 1 && composition.isByRow() && composition.replicas() == 1) {
      throw refused(
          composition + " has an adapter for each prompt",
          "with several beams or texts for a prompt there are more rows than prompts: generate the"
              + " prompts of each adapter by themselves, or use parallel adapters");
    }
  }

  private static IllegalArgumentException refused(String settings, String reason) {
    return new IllegalArgumentException("generation: " + settings + "; " + reason);
  }

  /** How often each prompt is put into the batch. Beam search makes rows of its own. */
  int copies() {
    return config.get(NUM_BEAMS) > 1 ? 1 : config.get(NUM_RETURN_SEQUENCES);
  }

  /** The strategy for a batch of texts. */
  DecodingStrategy strategy(List<Draft> begun, @Nullable Consumer<String> listener) {
    begun.forEach(endings.limits()::require);
    int width = config.get(NUM_BEAMS);
    if (width > 1) {
      int candidates = Math.max(2, 1 + endings.stopIds().size()) * width;
      return new BeamSearch(
          begun.stream().map(draft -> new Beams(draft, config, endings, texts)).toList(),
          width,
          candidates,
          texts);
    }
    Consumer<String> pieces = listener == null ? piece -> {} : listener;
    return new RowByRow(
        begun.stream().map(draft -> new Row(draft, texts.stream(draft, pieces), endings)).toList(),
        config.isGreedy() ? TokenChooser.greedy() : new Sampler(config, begun.size()));
  }

  /**
   * The processors, in the order of {@code _get_logits_processor} in Hugging Face transformers.
   * What only concerns sampling is in the {@link Sampler}.
   */
  LogitsProcessor processors() {
    List<LogitsProcessor> all = new ArrayList<>();
    if (config.get(ENCODER_REPETITION_PENALTY) != 1) {
      all.add(Processors.encoderRepetitionPenalty(config.get(ENCODER_REPETITION_PENALTY)));
    }
    if (config.get(REPETITION_PENALTY) != 1) {
      all.add(Processors.repetitionPenalty(config.get(REPETITION_PENALTY)));
    }
    if (config.get(NO_REPEAT_NGRAM_SIZE) > 0) {
      all.add(Processors.noRepeatNgrams(config.get(NO_REPEAT_NGRAM_SIZE)));
    }
    if (config.get(ENCODER_NO_REPEAT_NGRAM_SIZE) > 0) {
      all.add(Processors.encoderNoRepeatNgrams(config.get(ENCODER_NO_REPEAT_NGRAM_SIZE)));
    }
    Set<Long> ends = endings.stopIds();
    if (!config.get(BAD_WORDS_IDS).isEmpty()) {
      all.add(
          Processors.badWords(
              config.get(BAD_WORDS_IDS).stream()
                  .filter(word -> word.size() > 1 || !ends.contains(word.get(0)))
                  .toList()));
    }
    int minLength = config.get(MIN_LENGTH);
    if (minLength > 0) {
      all.add(Processors.suppress(ends, draft -> draft.length() < minLength));
    }
    int minNewTokens = config.get(MIN_NEW_TOKENS);
    if (minNewTokens > 0) {
      all.add(Processors.suppress(ends, draft -> draft.newTokens() < minNewTokens));
    }
    List<Long> bos = config.get(FORCED_BOS_TOKEN_ID);
    if (!bos.isEmpty()) {
      all.add(Processors.force("forcedBosTokenId", bos, draft -> draft.length() == 1));
    }
    List<Long> eos = config.get(FORCED_EOS_TOKEN_ID);
    if (!eos.isEmpty()) {
      all.add(Processors.force("forcedEosTokenId", eos, endings.limits()::isLast));
    }
    if (!config.get(SUPPRESS_TOKENS).isEmpty()) {
      all.add(Processors.suppress(config.get(SUPPRESS_TOKENS), draft -> true));
    }
    if (!config.get(BEGIN_SUPPRESS_TOKENS).isEmpty()) {
      Predicate<Draft> begins =
          draft ->
              draft.newTokens()
                  == (draft.length() == 1 + draft.newTokens() && !bos.isEmpty() ? 1 : 0);
      all.add(Processors.suppress(config.get(BEGIN_SUPPRESS_TOKENS), begins));
    }
    all.addAll(config.get(PROCESSORS));
    if (config.get(RENORMALIZE_LOGITS)) {
      all.add(Processors.normalization());
    }
    return Processors.chain(all);
  }
}
