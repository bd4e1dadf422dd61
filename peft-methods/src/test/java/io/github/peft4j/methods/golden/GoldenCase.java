package io.github.peft4j.methods.golden;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.golden.GoldenRules.Kind;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.jspecify.annotations.Nullable;

/** One folder of what Hugging Face computed, and all that must be the same here. */
final class GoldenCase {

  private static final String WEIGHTS = "adapter_model.safetensors";
  private static final String PICKLED = "adapter_model.bin";

  private final Path base;
  private final GoldenRules rules;
  private final Path adapter;
  private final Device device;
  private final Precision precision;
  private final double tolerance;

  /**
   * A case.
   *
   * @param name by which {@link GoldenRules} know it
   * @param base folder of the model
   * @param adapter folder of the adapter; the model's own for the model alone
   * @param precision to compute in; in half precision only logits are compared
   * @param tolerance relative, of logits; gradients have ten times as much
   */
  GoldenCase(
      String name, Path base, Path adapter, Device device, Precision precision, double tolerance) {
    this.rules = GoldenRules.of(name);
    this.base = base;
    this.adapter = adapter;
    this.device = device;
    this.precision = precision;
    this.tolerance = tolerance;
  }

  void run() throws IOException {
    try (TensorSource inputs = Safetensors.open(base.resolve("io.safetensors"));
        TensorSource expected = Safetensors.open(adapter.resolve("io.safetensors"))) {
      GoldenBatch batch = new GoldenBatch(inputs, expected);
      if (adapter.equals(base)) {
        if (rules.reason(Kind.UNSAVED, "").isPresent()) {
          System.out.println(
              "golden: no logits of " + base + ", some of whose tensors are unsaved");
          return;
        }
        try (PeftModel model = load(precision)) {
          checkLogits(model, batch, expected, "logits");
        }
        return;
      }
      boolean dropped = rules.reason(Kind.DROPOUT, "").isPresent();
      if (precision != Precision.FLOAT32) {
        try (PeftModel model = load(precision)) {
          model.loadAdapter(adapter.toString());
          silenceUnreached(model, new GoldenGradients(expected, rules));
          if (dropped) {
            checkWithoutDropout(model, batch, expected);
            return;
          }
          checkLogits(model, batch, expected, "logits");
        }
        return;
      }
      try (PeftModel model = load(Precision.FLOAT32)) {
        model.loadAdapter(adapter.toString());
        checkFiles(model);
        silenceUnreached(model, new GoldenGradients(expected, rules));
        if (dropped) {
          checkWithoutDropout(model, batch, expected);
          return;
        }
        checkLogits(model, batch, expected, "logits");
        if (expected.names().contains("merged_logits")) {
          model.merge();
          checkLogits(model, batch, expected, "merged_logits");
          model.unmerge();
          checkLogits(model, batch, expected, "logits");
        }
      }
      if (rules.reason(Kind.DERIVATIVE, "").isPresent()) {
        System.out.println("golden: no training of " + adapter + ", see rules.json");
        return;
      }
      if (lacksStart(expected)) {
        System.out.println("golden: no training of " + adapter + ", whose encoder is in no file");
        return;
      }
      if (lacksLogits()) {
        System.out.println("golden: no training of " + adapter + ", which has only chosen weights");
        return;
      }
      checkTraining(batch, expected, false);
      checkTraining(batch, expected, true);
    }
  }

  private void checkWithoutDropout(PeftModel model, GoldenBatch batch, TensorSource expected) {
    boolean merged = expected.names().contains("merged_logits");
    System.out.println(
        "golden: "
            + adapter
            + " was computed with dropout; compared: files"
            + (merged ? " and merged logits" : " only"));
    if (merged) {
      checkLogits(model, batch, expected, "merged_logits");
      model.merge();
      checkLogits(model, batch, expected, "merged_logits");
    }
  }

  private PeftModel load(Precision precision) {
    return Peft.from(base).device(device).precision(precision).load();
  }

  /** Whether an encoder was trained whose first values the case has not, nor has PEFT's file. */
  private static boolean lacksStart(TensorSource expected) {
    boolean encoder =
        expected.names().stream()
            .anyMatch(
                n ->
                    n.startsWith("grad.prompt_encoder.")
                        && !n.equals("grad.prompt_encoder.default.embedding.weight"));
    return encoder
        && expected.names().stream().noneMatch(n -> n.startsWith("init.prompt_encoder."));
  }

  /** Whether the file has VB-LoRA's chosen vectors alone, from which PEFT refuses to train. */
  private boolean lacksLogits() throws IOException {
    JsonElement chosen = json(adapter.resolve("adapter_config.json")).get("save_only_topk_weights");
    return chosen != null && chosen.getAsBoolean();
  }

