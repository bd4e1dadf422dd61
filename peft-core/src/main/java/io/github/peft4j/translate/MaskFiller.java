package io.github.peft4j.translate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Fills the masks of texts, as transformers' FillMaskPipeline does.
 *
 * <pre>{@code
 * Filling best = model.fillMask("Paris is the capital of [MASK].").get(0);
 * List<Filling> ten = model.maskFiller().top(10).fill("A [MASK] of bread.");
 * }</pre>
 *
 * <p>It has no state; several threads may use one.
 */
public final class MaskFiller {

  private static final int TOP = 5;

  private static final Kernel BEST =
      Kernel.of(
          """
          def best(logits: Tensor, places: Tensor, k: Tensor) -> Tuple[Tensor, Tensor]:
              # logits (B, T, V), places (N) → (N, k) each
              rows = torch.index_select(torch.reshape(logits, [-1, torch.size(logits, -1)]), 0, places)
              values, ids = torch.topk(torch.softmax(rows.to(6), -1), int(k))
              return (values, ids)
          """);

  private final TextRunner runner;
  private final Tokenizer tokenizer;
  private final long mask;
  private final int top;

  /**
   * Creates a filler.
   *
   * @param adapted a masked language model, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task, or the tokenizer has no mask
   */
  public MaskFiller(AdaptedModel adapted, Tokenizer tokenizer) {
    this(new TextRunner(adapted, tokenizer), tokenizer, TOP);
  }

  private MaskFiller(TextRunner runner, Tokenizer tokenizer, int top) {
    runner.require(Task.Type.MASKED_LM, "fills no masks", "Task.maskedLm()");
    this.runner = runner;
    this.tokenizer = tokenizer;
    this.top = top;
    this.mask =
        tokenizer
            .maskId()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "the tokenizer has no mask_token; take the tokenizer of the model"));
    long tokens = runner.adapted().base().head().classes();
    if (top < 1 || top > tokens) {
      throw new IllegalArgumentException(
          "top is %d; expected 1 to %d, the number of tokens".formatted(top, tokens));
    }
  }

  /**
   * A filler that gives another number of tokens.
   *
   * @param top 1 or more; 5 by default
   */
  public MaskFiller top(int top) {
    return new MaskFiller(runner, tokenizer, top);
  }

  /** The text of the mask, such as {@code [MASK]}. */
  public String mask() {
    return tokenizer.decode(new long[] {mask}, false);
  }

  /**
   * The likeliest tokens in place of the mask.
   *
   * @param text a text with one mask, see {@link #mask}
   * @return the tokens, the likeliest first
   * @throws DataException if the text has no mask or several, or is longer than the model's
   *     positions
   */
  public List<Filling> fill(String text) {
    return fillEachOnce(List.of(text)).get(0);
  }

  /** The tokens in place of the one mask of each text. */
  List<List<Filling>> fillEachOnce(List<String> texts) {
    return fillAll(texts).stream().map(MaskFiller::only).toList();
  }

  private static List<Filling> only(List<List<Filling>> masks) {
    if (masks.size() > 1) {
      throw new DataException(
          "the text has %d masks; take fillEach(text), which gives tokens for each of them"
              .formatted(masks.size()));
    }
    return masks.get(0);
  }

  /**
   * The likeliest tokens in place of each mask, each on its own: not what is likely together.
   *
   * @param text a text with one mask or more
   * @return the tokens of each mask, the likeliest first
   * @throws DataException if the text has no mask, or is longer than the model's positions
   */
  public List<List<Filling>> fillEach(String text) {
    return fillAll(List.of(text)).get(0);
  }

  /**
   * The likeliest tokens in place of each mask of several texts.
   *
   * @return for each text, the tokens of each of its masks
   */
  public List<List<List<Filling>>> fillAll(List<String> texts) {
    try (ModelCall call = runner.newCall()) {
      TextRunner.requireOneAnswer(call, "");
      List<EncodedExample> rows = texts.stream().map(text -> encode(text, call)).toList();
      List<List<List<Filling>>> all =
          new ArrayList<>(rows.stream().map(r -> noFillings()).toList());
      runner.run(
          rows,
          call,
          (places, input, logits) -> {
            long width = logits.getShape().get(1);
            long virtual = width - input.ids().getShape().get(1);
            long[] masks =
                IntStream.range(0, places.length)
                    .boxed()
                    .flatMap(
                        i ->
                            IntStream.of(masks(rows.get(places[i])))
                                .mapToObj(t -> i * width + virtual + t))
                    .mapToLong(place -> place)
                    .toArray();
            fill(rows, places, masks, logits, all);
          });
      return all;
    }
  }

  private static List<List<Filling>> noFillings() {
    return List.of();
  }

  private void fill(
      List<EncodedExample> rows,
      int[] places,
      long[] masks,
      NDArray logits,
      List<List<List<Filling>>> all) {
    NDArray at = logits.getManager().create(masks);
    NDList best = BEST.callForAll(logits, at, Tensors.scalar(top));
    float[] scores = Tensors.floats(best.get(0));
    long[] ids = best.get(1).toLongArray();
    int next = 0;
    for (int place : places) {
      EncodedExample row = rows.get(place);
      int[] of = masks(row);
      List<List<Filling>> fillings = new ArrayList<>();
      for (int position : of) {
        List<Filling> tokens = new ArrayList<>();
        for (int k = 0; k < top; k++, next++) {
          tokens.add(filling(row, position, of.length == 1, ids[next], scores[next]));
        }
        fillings.add(tokens);
      }
      all.set(place, fillings);
    }
  }

  private Filling filling(EncodedExample row, int position, boolean only, long id, double score) {
    long[] filled = row.inputIds().clone();
    filled[position] = id;
    return new Filling(
        tokenizer.decode(new long[] {id}, false), score, id, tokenizer.decode(filled, only));
  }

  private int[] masks(EncodedExample row) {
    return IntStream.range(0, row.length()).filter(i -> row.inputIds()[i] == mask).toArray();
  }

  private EncodedExample encode(String text, ModelCall call) {
    Encoding encoding = tokenizer.input(text, null);
    if (Arrays.stream(encoding.ids()).noneMatch(id -> id == mask)) {
      throw new DataException("the text has no %s to fill".formatted(mask()));
    }
    if (encoding.ids().length > call.room()) {
      throw new DataException(
          "the text has %d tokens, but the model has room for %d. Shorten it around the mask"
              .formatted(encoding.ids().length, call.room()));
    }
    return EncodedExample.unlabelled(encoding.ids(), encoding.typeIds());
  }
}
