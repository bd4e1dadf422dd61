package io.github.peft4j.generate;

import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Generates text with a language model. The prompt goes through the model in one forward pass, then
 * each new token in one of its own, with a cache of the keys and values of all tokens before it. A
 * decoder continues its prompt; an encoder-decoder reads the prompt once and answers it.
 *
 * <p>A generation uses the adapters that are active when it starts, which may differ for each
 * prompt of a batch. A generator has no state; several threads may use one.
 */
public final class Generator {

  private final AdaptedModel adapted;
  private final TransformerModel model;
  private final Tokenizer tokenizer;
  private final Set<Long> endOfText;

  /**
   * Creates a generator.
   *
   * @param adapted a decoder or encoder-decoder with a language model head, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public Generator(AdaptedModel adapted, Tokenizer tokenizer) {
    this.adapted = adapted;
    TransformerModel model = adapted.base();
    if (!model.task().type().writes()) {
      throw new IllegalArgumentException(
          "a model for "
              + model.task().type()
              + " writes no text; load it with Task.causalLm() or Task.sequenceToSequence(), if it"
              + " has a head for that");
    }
    this.model = model;
    this.tokenizer = tokenizer;
    this.endOfText = EndOfText.of(model.config(), tokenizer);
  }

  /** Continues or answers a prompt. */
  public Generation generate(String prompt, GenerationConfig config) {
    return generate(prompt, config, piece -> {});
  }

  /**
   * Continues or answers a prompt, and streams the text.
   *
   * @param listener receives pieces of the text as they are generated, on the calling thread. A
   *     piece has whole characters only. An exception of the listener ends the generation
   */
  public Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return one(encode(prompt), config, listener);
  }

  /**
   * Continues or answers several prompts in one batch. Each result is the same as without the
   * others, except for rounding; when sampling, each prompt draws from random numbers of its own.
   *
   * @return a generation for each prompt, in order. Parallel adapters give those of the first
   *     adapter for all prompts, then those of the second, and so on
   */
  public List<Generation> generate(List<String> prompts, GenerationConfig config) {
    if (prompts.isEmpty()) {
      return List.of();
    }
    try (ModelCall call = adapted.newCall()) {
      return generate(call, prompts.stream().map(this::encode).toList(), config, piece -> {});
    }
  }

  /**
   * Continues or answers a prompt given as ids. No special tokens are added.
   *
   * @param prompt the ids, at least one
   */
  public Generation generate(long[] prompt, GenerationConfig config) {
    return one(prompt, config, piece -> {});
  }

  private Generation one(long[] prompt, GenerationConfig config, Consumer<String> listener) {
    try (ModelCall call = adapted.newCall()) {
      requireOneAnswer(call);
      return generate(call, List.of(prompt), config, listener).get(0);
    }
  }

  /**
   * Refuses parallel adapters, because a caller that takes one text would get that of one adapter
   * only.
   *
   * @throws IllegalStateException naming the call that returns all texts
   */
  public void requireOneAnswer() {
    try (ModelCall call = adapted.newCall()) {
      requireOneAnswer(call);
    }
  }

  private static void requireOneAnswer(ModelCall call) {
    Composition composition = call.adapters().composition();
    if (composition.replicas() > 1) {
      throw new IllegalStateException(
          composition
              + " writes several texts for a prompt; take them from generate(List.of(prompt),"
              + " config)");
    }
  }

  private long[] encode(String prompt) {
    return model.task().type().continuesPrompts()
        ? tokenizer.encodePrompt(prompt)
        : tokenizer.encode(prompt);
  }

  private List<Generation> generate(
      ModelCall call, List<long[]> prompts, GenerationConfig config, Consumer<String> listener) {
    long start = System.nanoTime();
    long room = call.room();
    List<long[]> begun = prompts.stream().map(prompt -> begun(prompt, room)).toList();
    try (Decoding texts = call.decode(begun, model.padId(tokenizer.padId()))) {
      List<Row> rows = new ArrayList<>();
      for (int i = 0; i < texts.rows(); i++) {
        rows.add(row(begun.get(i % begun.size()), texts.opening(i), config, listener));
      }
      Sampler sampler = new Sampler(config, rows.size());
      while (rows.stream().anyMatch(Row::isOpen)) {
        step(texts, sampler, rows);
      }
      Duration time = Duration.ofNanos(System.nanoTime() - start);
      return rows.stream().map(row -> row.generation(time)).toList();
    }
  }

  private Row row(
      long[] prompt, long[] opening, GenerationConfig config, Consumer<String> listener) {
    return new Row(
        prompt.length,
        new TextStream(tokenizer, opening, config.stopStrings(), listener),
        config.stopIds() == null ? endOfText : config.stopIds(),
        config.maxNewTokens());
  }

  /** Generates the next token of every open row. */
  private static void step(Decoding texts, Sampler sampler, List<Row> rows) {
    try (Scope scope = new Scope()) {
      long[] next = sampler.next(texts.logits());
      boolean[] open = new boolean[next.length];
      for (int i = 0; i < next.length; i++) {
        Row row = rows.get(i);
        if (row.isOpen()) {
          row.add(next[i], texts.room(i));
        }
        open[i] = row.isOpen();
      }
      texts.append(next, open);
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
