package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TaskExample;
import io.github.peft4j.data.reader.Csv;
import io.github.peft4j.data.reader.Table;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.poly.PolyConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks of rows, and the weights that Poly draws. */
class PolyTest {

  private static final long[][] IDS = {{5, 6, 7, 8}, {9, 4, 30, 5}, {5, 6, 7, 8}};
  private static final Kernel UNIFORM =
      Kernel.of(
          """
          def uniform(rows: Tensor) -> Tensor:
              return torch.rand([int(rows), 2, 3], dtype=6, layout=None, device=rows.device)
          """);

  @TempDir Path folder;

  private PeftModel llama() {
    Path copy = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    return Peft.from(copy).precision(Precision.FLOAT32).load();
  }

  private static PolyConfig config() {
    return PolyConfig.ofTasks(3).r(2).nSplits(2).nSkills(3).targetModules("q_proj", "v_proj");
  }

  private static ModelInput input(PeftModel model, long... tasks) {
    NDManager manager = model.base().manager();
    return ModelInput.of(manager, Arrays.copyOf(IDS, tasks.length), null)
        .withRowValues(Map.of(TaskExample.TASK_IDS, manager.create(tasks)));
  }

  private static float[] logits(PeftModel model, long... tasks) {
    try (NDArray logits = model.logits(input(model, tasks))) {
      return Tensors.floats(logits);
    }
  }

  private static Examples<TaskExample> examples(long one, long other) {
    return Examples.of(
        new TaskExample(new PromptExample("w3 w4", " w5"), one),
        new TaskExample(new PromptExample("w3 w4", " w9"), other),
        new TaskExample(new PromptExample("w7", " w3"), 1));
  }

