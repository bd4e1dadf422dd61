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
 * Lets a language model write: the prompt goes through the model at once, then each new token
 * alone, with the keys and values of all before it in a cache. A decoder continues its prompt; an
 * encoder-decoder reads it once and answers it.
 *
 * <p>A whole generation computes with the adapters that its model has at the begin, also a
 * different one for each prompt of a batch. A generator has no state of its own; several threads
 * may use one.
 */
public final class Generator {

  private final AdaptedModel adapted;
  private final TransformerModel model;
  private final Tokenizer tokenizer;
  private final Set<Long> endOfText;

  /**
   * Creates a generator.
   *
   * @param adapted a language model, of one stack or an encoder-decoder, and its adapters
   * @param tokenizer of the model
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
   * Continues or answers a prompt and hands out the text as it comes.
   *
   * @param listener is given pieces of whole characters, on the calling thread; together they are
   *     the text. What it throws ends the generation
   */
  public Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return one(encode(prompt), config, listener);
  }

  /**
   * Continues or answers several prompts in one batch, each as if it were alone, but for rounding;
   * when sampling, each draws numbers of its own, the first those it would draw alone.
   *
   * @return a generation for each prompt, in order; from adapters in parallel all prompts' by the
   *     first adapter, then by the second, …
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
   * Continues or answers the ids of a prompt, as they are.
   *
   * @param prompt ids, one at least
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
   * Refuses adapters in parallel, of which a caller with room for one text would see one.
   *
   * @throws IllegalStateException saying how to get all texts
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

  /** Gives every open row its next token. */
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

  /** The prompt, or the token that texts begin with if it is empty. */
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
