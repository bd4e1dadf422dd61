package io.github.peft4j.translate;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.List;

/**
 * Classifies texts, or pairs of texts. Many texts go through the model in batches of similar
 * length, to keep padding low. A text that is longer than the model's positions, less those that
 * adapters take, is cut at its end.
 *
 * <p>A classifier has no state; several threads may use one.
 */
public final class TextClassifier {

  private static final Kernel SOFTMAX =
      Kernel.of(
          """
          def softmax(logits: Tensor) -> Tensor:                 # (B, C)
              return torch.softmax(logits.to(6), -1)
          """);

  private final AdaptedModel adapted;
  private final TextRunner runner;
  private final List<String> labels;
  private final Tokenizer tokenizer;
  private final Labels classes;

  /**
   * Creates a classifier.
   *
   * @param adapted a model for text classification, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public TextClassifier(AdaptedModel adapted, Tokenizer tokenizer) {
    this.adapted = adapted;
    TransformerModel model = adapted.base();
    if (model.task().type() != Task.Type.SEQ_CLS) {
      throw new IllegalArgumentException(
          "a model for "
              + model.task().type()
              + " classifies no texts; "
              + (model.task().type() == Task.Type.SEQ_2_SEQ_LM
                  ? "encoder-decoders have no classifier here. Take an encoder or a decoder, such"
                      + " as BERT or Llama, or let this model generate the name of the class"
                  : "load it with Task.classification(labels)"));
    }
    this.runner = new TextRunner(adapted, tokenizer);
    if (model.task().problem() != Task.Problem.SINGLE_LABEL) {
      throw new IllegalArgumentException(
          model.task()
              + " has no classes of which a text has exactly one; take model.scorer(), which gives"
              + " its numbers or the probability of each label");
    }
    this.labels = model.task().labels();
    this.tokenizer = tokenizer;
    this.classes = Labels.of(labels);
  }

  /** The names of the classes, by id. */
  public List<String> labels() {
    return labels;
  }

  /**
   * Classifies a text.
   *
   * @throws IllegalStateException if parallel adapters are active, each of which gives an answer
   */
  public Classifications classify(String text) {
    try (ModelCall call = adapted.newCall()) {
      requireOneAnswer(call);
      return all(List.of(encode(text, call)), call).get(0);
    }
  }

  /**
   * Classifies a pair of texts.
   *
   * @throws IllegalStateException if parallel adapters are active, each of which gives an answer
   */
  public Classifications classify(TextPair pair) {
    try (ModelCall call = adapted.newCall()) {
      requireOneAnswer(call);
      return all(List.of(encode(pair, call)), call).get(0);
    }
  }

  /**
   * Classifies texts. If the composition assigns an adapter to each row, the texts are one batch.
   * Parallel adapters give the classes of all texts by the first adapter, then by the second, and
   * so on.
   *
   * @return the classes of each text with their probabilities, in the order of the texts
   */
  public List<Classifications> classify(List<String> texts) {
    try (ModelCall call = adapted.newCall()) {
      return all(texts.stream().map(text -> encode(text, call)).toList(), call);
    }
  }

  /**
   * Classifies pairs of texts, as {@link #classify(List)} classifies texts. In training data, a
   * pair is {@code .text(column).pair(column)}.
   *
   * @return the classes of each pair with their probabilities, in the order of the pairs
   */
  public List<Classifications> classifyPairs(List<TextPair> pairs) {
    try (ModelCall call = adapted.newCall()) {
      return all(pairs.stream().map(pair -> encode(pair, call)).toList(), call);
    }
  }

  private static void requireOneAnswer(ModelCall call) {
    TextRunner.requireOneAnswer(call, "classify(List.of(text))");
  }

  private List<Classifications> all(List<EncodedExample> encoded, ModelCall call) {
    int replicas = call.adapters().composition().replicas();
    Classifications[] results = new Classifications[encoded.size() * replicas];
    runner.run(
        encoded,
        call,
        (places, input, logits) -> {
          List<Classifications> rows = classifications(logits);
          for (int i = 0; i < rows.size(); i++) {
            int replica = i / places.length;
            results[replica * encoded.size() + places[i % places.length]] = rows.get(i);
          }
        });
    return List.of(results);
  }

  private EncodedExample encode(String text, ModelCall call) {
    return encode(new ClassificationExample(text, labels.get(0)), call);
  }

  private EncodedExample encode(TextPair pair, ModelCall call) {
    return encode(new ClassificationExample(pair.first(), pair.second(), labels.get(0)), call);
  }

  private EncodedExample encode(ClassificationExample example, ModelCall call) {
    int room = Math.toIntExact(call.room());
    return Encoder.classification(tokenizer, classes, room).encode(example);
  }

  /** The classes of each row of logits (B, C). */
  private List<Classifications> classifications(NDArray logits) {
    float[] probabilities;
    try (NDArray softmax = SOFTMAX.call(logits)) {
      probabilities = Tensors.floats(softmax);
    }
    int classes = labels.size();
    List<Classifications> rows = new ArrayList<>();
    for (int start = 0; start < probabilities.length; start += classes) {
      List<Double> row = new ArrayList<>();
      for (int i = 0; i < classes; i++) {
        row.add((double) probabilities[start + i]);
      }
      rows.add(new Classifications(labels, row));
    }
    return rows;
  }
}
