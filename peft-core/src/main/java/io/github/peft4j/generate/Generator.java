package io.github.peft4j.generate;

import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.logits.Draft;
import io.github.peft4j.generate.logits.LogitsProcessor;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Generates text with a language model. The prompt goes through the model in one forward pass, then
 * each new token in one of its own, with a cache of the keys and values of all tokens before it. A
 * decoder continues its prompt; an encoder-decoder reads the prompt once and answers it.
 *
 * <p>A generation uses the adapters that are active when it starts, which may differ for each
 * prompt of a batch. A generator has no state; several threads may use one.
 */
public final class Generator {

  private static final String ADVICE =
      "Generate for fewer prompts at a time, with fewer beams or texts for each, with shorter prompts"
          + " or fewer new tokens, or load the model in fewer bits";

  private final AdaptedModel adapted;
  private final TransformerModel model;
  private final Tokenizer tokenizer;
  private final Set<Long> endOfText;
  private final GenerationConfig recommended;

  /**
   * Creates a generator.
   *
   * @param adapted a decoder or encoder-decoder with a language model head, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task, or if generation_config.json
   *     has a wrong value
   */
  public Generator(AdaptedModel adapted, Tokenizer tokenizer) {
    this.adapted = adapted;
    TransformerModel model = adapted.base();
    if (!model.task().type().writes()) {
      throw new AdvisedException(
          "a model for " + model.task().type() + " writes no text",
          Remedy.LOAD_FOR_TASK.with(
              "Load it with Task.causalLm() or Task.sequenceToSequence(), if it has a head for"
                  + " that"));
    }
    this.model = model;
    this.tokenizer = tokenizer;
    this.endOfText = EndOfText.of(model.config(), tokenizer);
    this.recommended = ModelSettings.of(model.config());
    ModelSettings.warn(model.config());
  }

  private Generator(Generator other, Set<Long> endOfText) {
    this.adapted = other.adapted;
    this.model = other.model;
    this.tokenizer = other.tokenizer;
    this.endOfText = Set.copyOf(endOfText);
    this.recommended = other.recommended;
  }

  /**
   * This generator with one more token that ends texts, unless a config names the tokens itself.
   *
   * @param id the token's id
   * @return the generator
   */
  public Generator endingAt(long id) {
    Set<Long> more = new HashSet<>(endOfText);
    more.add(id);
    return new Generator(this, more);
  }

  /**
   * Continues or answers a prompt.
   *
   * @throws IllegalStateException if the config or parallel adapters ask for several texts
   */
  public Generation generate(String prompt, GenerationConfig config) {
    return one(encode(prompt), config, null);
  }

