package io.github.peft4j.embed;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.ByLength;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Turns texts into vectors. Many texts go through the model in batches of similar length, to keep
 * padding low; padding does not change a vector, except for rounding.
 *
 * <pre>{@code
 * float[][] vectors = model.embed(List.of("How do I pay?", "Where is my parcel?"));
 * float[] query = model.embedder().prompt("query: ").embed("payment");
 * }</pre>
 *
 * <p>An embedder has no state; several threads may use one.
 */
public final class TextEmbedder {

  private static final int BATCH_SIZE = 32;

  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, rows: Tensor) -> Tensor:         # (N, D), (N)
              return torch.index_select(x, 0, rows)
          """);

  private final AdaptedModel adapted;
  private final TransformerModel model;
  private final Tokenizer tokenizer;
  private final EmbeddingSettings settings;

  /**
   * Creates an embedder.
   *
   * @param adapted a model of one stack, for any task, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is an encoder-decoder
   */
  public TextEmbedder(AdaptedModel adapted, Tokenizer tokenizer, EmbeddingSettings settings) {
    this.adapted = adapted;
    this.model = adapted.base();
    this.tokenizer = tokenizer;
    this.settings = settings;
    requireOneStack(model);
  }

  /**
   * Refuses a model that gives no embeddings.
   *
   * @throws IllegalArgumentException if the model is an encoder-decoder
   */
  public static void requireOneStack(TransformerModel model) {
    if (model.task().type() == Task.Type.SEQ_2_SEQ_LM) {
      throw new IllegalArgumentException(
          "an encoder-decoder gives no embeddings of texts; take a model of one stack, such as BERT"
              + " or Llama");
    }
  }

  /** How states become vectors. */
  public EmbeddingSettings settings() {
    return settings;
  }

  /** An embedder with other settings. */
  public TextEmbedder with(EmbeddingSettings settings) {
    return new TextEmbedder(adapted, tokenizer, settings);
  }

  /** An embedder with another pooling. */
  public TextEmbedder pooling(Pooling pooling) {
    return with(settings.pooling(pooling));
  }

  /** An embedder whose vectors have length 1, or are left as they are. */
  public TextEmbedder normalized(boolean normalized) {
    return with(settings.normalized(normalized));
  }

  /** An embedder that puts a prompt in front of each text. */
  public TextEmbedder prompt(String prompt) {
    return with(settings.prompt(prompt));
  }

  /**
   * The vector of a text.
   *
   * @return D numbers
   * @throws IllegalStateException if parallel adapters are active, each of which gives a vector
   */
  public float[] embed(String text) {
    try (ModelCall call = adapted.newCall()) {
      Composition composition = call.adapters().composition();
      if (composition.replicas() > 1) {
        throw new IllegalStateException(
            composition + " gives several vectors for a text; take them from embed(List.of(text))");
      }
      return rows(List.of(text), call)[0];
    }
  }

  /**
   * The vectors of texts. Parallel adapters give the vectors of all texts by the first adapter,
   * then by the second, and so on.
   *
   * @return [N][D], in the order of the texts
   */
  public float[][] embed(List<String> texts) {
    if (texts.isEmpty()) {
      return new float[0][];
    }
    try (ModelCall call = adapted.newCall()) {
      return rows(texts, call);
    }
  }

  /**
   * The vectors of texts on the model's device, in 32 bits.
   *
   * @param texts at least one
   * @return (N, D), which the caller closes
   */
  public NDArray embedArray(List<String> texts) {
    if (texts.isEmpty()) {
      throw new IllegalArgumentException("there are no texts; expected one or more");
    }
    try (ModelCall call = adapted.newCall()) {
      return array(texts, call);
    }
  }

  private float[][] rows(List<String> texts, ModelCall call) {
    try (NDArray all = array(texts, call)) {
      int rows = Math.toIntExact(all.getShape().get(0));
      int size = Math.toIntExact(all.getShape().get(1));
      float[] values = Tensors.floats(all);
      float[][] vectors = new float[rows][];
      Arrays.setAll(vectors, i -> Arrays.copyOfRange(values, i * size, (i + 1) * size));
      return vectors;
    }
  }

  private NDArray array(List<String> texts, ModelCall call) {
    EmbeddingEncoder encoder =
        new EmbeddingEncoder(tokenizer, settings, Math.toIntExact(call.room()));
    List<EncodedExample> encoded = texts.stream().map(encoder::encode).toList();
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            return scope.keep(
                call.adapters().composition().isByRow()
                    ? vectors(encoded, call)
                    : vectorsByLength(encoded, call));
          }
        });
  }

  private NDArray vectorsByLength(List<EncodedExample> encoded, ModelCall call) {
    int[] lengths = encoded.stream().mapToInt(EncodedExample::length).toArray();
    NDList parts = new NDList();
    long[] places = new long[lengths.length];
    int next = 0;
    for (int[] batch : ByLength.batches(lengths, BATCH_SIZE, Long.MAX_VALUE)) {
      parts.add(vectors(IntStream.of(batch).mapToObj(encoded::get).toList(), call));
      for (int row : batch) {
        places[row] = next++;
      }
    }
    return SELECT.call(NDArrays.concat(parts, 0), model.manager().create(places));
  }

  /** The vectors of one batch, (B, D). */
  private NDArray vectors(List<EncodedExample> texts, ModelCall call) {
    return OutOfDeviceMemoryException.guard(
        () -> texts.size() == 1 ? "a text" : "a batch of %d texts".formatted(texts.size()),
        () -> OutOfDeviceMemoryException.FEWER_TEXTS,
        () -> computed(texts, call));
  }

  private NDArray computed(List<EncodedExample> texts, ModelCall call) {
    try (Scope scope = new Scope();
        Pass pass = call.pass()) {
      return scope.keep(settings.vectors(model.hidden(input(texts), pass), pass.wholeMask()));
    }
  }

  private ModelInput input(List<EncodedExample> texts) {
    NDManager manager = model.manager();
    Batch batch = new Collator(model.padId(tokenizer.padId())).collate(texts);
    return ModelInput.of(manager, batch.inputIds(), batch.attentionMask())
        .withTypes(manager, batch.tokenTypeIds());
  }
}
