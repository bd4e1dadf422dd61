package io.github.peft4j.train.pet;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.ByLength;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.head.LabelledOutputs;
import io.github.peft4j.transformer.loss.Losses;
import io.github.peft4j.transformer.pass.Pass;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.stream.IntStream;

/**
 * Classifies texts by filling the gap of a pattern. A model does so untrained, or with the adapter
 * of a {@link Pet} run.
 *
 * <p>A label's logit is the mean logit of its words at the gap. If words have several tokens, it is
 * the log probability of its only word: the gap has as many masks as the word has tokens; the mask
 * whose token is likeliest is filled first, and the rest is computed again with it.
 */
public final class ClozeClassifier {

  private static final int BATCH_SIZE = 32;

  private static final Kernel LOG_PROBABILITIES =
      Kernel.of(
          """
          def log_probabilities(logits: Tensor, ids: Tensor) -> Tensor:  # (N, V), (N) → (N)
              all = torch.log_softmax(logits, -1)
              return torch.squeeze(torch.gather(all, 1, torch.unsqueeze(ids, 1)), 1)
          """);

  private final TextModel model;
  private final LabelTokens tokens;
  private final ClozeEncoder encoder;

  ClozeClassifier(TextModel model, LabelTokens tokens, ClozeEncoder encoder) {
    this.model = model;
    this.tokens = tokens;
    this.encoder = encoder;
  }

  /**
   * A classifier that cuts texts at 256 tokens, or where the model has no more positions.
   *
   * @param model a masked language model, or a causal one for patterns that end with the gap
   * @throws IllegalArgumentException if the model cannot fill the gap with these words
   */
  public static ClozeClassifier of(TextModel model, Pattern pattern, Verbalizer verbalizer) {
    return of(model, pattern, verbalizer, Pet.MAX_LENGTH);
  }

  static ClozeClassifier of(
      TextModel model, Pattern pattern, Verbalizer verbalizer, int maxLength) {
    Words words = new Words(model.tokenizer());
    LabelTokens tokens = LabelTokens.of(verbalizer, words);
    Task task = model.base().task();
    if (task.type() == Task.Type.CAUSAL_LM && !tokens.areSingle()) {
      throw new IllegalArgumentException(
          "a model for CAUSAL_LM writes one token for a word, but these words have several: %s; take words of one token"
              .formatted(LabelTokens.longWords(verbalizer, words)));
    }
    int most = (int) Math.min(maxLength, model.room());
    return new ClozeClassifier(
        model, tokens, new ClozeEncoder(pattern, words, task, tokens.masks(), most));
  }

  ClozeEncoder encoder() {
    return encoder;
  }

  LabelTokens tokens() {
    return tokens;
  }

  /** The labels, in the order of their logits. */
  public List<String> labels() {
    return tokens.labels();
  }

  /** The likeliest label of each text. */
  public List<String> classify(List<String> texts) {
    return Arrays.stream(logits(texts)).map(row -> labels().get(best(row))).toList();
  }

  /**
   * The labels' logits for each text.
   *
   * @return [texts][labels]
   */
  public double[][] logits(List<String> texts) {
    return ofTexts(texts.stream().map(text -> new PetText(text, null)).toList());
  }

  /** The labels' logits for each pair of texts, as {@link #logits}. */
  public double[][] logitsOfPairs(List<TextPair> pairs) {
    return ofTexts(pairs.stream().map(p -> new PetText(p.first(), p.second())).toList());
  }

  /** The share of examples whose likeliest label is their own, 0 to 1. */
  public double accuracy(Examples<ClassificationExample> examples) {
    List<ClassificationExample> all = examples.dataset().examples();
    double[][] logits = ofTexts(PetText.of(examples));
    long right =
        IntStream.range(0, all.size())
            .filter(i -> labels().get(best(logits[i])).equals(all.get(i).label()))
            .count();
    return (double) right / all.size();
  }

  static int best(double[] row) {
    return IntStream.range(0, row.length).reduce((a, b) -> row[b] > row[a] ? b : a).orElseThrow();
  }

  double[][] ofTexts(List<PetText> texts) {
    List<EncodedExample> rows = texts.stream().map(text -> encoder.encode(text, 0)).toList();
    if (tokens.areSingle()) {
      double[][] logits = new double[rows.size()][];
      atMasks(rows, (at, labels) -> tokens.logits(at), (i, of) -> logits[i] = of[0]);
      return logits;
    }
    double[][] logits = new double[rows.size()][tokens.labels().size()];
    for (int l = 0; l < tokens.labels().size(); l++) {
      double[] label = ofWord(rows, tokens.ids()[l]);
      for (int i = 0; i < label.length; i++) {
        logits[i][l] = label[i];
      }
    }
    return logits;
  }