  /**
   * Continues or answers a prompt, and streams the text.
   *
   * @param listener receives pieces of the text as they are generated, on the calling thread. A
   *     piece has whole characters only. An exception of the listener ends the generation
   * @throws IllegalArgumentException if the config asks for beam search, which knows its text only
   *     at the end
   */
  public Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return one(encode(prompt), config, listener);
  }

  /**
   * Continues or answers several prompts in one batch. Each result is the same as without the
   * others, except for rounding; when sampling, each prompt draws from random numbers of its own.
   *
   * @return the generations of each prompt, in order: one, or as many as {@code numReturnSequences}
   *     says. Parallel adapters give those of the first adapter for all prompts, then those of the
   *     second, and so on
   */
  public List<Generation> generate(List<String> prompts, GenerationConfig config) {
    if (prompts.isEmpty()) {
      return List.of();
    }
    try (ModelCall call = adapted.newCall()) {
      return generate(
          call, prompts.stream().map(this::encode).toList(), config.over(recommended), null);
    }
  }

  /**
   * Continues or answers a prompt given as ids. No special tokens are added.
   *
   * @param prompt the ids, at least one
   */
  public Generation generate(long[] prompt, GenerationConfig config) {
    return one(prompt, config, null);
  }

  /**
   * Continues or answers a prompt given as ids, and streams the text. No special tokens are added.
   *
   * @param prompt the ids, at least one
   * @param listener receives pieces of the text, as for a prompt given as text
   */
  public Generation generate(long[] prompt, GenerationConfig config, Consumer<String> listener) {
    return one(prompt, config, listener);
  }

  private Generation one(
      long[] prompt, GenerationConfig config, @Nullable Consumer<String> listener) {
    GenerationConfig all = config.over(recommended);
    try (ModelCall call = adapted.newCall()) {
      requireOneAnswer(call, all);
      return generate(call, List.of(prompt), all, listener).get(0);
    }
  }

  /**
   * Refuses parallel adapters and several texts for a prompt, because a caller that takes one text
   * would get only the first of them.
   *
   * @throws IllegalStateException naming the call that returns all texts
   */
  public void requireOneAnswer(GenerationConfig config) {
    try (ModelCall call = adapted.newCall()) {
      requireOneAnswer(call, config.over(recommended));
    }
  }

  private static void requireOneAnswer(ModelCall call, GenerationConfig config) {
    Composition composition = call.adapters().composition();
    int returned = config.get(Setting.NUM_RETURN_SEQUENCES);
    if (composition.replicas() > 1 || returned > 1) {
      throw new IllegalStateException(
          (returned > 1 ? "numReturnSequences is " + returned + ": this" : composition)
              + " writes several texts for a prompt; take them from generate(List.of(prompt),"
              + " config)");
    }
  }

  private long[] encode(String prompt) {
    return model.task().type().continuesPrompts()
        ? tokenizer.encodePrompt(prompt)
        : tokenizer.input(prompt, null).ids();
  }

  private List<Generation> generate(
      ModelCall call,
      List<long[]> prompts,
      GenerationConfig config,
      @Nullable Consumer<String> listener) {
    Plan plan = Plan.of(config, endOfText, tokenizer);
    plan.require(call.adapters().composition(), listener);
    long start = System.nanoTime();
    long room = call.room();
    List<long[]> begun =
        prompts.stream()
            .map(prompt -> begun(prompt, room))
            .flatMap(prompt -> Collections.nCopies(plan.copies(), prompt).stream())
            .toList();
    try (Decoding batch = call.decode(begun, model.padId(tokenizer.padId()))) {
      if (!config.get(Setting.USE_CACHE)) {
        batch.withoutCache();
      }
      List<Draft> drafts =
          IntStream.range(0, batch.rows())
              .mapToObj(i -> Draft.of(begun.get(i % begun.size()), batch.opening(i)))
              .toList();
      DecodingStrategy strategy = plan.strategy(drafts, listener);
      LogitsProcessor processors = plan.processors();
      while (strategy.isOpen()) {
        OutOfDeviceMemoryException.guard(
            () ->
                "generation of " + (batch.rows() == 1 ? "a text" : batch.rows() + " texts at once"),
            () -> ADVICE,
            () -> step(batch, strategy, processors));
      }
      return strategy.texts(Duration.ofNanos(System.nanoTime() - start));
    }
  }

  /** Generates the next token of every open text. */
  private static Choice step(
      Decoding batch, DecodingStrategy strategy, LogitsProcessor processors) {
    try (Scope scope = new Scope()) {
      Choice next =
          strategy.choose(
              processors.process(strategy.drafts(), strategy.scores(batch.logits())),
              batch::room,
              batch::readAhead);
      if (next.rows() != null) {
        batch.select(next.rows());
      }
      batch.append(next.tokens(), next.open());
      return next;
    }
  }

  /** The prompt, or the beginning-of-text token if it is empty. */
  private long[] begun(long[] prompt, long room) {
    long[] ids = prompt.length > 0 ? prompt : tokenizer.bosId().stream().toArray();
    if (ids.length == 0) {
      throw new IllegalArgumentException(
          "the prompt is empty and the tokenizer has no beginning-of-text token; give it a word");
    }
    if (ids.length > room) {
      throw new IllegalArgumentException(
          "the prompt has %d tokens, but the model has positions for %d; shorten the prompt"
              .formatted(ids.length, room));
    }
    for (long id : ids) {
      if (id < 0 || id >= model.head().classes()) {
        throw new IllegalArgumentException(
            "the prompt has the id %d, expected 0 to %d; take the model's own tokenizer"
                .formatted(id, model.head().classes() - 1));
      }
    }
    return Arrays.copyOf(ids, ids.length);
  }
}