  /**
   * What training starts from. PEFT's files lack prompt encoders: where the case has them as {@code
   * init}, they are laid beside, as peft4j keeps them.
   */
  private Path start(TensorSource expected) throws IOException {
    List<String> names =
        expected.names().stream().filter(n -> n.startsWith("init.prompt_encoder.")).toList();
    if (names.isEmpty()) {
      return adapter;
    }
    Path folder = Files.createTempDirectory("golden");
    String weights = Files.exists(adapter.resolve(PICKLED)) ? PICKLED : WEIGHTS;
    for (String file : List.of("adapter_config.json", weights)) {
      Files.copy(adapter.resolve(file), folder.resolve(file));
    }
    SafetensorsWriter writer = new SafetensorsWriter();
    for (String name : names) {
      String own = name.substring(5).replace(".default", "");
      writer.add(own, expected.info(name).shape(), expected.floats(name));
    }
    writer.write(folder.resolve("peft4j_training.safetensors"));
    return folder;
  }

  /** What PEFT never reaches gets no gradient there, and its values have no effect; nor here. */
  private void silenceUnreached(PeftModel model, GoldenGradients gradients) {
    Adapter adapted = model.adapter(PeftModel.DEFAULT);
    for (Rewrite rewrite : adapted.rewrites()) {
      for (Trainable tensor : rewrite.layer().trainables()) {
        if (tensor.isBuffer() || tensor.isBeside() || gradients.reach(adapted, tensor)) {
          continue;
        }
        String name = rewrite.site().name() + "." + tensor.key();
        assertThat(rules.reason(Kind.UNREACHED, name))
            .as("PEFT has no gradient for %s; a rule that says why", name)
            .isPresent();
        try (Scope scope = new Scope()) {
          Tensors.copy(tensor.value(), withoutEffect(rewrite, tensor));
        }
        tensor.freeze(true);
      }
    }
  }

  /** The value of a tensor with which its site computes what it computes without it. */
  private static NDArray withoutEffect(Rewrite rewrite, Trainable tensor) {
    if (rewrite.layer() instanceof TrainableCopy) {
      return ((ParameterSite) rewrite.site()).frozen();
    }
    if (tensor.key().equals("lora_magnitude_vector")) { // DoRA: the lengths that the columns have
      return rewrite.site().weightSiteRequired().frozen().norm(new int[] {0}, false);
    }
    return tensor.value().zerosLike();
  }

  private void checkLogits(PeftModel model, GoldenBatch batch, TensorSource expected, String name) {
    boolean peft = !adapter.equals(base) && !name.equals("merged_logits");
    try (NDArray logits = model.logits(batch.input(model, peft))) {
      long[] shape = logits.getShape().getShape();
      float[] actual = Tensors.floats(logits);
      float[] wanted = wanted(expected, name, shape);
      if (device.isGpu() && shape.length == 3) {
        batch.clearPadding(actual);
        batch.clearPadding(wanted);
      }
      assertClose(name, actual, wanted, tolerance);
    }
  }

  /** The expected logits. Those of question answering may be apart: starts (B, T), ends (B, T). */
  private static float[] wanted(TensorSource expected, String name, long[] shape) {
    if (expected.names().contains(name)) {
      assertThat(shape).as(name).isEqualTo(expected.info(name).shape());
      return expected.floats(name);
    }
    float[] starts = expected.floats("start_" + name);
    float[] ends = expected.floats("end_" + name);
    long[] positions = expected.info("start_" + name).shape();
    assertThat(shape).as(name).isEqualTo(new long[] {positions[0], positions[1], 2});
    float[] both = new float[2 * starts.length];
    for (int i = 0; i < starts.length; i++) {
      both[2 * i] = starts[i];
      both[2 * i + 1] = ends[i];
    }
    return both;
  }

  private void checkFiles(PeftModel model) throws IOException {
    Path written = Files.createTempDirectory("golden");
    model.save(written.toString());
    JsonObject ours = json(written.resolve("adapter_config.json"));
    JsonObject theirs = json(adapter.resolve("adapter_config.json"));
    assertThat(ours.keySet()).isEqualTo(theirs.keySet());
    for (String field : theirs.keySet()) {
      assertThat(normal(ours, field)).as(field).isEqualTo(normal(theirs, field));
    }
    try (TensorSource mine = Safetensors.open(written.resolve(WEIGHTS));
        TensorSource golden = weights()) {
      assertThat(new TreeSet<>(mine.names())).isEqualTo(new TreeSet<>(golden.names()));
      for (String name : golden.names()) {
        assertThat(mine.info(name)).isEqualTo(asRead(golden.info(name)));
        if (golden.info(name).dtype().isFloating()) {
          assertThat(mine.floats(name)).as(name).isEqualTo(golden.floats(name));
        } else {
          assertThat(mine.longs(name)).as(name).isEqualTo(golden.longs(name));
        }
      }
    }
  }

  private TensorSource weights() {
    Path pickled = adapter.resolve(PICKLED);
    return Files.exists(pickled)
        ? TorchFile.open(pickled)
        : Safetensors.open(adapter.resolve(WEIGHTS));
  }

  /** PEFT makes float32 of what it reads in half precision, and so saves it. */
  private static TensorInfo asRead(TensorInfo info) {
    boolean half = info.dtype() == DType.F16 || info.dtype() == DType.BF16;
    return half ? new TensorInfo(info.name(), DType.F32, info.shape()) : info;
  }