  /** The log probability of a word in the gap of each row. */
  private double[] ofWord(List<EncodedExample> rows, long[] word) {
    double[] sums = new double[rows.size()];
    List<EncodedExample> open = new ArrayList<>(rows.stream().map(row -> gap(row, word)).toList());
    for (int filled = 0; filled < word.length; filled++) {
      List<EncodedExample> now = List.copyOf(open);
      atMasks(
          now,
          LOG_PROBABILITIES::call,
          (i, probabilities) -> {
            int likeliest =
                best(Arrays.stream(probabilities).mapToDouble(each -> each[0]).toArray());
            sums[i] += probabilities[likeliest][0];
            open.set(i, filled(now.get(i), likeliest));
          });
    }
    return sums;
  }

  /** A row with as many masks as a word has tokens, which are the labels. */
  private static EncodedExample gap(EncodedExample row, long[] word) {
    int[] masks = masks(row);
    int from = masks[0] + word.length;
    int to = masks[0] + masks.length;
    int[] kept = IntStream.range(0, row.length()).filter(i -> i < from || i >= to).toArray();
    long[] ids = pick(row.inputIds(), kept);
    long[] types = row.tokenTypeIds();
    long[] labels = pick(row.labels(), kept);
    System.arraycopy(word, 0, labels, masks[0], word.length);
    return new EncodedExample(
        ids, types == null ? null : pick(types, kept), labels, EncodedExample.Alignment.TOKEN);
  }

  private static long[] pick(long[] values, int[] places) {
    return Arrays.stream(places).mapToLong(i -> values[i]).toArray();
  }

  /** A row whose n-th mask, of those that are left, is filled with its label. */
  private static EncodedExample filled(EncodedExample row, int n) {
    int at = masks(row)[n];
    long[] ids = row.inputIds().clone();
    long[] labels = row.labels().clone();
    ids[at] = labels[at];
    labels[at] = EncodedExample.IGNORED;
    return new EncodedExample(ids, row.tokenTypeIds(), labels, EncodedExample.Alignment.TOKEN);
  }

  private static int[] masks(EncodedExample row) {
    return IntStream.range(0, row.length())
        .filter(i -> row.labels()[i] != EncodedExample.IGNORED)
        .toArray();
  }

  /** Takes what was computed at the masks of a row: [masks][values]. */
  private interface Use {
    void take(int row, double[][] values);
  }

  /**
   * Computes something of the logits at the labels of rows.
   *
   * @param function of logits (N, V) and labels (N): (N) or (N, …)
   */
  private void atMasks(List<EncodedExample> rows, BinaryOperator<NDArray> function, Use use) {
    int[] lengths = rows.stream().mapToInt(EncodedExample::length).toArray();
    TransformerModel base = model.base();
    Collator collator = new Collator(base.padId(model.tokenizer().padId()));
    for (int[] places : ByLength.batches(lengths, BATCH_SIZE, Long.MAX_VALUE)) {
      Batch batch = collator.collate(Arrays.stream(places).mapToObj(rows::get).toList());
      Autograd.without(
          () -> {
            try (ModelCall call = model.newCall();
                Scope scope = new Scope();
                Pass pass = call.pass()) {
              NDArray hidden = base.hidden(BatchFeed.input(base, batch), pass);
              LabelledOutputs outputs =
                  base.head().labelled(hidden, BatchFeed.targets(base, batch), pass, false);
              give(places, outputs, function, use);
            }
            return null;
          });
    }
  }

  private static void give(
      int[] places, LabelledOutputs outputs, BinaryOperator<NDArray> function, Use use) {
    List<double[]> values = new ArrayList<>();
    outputs.slices(
        0,
        outputs.count(),
        slice -> {
          NDArray logits = Losses.floats(outputs.logits(slice));
          NDArray computed = function.apply(logits, outputs.targets(slice));
          float[] flat = Tensors.floats(computed);
          int width = (int) (flat.length / slice.count());
          for (int i = 0; i < slice.count(); i++) {
            double[] row = new double[width];
            for (int j = 0; j < width; j++) {
              row[j] = flat[i * width + j];
            }
            values.add(row);
          }
        });
    List<List<double[]>> byRow = new ArrayList<>();
    Arrays.stream(places).forEach(place -> byRow.add(new ArrayList<>()));
    long[] rowOf = outputs.rowOf();
    for (int i = 0; i < rowOf.length; i++) {
      byRow.get((int) rowOf[i]).add(values.get(i));
    }
    for (int i = 0; i < places.length; i++) {
      use.take(places[i], byRow.get(i).toArray(double[][]::new));
    }
  }
}
