package io.github.peft4j.translate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.ByLength;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs encoded texts through a model, in batches of similar length. If the composition assigns an
 * adapter to each row, the texts are one batch.
 */
final class TextRunner {

  private static final int BATCH_SIZE = 32;

  private final AdaptedModel adapted;
  private final TransformerModel model;
  private final Collator collator;

  TextRunner(AdaptedModel adapted, Tokenizer tokenizer) {
    this.adapted = adapted;
    this.model = adapted.base();
    this.collator = new Collator(model.padId(tokenizer.padId()));
  }

  /** Refuses a model for another task. */
  void require(Task.Type type, String does, String load) {
    if (model.task().type() != type) {
      throw new IllegalArgumentException(
          "a model for %s %s; load it with %s".formatted(model.task().type(), does, load));
    }
  }

  AdaptedModel adapted() {
    return adapted;
  }

  ModelCall newCall() {
    return adapted.newCall();
  }

  /** A consumer of the logits of one batch. */
  @FunctionalInterface
  interface Use {

    /**
     * Takes the logits of a batch.
     *
     * @param places which of the texts the rows are; with parallel adapters, the rows are those of
     *     the first adapter, then of the second, and so on
     * @param input what the model read, (B, T)
     * @param logits (B, …); freed afterwards
     */
    void accept(int[] places, ModelInput input, NDArray logits);
  }

  void run(List<EncodedExample> texts, ModelCall call, Use use) {
    if (texts.isEmpty()) {
      return;
    }
    int[] lengths = texts.stream().mapToInt(EncodedExample::length).toArray();
    List<int[]> batches =
        call.adapters().composition().isByRow()
            ? List.of(IntStream.range(0, lengths.length).toArray())
            : ByLength.batches(lengths, BATCH_SIZE, Long.MAX_VALUE);
    for (int[] places : batches) {
      OutOfDeviceMemoryException.guard(
          () -> places.length == 1 ? "a text" : "a batch of %d texts".formatted(places.length),
          () -> OutOfDeviceMemoryException.FEWER_TEXTS,
          () -> run(texts, places, call, use));
    }
  }

  private int[] run(List<EncodedExample> texts, int[] places, ModelCall call, Use use) {
    try (Scope scope = new Scope()) {
      ModelInput input =
          collate(model.manager(), Arrays.stream(places).mapToObj(texts::get).toList());
      use.accept(places, input, call.logits(input));
      return places;
    }
  }

  /**
   * The logits of each token of texts.
   *
   * @return for each text [T][V], those that the labels of its tokens are compared with in training
   */
  List<float[][]> tokenLogits(List<EncodedExample> texts, ModelCall call) {
    float[][][] results = new float[texts.size()][][];
    run(
        texts,
        call,
        (places, input, logits) -> {
          int classes = (int) logits.getShape().get(2);
          int width = (int) logits.getShape().get(1);
          int virtual = width - (int) input.ids().getShape().get(1);
          int before = (int) model.head().before(virtual);
          float[] values = Tensors.floats(logits);
          for (int i = 0; i < places.length; i++) {
            int row = i * width + before;
            float[][] tokens = new float[texts.get(places[i]).length()][];
            Arrays.setAll(
                tokens,
                t -> Arrays.copyOfRange(values, (row + t) * classes, (row + t + 1) * classes));
            results[places[i]] = tokens;
          }
        });
    return List.of(results);
  }

  /** The ids, the mask if texts differ in length, and the segments, as in training. */
  private ModelInput collate(NDManager manager, List<EncodedExample> examples) {
    Batch batch = collator.collate(examples);
    return ModelInput.of(manager, batch.inputIds(), batch.attentionMask())
        .withTypes(manager, batch.tokenTypeIds());
  }

  /**
   * Refuses parallel adapters, because a caller that takes one answer would get that of one adapter
   * only.
   *
   * @param instead what gives all answers; empty if nothing does
   */
  static void requireOneAnswer(ModelCall call, String instead) {
    Composition composition = call.adapters().composition();
    if (composition.replicas() > 1) {
      throw new IllegalStateException(
          composition
              + " gives several answers for a text; "
              + (instead.isEmpty() ? "use one adapter at a time" : "take them from " + instead));
    }
  }

  /**
   * Refuses windows if each text of a batch has an adapter of its own: a text would be several
   * rows.
   */
  static void requireOneWindowEach(ModelCall call, int texts, int windows) {
    Composition composition = call.adapters().composition();
    if (composition.isByRow() && windows > texts) {
      throw new IllegalStateException(
          "%s gives each text an adapter, but %d texts are so long that they make %d rows; shorten them, or use one adapter at a time"
              .formatted(composition, texts, windows));
    }
  }
}