  /** Lists of modules are sets in Python: their order means nothing, nor what stands twice. */
  private static Object normal(JsonObject config, String field) {
    boolean modules = field.endsWith("modules") || field.equals("modules_to_save");
    return modules && config.get(field).isJsonArray()
        ? new HashSet<>(config.getAsJsonArray(field).asList())
        : config.get(field);
  }

  /** The first gradients, and five steps of AdamW. */
  private void checkTraining(GoldenBatch batch, TensorSource expected, boolean recompute)
      throws IOException {
    AssertionError drift = train(Precision.FLOAT32, batch, expected, recompute);
    if (drift != null) {
      if (device.isGpu() || rules.reason(Kind.FLOAT64, "").isEmpty()) {
        throw drift;
      }
      drift = train(Precision.FLOAT64, batch, expected, recompute);
      if (drift != null) {
        throw drift;
      }
    }
  }

  /** Returns what was wrong after the first gradients, or null. */
  private @Nullable AssertionError train(
      Precision precision, GoldenBatch batch, TensorSource expected, boolean recompute)
      throws IOException {
    try (PeftModel model = load(precision);
        TensorSource after = Safetensors.open(adapter.resolve("after.safetensors"))) {
      model.loadAdapter(start(expected).toString());
      GoldenGradients gradients = new GoldenGradients(expected, rules);
      silenceUnreached(model, gradients);
      LossTargets targets = batch.targets(model);
      Objective objective = Objective.of(model);
      double labels = units(objective, model, targets);
      Backpropagation backpropagation =
          new Backpropagation(model, recompute ? Activations.RECOMPUTED : Activations.KEPT);
      Adapter adapted = model.adapter(PeftModel.DEFAULT);
      JsonObject trace = json(adapter.resolve("trace.json"));
      List<JsonElement> losses = trace.getAsJsonArray("losses").asList();
      Map<Trainable, ParameterGroup> reached =
          adapted.groups(TrainingRule.ALIKE, new ParameterGroup(1e-2, 0.01));
      reached.keySet().removeIf(tensor -> !tensor.value().hasGradient());
      StepListener listener = adapted.listener(TrainingRule.ALIKE);
      try (AdapterTraining training = model.train(PeftModel.DEFAULT);
          Optimizer optimizer = AdamW.DEFAULT.of(reached, 1e-2)) {
        Update update = new Update(optimizer, listener, 1.0);
        double norm = 0;
        for (int step = 0; step < losses.size(); step++) {
          double sum =
              backpropagation
                  .run(objective, batch.input(model, true), targets, 1 / labels, step)
                  .loss();
          double loss = sum / labels + backpropagation.penalty();
          double theirs = losses.get(step).getAsDouble();
          if (step == 0) {
            assertThat(loss)
                .as("loss, recompute %s", recompute)
                .isCloseTo(theirs, Offset.offset(tolerance * Math.abs(theirs)));
            checkGradients(adapted, gradients);
          } else if (Math.abs(loss - theirs) > 10 * tolerance * Math.abs(theirs)) {
            return new AssertionError("loss of step " + step + " is " + loss + ", not " + theirs);
          }
          norm = update.run(step + 1, losses.size(), 1e-2, loss);
        }
        try {
          assertThat(norm)
              .isCloseTo(trace.get("last_grad_norm").getAsDouble(), Percentage.withPercentage(0.1));
          checkAfter(adapted, gradients, after);
        } catch (AssertionError e) {
          return e;
        }
        return null;
      } finally {
        listener.afterTraining();
      }
    }
  }

  private static double units(Objective objective, PeftModel model, LossTargets targets) {
    try (ModelCall call = model.newCall()) {
      return objective.units(targets.rows(), model.base().labels(targets, call.adapters()));
    }
  }

  private void checkGradients(Adapter adapted, GoldenGradients gradients) {
    gradients
        .byName()
        .forEach(
            (name, theirs) -> {
              Trainable tensor = GoldenGradients.tensor(adapted, name);
              assertThat(tensor).as(name).isNotNull();
              NDArray gradient = Autograd.gradient(tensor.value());
              assertThat(gradient).as(name).isNotNull();
              try (gradient) {
                float[] mine = Tensors.floats(gradient);
                for (int i : gradients.noise(name)) {
                  assertThat(Math.abs(mine[i]))
                      .as("noise of %s, element %d", name, i)
                      .isLessThan((float) (0.1 * tolerance * gradients.largestOfAll()));
                  mine[i] = theirs[i];
                }
                assertClose("gradient of " + name, mine, theirs, 10 * tolerance);
              }
            });
  }

  private void checkAfter(Adapter adapted, GoldenGradients gradients, TensorSource after) {
    for (String name : after.names()) {
      Trainable tensor = GoldenGradients.tensor(adapted, name);
      if (tensor == null || tensor.isBuffer() || !gradients.byName().containsKey(name)) {
        continue;
      }
      float[] mine = Tensors.floats(tensor.value());
      float[] theirs = after.floats(name);
      gradients.noise(name).forEach(i -> mine[i] = theirs[i]);
      assertClose("after " + name, mine, theirs, 10 * tolerance);
    }
  }

  private static JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }
}