  @Test
  void eachRowHasItsTask() {
    try (PeftModel model = llama()) {
      model.adapt(config());
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 4);
      float[] all = logits(model, 2, 0, 1);
      int row = all.length / 3;
      assertThat(Arrays.copyOf(all, row)).isNotEqualTo(Arrays.copyOfRange(all, 2 * row, 3 * row));
      long[] tasks = {2, 0, 1};
      for (int i = 0; i < 3; i++) {
        long task = tasks[i];
        try (NDArray alone =
            model
                .using(PeftModel.DEFAULT)
                .onTask(task)
                .logits(ModelInput.of(model.base().manager(), new long[][] {IDS[i]}, null))) {
          assertClose(
              "row " + i,
              Tensors.floats(alone),
              Arrays.copyOfRange(all, i * row, (i + 1) * row),
              1e-5);
        }
      }
      assertThat(model.using(PeftModel.DEFAULT).onTask(1).generate("w3 w4")).isNotNull();
    }
  }

  /** σ(log u − log(1 − u) + l), divided by their sum, for u as PyTorch draws it. */
  @Test
  void weightsAreDrawnInTraining() {
    try (PeftModel model = llama()) {
      model.adapt(config().targetModules("layers.0.self_attn.q_proj"));
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 4);
      Trainable logits = tensor(model, "poly_router.module_logits");
      float[] drawn = training(model, 7);
      assertThat(training(model, 7)).isEqualTo(drawn);
      assertThat(training(model, 8)).isNotEqualTo(drawn);
      float[] l = Tensors.floats(logits.value()).clone();
      float[] u;
      try (RandomState random = RandomState.seeded(7);
          NDArray uniform = UNIFORM.call(Tensors.scalar(3))) {
        u = Tensors.floats(uniform);
      }
      // With the logits that the draws have moved to, inference computes what training did.
      float[] moved = new float[l.length];
      for (int task = 0; task < 3; task++) {
        for (int k = 0; k < 6; k++) {
          double draw = u[task * 6 + k];
          moved[task * 6 + k] = (float) (l[task * 6 + k] + Math.log(draw) - Math.log1p(-draw));
        }
      }
      try (NDArray values = logits.value().getManager().create(moved, logits.value().getShape())) {
        Tensors.copy(logits.value(), values);
      }
      assertClose("drawn", drawn, logits(model, 0, 1, 2), 1e-4);
    }
  }

  private static float[] training(PeftModel model, long seed) {
    try (RandomState random = RandomState.seeded(seed);
        ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), null, call.adapters()).training()) {
      return Tensors.floats(model.base().logits(input(model, 0, 1, 2), pass));
    }
  }

  private static Trainable tensor(PeftModel model, String end) {
    Map<String, Trainable> tensors = model.adapter(PeftModel.DEFAULT).tensors();
    String name = tensors.keySet().stream().filter(n -> n.endsWith(end)).findFirst().orElseThrow();
    return requireNonNull(tensors.get(name));
  }

  /** The number of the only task is closed long before the backward pass reads it. */
  @Test
  void gradientsSurviveTheGarbageCollector() {
    try (PeftModel model = llama()) {
      model.adapt(PolyConfig.ofTasks(1).r(2).nSkills(3));
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 4);
      Objective ofTask = Objective.of(model.base().head().loss());
      float[] expected = gradient(model, ofTask);
      Objective collecting =
          outputs -> {
            overwriteFreedBuffers();
            return ofTask.loss(outputs);
          };
      assertThat(gradient(model, collecting)).isEqualTo(expected);
    }
  }

  private static float[] gradient(PeftModel model, Objective objective) {
    NDArray logits = tensor(model, "poly_router.module_logits").value();
    ModelInput input = ModelInput.of(model.base().manager(), IDS, null);
    try (AdapterTraining training = model.train(PeftModel.DEFAULT)) {
      Autograd.clearGradient(logits);
      new Backpropagation(model, Activations.KEPT)
          .run(objective, input, new LossTargets.NextTokens(IDS), 1, 3);
      try (NDArray gradient = Autograd.gradient(logits)) {
        return Tensors.floats(requireNonNull(gradient));
      }
    } finally {
      input.close();
    }
  }

  private static void overwriteFreedBuffers() {
    List<ByteBuffer> buffers = new ArrayList<>();
    for (int i = 0; i < 5_000; i++) {
      if (i % 2_500 == 0) {
        System.gc();
        try {
          Thread.sleep(20); // the cleaner's thread frees buffers
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      buffers.add(ByteBuffer.allocateDirect(8).putLong(-7));
    }
    assertThat(buffers).isNotEmpty();
  }

  @Test
  void oneTextHasAnAnswerForEachTask() {
    try (PeftModel model = llama()) {
      model.adapt(config().r(4).targetModules("all-linear"));
      FineTuner.of(model)
          .on(examples(0, 2))
          .validateOn(examples(0, 2))
          .batchSize(3)
          .epochs(150)
          .evaluateEvery(150)
          .learningRate(0.03)
          .quiet()
          .run();
      Evaluator evaluator = new Evaluator(model, 3, 30);
      double own = evaluator.evaluate(examples(0, 2)).get("loss");
      double exchanged = evaluator.evaluate(examples(2, 0)).get("loss");
      assertThat(own).isLessThan(exchanged - 0.2);
    }
  }

  @Test
  void tasksAreReadFromAColumn() throws IOException {
    Path file = folder.resolve("train.csv");
    Files.writeString(file, "task,question,answer\n1,w3,w4\n0,w5,w6\n");
    Table table = Csv.read(file);
    Dataset<TaskExample> tasks = table.tasks("task", table.prompt("question").answer("answer"));
    assertThat(tasks.examples())
        .containsExactly(
            new TaskExample(new PromptExample("w3", "w4"), 1),
            new TaskExample(new PromptExample("w5", "w6"), 0));
    assertThatThrownBy(() -> table.tasks("answer", table.prompt("question").answer("answer")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("expected the task: a whole number from 0 on");
    assertThatThrownBy(() -> table.tasks("task", Examples.of(new PromptExample("a", "b"))))
        .hasMessageContaining("expected one of each row");
  }

  /** All data is checked before the first step, and the example is named. */
  @Test
  void examplesWithoutATaskOrOfAnotherOneAreRefusedBeforeTraining() {
    PromptExample bare = new PromptExample("w3", "w4");
    Dataset<TaskExample> last =
        Examples.of(new TaskExample(bare, 2), new TaskExample(bare, 0), new TaskExample(bare, 3))
            .dataset();
    try (PeftModel model = llama()) {
      model.adapt(config());
      float[] before = Tensors.floats(model.trainables().get(2).value());
      FineTuner tuner = FineTuner.of(model).batchSize(1).epochs(1).quiet();
      assertThatThrownBy(() -> tuner.on(last).run())
          .hasMessageContaining("training data, example 3: a text is of task 3");
      assertThatThrownBy(() -> tuner.on(examples(0, 2)).validateOn(Examples.of(bare)).run())
          .hasMessageContaining("validation data, example 1: the adapter is for 3 tasks, and noth");
      assertThat(Tensors.floats(model.trainables().get(2).value())).isEqualTo(before);
    }
  }

  @Test
  void unknownTasksAreRefused() {
    try (PeftModel model = llama()) {
      model.adapt(config());
      assertThatThrownBy(() -> model.generate("w3"))
          .hasMessageContaining("the adapter is for 3 tasks, and nothing says");
      assertThatThrownBy(() -> logits(model, 0, 3))
          .hasMessageContaining("a text is of task 3, but the adapter is for 3 tasks, 0 to 2");
      assertThatThrownBy(() -> FineTuner.of(model).on(examples(0, 2)).packing(true).steps(1).run())
          .hasMessageContaining("train without packing");
      assertThatThrownBy(() -> model.using(PeftModel.DEFAULT).onTask(-1))
          .hasMessageContaining("expected 0 or more");
      model.remove(PeftModel.DEFAULT);
      assertThatThrownBy(() -> model.adapt(config().nSplits(3))).hasMessageContaining("n_splits");
    }
  }
}
