package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.transformer.KeyValueCache;
import io.github.peft4j.transformer.Pass;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.transformer.TransformerModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Lets a causal language model write: the prompt goes through the model at once, then each new
 * token alone, with the keys and values of all before it in a cache.
 *
 * <p>Whatever adapters are active take part, also a different one for each prompt of a batch. A
 * generator has no state of its own; several threads may use one.
 */
public final class Generator {

  private final TransformerModel model;
  private final Tokenizer tokenizer;
  private final Set<Long> endOfText;

  /**
   * Creates a generator.
   *
   * @param model a causal language model
   * @param tokenizer of the model
   * @throws IllegalArgumentException if the model is for another task
   */
  public Generator(TransformerModel model, Tokenizer tokenizer) {
    if (model.task().type() != Task.Type.CAUSAL_LM) {
      throw new IllegalArgumentException(
          "a model for "
              + model.task().type()
              + " writes no text; load it with Task.causalLm(), if it has a head for that");
    }
    this.model = model;
    this.tokenizer = tokenizer;
    this.endOfText = EndOfText.of(model.config(), tokenizer);
  }

  /** Continues a prompt. */
  public Generation generate(String prompt, GenerationConfig config) {
    return generate(prompt, config, piece -> {});
  }

  /**
   * Continues a prompt and hands out the text as it comes.
   *
   * @param listener is given pieces of whole characters, on the calling thread; together they are
   *     the text. What it throws ends the generation
   */
  public Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return generate(List.of(tokenizer.encodePrompt(prompt)), config, listener).get(0);
  }

  /**
   * Continues several prompts in one batch. Each is continued as if it were alone, but for
   * rounding; when sampling, each draws numbers of its own, the first those it would draw alone.
   *
   * @return a generation for each prompt, in order
   */
  public List<Generation> generate(List<String> prompts, GenerationConfig config) {
    return prompts.isEmpty()
        ? List.of()
        : generate(prompts.stream().map(tokenizer::encodePrompt).toList(), config, piece -> {});
  }

  /**
   * Continues the ids of a prompt, as they are.
   *
   * @param prompt ids, one at least
   */
  public Generation generate(long[] prompt, GenerationConfig config) {
    return generate(List.of(prompt), config, piece -> {}).get(0);
  }

  private List<Generation> generate(
      List<long[]> prompts, GenerationConfig config, Consumer<String> listener) {
    if (model.composition().replicas() > 1) {
      throw new IllegalStateException(
          model.composition()
              + " writes several texts for each prompt; give each adapter a prompt of its own:"
              + " Composition.perRow");
    }
    long start = System.nanoTime();
    Set<Long> stopIds = config.stopIds() == null ? endOfText : config.stopIds();
    List<Row> rows = new ArrayList<>();
    for (long[] prompt : prompts) {
      long[] ids = begun(prompt);
      rows.add(
          new Row(
              ids,
              new TextStream(tokenizer, ids, config.stopStrings(), listener),
              stopIds,
              config.maxNewTokens()));
    }
    Sampler sampler = new Sampler(config, rows.size());
    PaddedRows input = PaddedRows.of(prompts(rows), tokenizer.padId());
    try (KeyValueCache cache = new KeyValueCache()) {
      while (rows.stream().anyMatch(Row::isOpen)) {
        long[] next = step(input, cache, sampler, rows);
        input = input.next(next, rows.stream().map(Row::isOpen).toList());
      }
    }
    Duration time = Duration.ofNanos(System.nanoTime() - start);
    return rows.stream().map(row -> row.generation(time)).toList();
  }

  /** Runs the model on what is new and gives every open row its next token. */
  private long[] step(PaddedRows input, KeyValueCache cache, Sampler sampler, List<Row> rows) {
    try (Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), cache).leftPadded()) {
      NDArray logits = model.nextLogits(input.toModel(model.manager()), pass);
      long[] next = sampler.next(logits);
      for (int i = 0; i < next.length; i++) {
        if (rows.get(i).isOpen()) {
          rows.get(i).add(next[i], model.maxPositions() - (pass.end() - input.padding(i)));
        }
      }
      return next;
    }
  }

  private static List<long[]> prompts(List<Row> rows) {
    return rows.stream().map(Row::prompt).toList();
  }

  /** The prompt, or the token that texts begin with if it is empty. */
  private long[] begun(long[] prompt) {
    long[] ids = prompt.length > 0 ? prompt : tokenizer.bosId().stream().toArray();
    if (ids.length == 0) {
      throw new IllegalArgumentException(
          "the prompt is empty and the tokenizer has no beginning-of-text token; give it a word");
    }
    if (ids.length > model.maxPositions()) {
      throw new IllegalArgumentException(
          "the prompt has %d tokens, but the model has positions for %d; shorten the prompt"
              .formatted(ids.length, model.maxPositions()));
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
