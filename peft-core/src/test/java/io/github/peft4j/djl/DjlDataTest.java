package io.github.peft4j.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import ai.djl.util.Progress;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Data sets of DJL become examples, and examples become a data set of DJL. */
class DjlDataTest {

  private static final List<String> TEXTS = List.of("a b", "d c", "a a a b", "d");

  @TempDir private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    TinyLlama.write(folder);
  }

  private static PeftModel loaded(Task task) {
    return Peft.from(folder).task(task).device(Device.cpu()).load();
  }

  /** As TextDataset of ai.djl.basicdataset: records of arrays, and raw texts beside them. */
  private static final class Reviews extends RandomAccessDataset {
    private boolean prepared;

    private Reviews(Builder builder) {
      super(builder);
    }

    String getRawText(long index) {
      return TEXTS.get((int) index);
    }

    @Override
    public Record get(NDManager manager, long index) throws IOException {
      if (!prepared) {
        throw new IOException("not prepared");
      }
      NDArray embedding = manager.ones(new Shape(4));
      return new Record(new NDList(embedding), new NDList(manager.create((int) index % 2)));
    }

    @Override
    protected long availableSize() {
      return TEXTS.size();
    }

    @Override
    public void prepare(@Nullable Progress progress) {
      prepared = true;
    }

    private static final class Builder extends BaseBuilder<Builder> {
      @Override
      protected Builder self() {
        return this;
      }
    }
  }

  private static Dataset<ClassificationExample> reviews() {
    Reviews source = new Reviews(new Reviews.Builder().setSampling(2, true));
    return DjlData.read(
        source,
        (i, record) ->
            new ClassificationExample(
                source.getRawText(i), record.getLabels().get(0).getInt() == 1 ? "yes" : "no"));
  }

  @Test
  void recordsBecomeExamplesToTrainOn() {
    Dataset<ClassificationExample> reviews = reviews();
    assertThat(reviews.examples())
        .containsExactly(
            new ClassificationExample("a b", "no"),
            new ClassificationExample("d c", "yes"),
            new ClassificationExample("a a a b", "no"),
            new ClassificationExample("d", "yes"));
    try (PeftModel model =
        loaded(Task.classification("no", "yes"))
            .adapt(ToyConfig.of(1, 0).targetModules("all-linear"))) {
      TrainingReport report =
          FineTuner.of(model).on(reviews).batchSize(2).epochs(10).learningRate(5e-2).quiet().run();
      assertThat(report.finalLoss()).isLessThan(report.losses().get(0));
    }
  }

  @Test
  void labelsOfArraysAreRead() {
    try (NDManager manager = NDManager.newBaseManager()) {
      ArrayDataset arrays =
          new ArrayDataset.Builder()
              .setData(manager.create(new float[][] {{1, 2}, {3, 4}}))
              .optLabels(manager.create(new float[] {0.5f, 0.25f}))
              .setSampling(1, false)
              .build();
      Dataset<RegressionExample> scores =
          DjlData.read(
              arrays,
              (i, record) ->
                  new RegressionExample(
                      TEXTS.get((int) i), record.getLabels().get(0).toFloatArray()[0]));
      assertThat(scores.examples()).extracting(RegressionExample::value).containsExactly(0.5, 0.25);
      assertThatThrownBy(() -> DjlData.read(arrays, (i, record) -> failing(i)))
          .isInstanceOf(DataException.class)
          .hasMessage("record 1 of ArrayDataset could not be read: no text");
    }
  }

  private static ClassificationExample failing(long index) {
    if (index == 1) {
      throw new IllegalStateException("no text");
    }
    return new ClassificationExample("a", "b");
  }

  private static Batch first(EncodedRecords records, NDManager manager) throws Exception {
    return records.getData(manager).iterator().next(); // its end frees all batches
  }

  @Test
  void batchesAreWhatTheModelTakes() throws Exception {
    List<Double> direct = new ArrayList<>();
    try (PeftModel model = loaded(Task.classification("no", "yes"));
        NDManager manager = model.base().manager().newSubManager()) {
      EncodedRecords records =
          EncodedRecords.builder(model, reviews()).setSampling(3, false).build();
      assertThat(records.size()).isEqualTo(4);
      float loss = 0;
      for (Batch batch : records.getData(manager)) {
        NDArray logits =
            model.forward(new ParameterStore(manager, false), batch.getData(), false).get(0);
        NDArray labels = batch.getLabels().singletonOrThrow();
        assertThat(labels.getShape().get(1)).isEqualTo(1);
        NDArray logs = logits.logSoftmax(-1);
        for (int i = 0; i < batch.getSize(); i++) {
          loss -= logs.getFloat(i, labels.toLongArray()[i]);
          direct.add((double) logs.getFloat(i, 1));
        }
        batch.close();
      }
      for (int i = 0; i < TEXTS.size(); i++) {
        assertThat(Math.exp(direct.get(i)))
            .isCloseTo(model.classify(TEXTS.get(i)).get("yes").getProbability(), within(1e-5));
      }
      assertThat(loss / 4.0)
          .isCloseTo(new Evaluator(model, 2, 64).evaluate(reviews()).get("loss"), within(1e-5));
    }
  }

  @Test
  void rowsArePadded() throws Exception {
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load();
        NDManager manager = NDManager.newBaseManager()) {
      List<PromptExample> prompts =
          List.of(new PromptExample("a b c", " d"), new PromptExample("a", " b"));
      EncodedRecords records =
          EncodedRecords.builder(model, Examples.of(prompts)).setSampling(2, false).build();
      Batch batch = first(records, manager);
      long[] mask = batch.getData().get(1).toLongArray();
      long[] ids = batch.getData().get(0).toLongArray();
      long[] labels = batch.getLabels().get(0).toLongArray();
      assertThat(mask).contains(0).hasSameSizeAs(ids).hasSameSizeAs(labels);
      long padId = model.base().padId(model.tokenizer().padId());
      for (int i = 0; i < mask.length; i++) {
        if (mask[i] == 0) {
          assertThat(ids[i]).isEqualTo(padId);
          assertThat(labels[i]).isEqualTo(-100);
        }
      }
      assertThat(IntStream.range(0, labels.length).filter(i -> labels[i] != -100).count())
          .as("answers and their ends")
          .isEqualTo(4);
    }
  }

  @Test
  void numbersAreFloats() throws Exception {
    try (PeftModel model = loaded(Task.regression());
        NDManager manager = NDManager.newBaseManager()) {
      EncodedRecords records =
          EncodedRecords.builder(
                  model,
                  Examples.of(
                      new RegressionExample("a b", 0.5), new RegressionExample("a b c d", -2)))
              .setSampling(2, false)
              .build();
      assertThat(first(records, manager).getLabels().get(0).toFloatArray())
          .containsExactly(0.5f, -2f);
    }
  }

  @Test
  void severalTextsAreNoRecord() {
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load()) {
      Examples<? extends Example> pairs = Examples.of(new PreferenceExample("a", "b", "c"));
      assertThatThrownBy(() -> EncodedRecords.builder(model, pairs).setSampling(1, false).build())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("FineTuner");
    }
  }
}
