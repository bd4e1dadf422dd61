package io.github.peft4j.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import ai.djl.translate.PaddingStackBatchifier;
import ai.djl.util.Progress;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.train.evaluation.Truncated;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Examples as a DJL data set, encoded for a model: for a training loop or a DJL {@code Trainer} of
 * your own. To train an adapter, {@code FineTuner} takes the examples as they are.
 *
 * <pre>{@code
 * EncodedRecords records =
 *     EncodedRecords.builder(model, examples).setSampling(8, true).optMaxLength(128).build();
 * try (NDManager manager = NDManager.newBaseManager()) {
 *   for (Batch batch : records.getData(manager)) { … }
 * }
 * }</pre>
 *
 * <p>Data of a batch, as the model's block takes it: the ids (B, T), their mask (B, T), and the
 * segments (B, T) if the model has them. Labels of a batch: classes (B, 1); numbers, or 1 and 0 for
 * each of several labels, (B, V); the first and the last token of an answer (B, 2); a label for
 * each id (B, T), for a language model the ids themselves, not shifted; the ids that an
 * encoder-decoder writes (B, U). Ids are padded with the model's padding id, masks and segments
 * with 0, labels with -100.
 *
 * <p>Masks of a masked language model are the same in each epoch.
 */
public final class EncodedRecords extends RandomAccessDataset {

  private static final Logger LOG = LoggerFactory.getLogger(EncodedRecords.class);

  private final EncodedDataset data;

  private EncodedRecords(Builder builder, EncodedDataset data) {
    super(builder);
    this.data = data;
  }

  /** A builder. Call {@code setSampling} before {@code build}. */
  public static Builder builder(TextModel model, Examples<?> examples) {
    return new Builder(model, examples);
  }

  @Override
  public Record get(NDManager manager, long index) {
    EncodedExample example = data.select((int) index).get(0);
    long[] mask = new long[example.length()];
    Arrays.fill(mask, 1);
    NDList arrays = new NDList(manager.create(example.inputIds()), manager.create(mask));
    long[] types = example.tokenTypeIds();
    if (types != null) {
      arrays.add(manager.create(types));
    }
    return new Record(arrays, new NDList(labels(manager, example)));
  }

  private static NDArray labels(NDManager manager, EncodedExample example) {
    if (example.alignment() != EncodedExample.Alignment.VALUES) {
      return manager.create(example.labels());
    }
    float[] values = new float[example.values().length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) example.values()[i];
    }
    return manager.create(values);
  }

  @Override
  protected long availableSize() {
    return data.size();
  }

  /** Does nothing: the examples are encoded already. */
  @Override
  public void prepare(@Nullable Progress progress) {}

  /** Builds {@link EncodedRecords}. */
  public static final class Builder extends BaseBuilder<Builder> {

    private static final int DEFAULT_LENGTH = 512;

    private final TextModel model;
    private final Examples<?> examples;
    private int maxLength = DEFAULT_LENGTH;

    private Builder(TextModel model, Examples<?> examples) {
      this.model = model;
      this.examples = examples;
    }

    /**
     * Sets the most tokens of an example; 512 by default. It is fewer if the model has not as many
     * positions. Longer examples are cut as {@code FineTuner} cuts them, and a warning counts them.
     */
    public Builder optMaxLength(int tokens) {
      this.maxLength = tokens;
      return this;
    }

    @Override
    protected Builder self() {
      return this;
    }

    /**
     * Encodes the examples.
     *
     * @throws NullPointerException if {@code setSampling} was not called
     * @throws IllegalArgumentException if the model's task does not take the examples, or if they
     *     are several texts each, such as preferences
     */
    public EncodedRecords build() {
      getSampler(); // which refuses that there is none, before anything is encoded
      EncodedDataset data = TaskEncoder.encode(model, examples, maxLength);
      for (EncodedExample example : data.examples()) {
        if (!example.others().isEmpty() || example.alignment() == EncodedExample.Alignment.NONE) {
          throw new IllegalArgumentException(
              "examples of several texts, such as preferences or anchors, are no records with a"
                  + " label: train on them with FineTuner");
        }
      }
      long room = model.room();
      Truncated truncated = Truncated.of(data, (int) Math.min(maxLength, room));
      if (!truncated.isNone()) {
        LOG.warn(truncated.warning("DJL", room));
      }
      boolean typed = data.size() > 0 && data.examples().get(0).tokenTypeIds() != null;
      long padId = model.base().padId(model.tokenizer().padId());
      PaddingStackBatchifier.Builder rows = PaddingStackBatchifier.builder();
      pad(rows, 0, padId);
      pad(rows, 1, 0);
      if (typed) {
        pad(rows, 2, 0);
      }
      PaddingStackBatchifier.Builder labels = PaddingStackBatchifier.builder();
      pad(labels, 0, EncodedExample.IGNORED);
      optDataBatchifier(rows.build());
      optLabelBatchifier(labels.build());
      return new EncodedRecords(this, data);
    }

    private static void pad(PaddingStackBatchifier.Builder builder, int array, long value) {
      builder.addPad(array, 0, manager -> manager.create(new long[] {value}));
    }
  }
}
