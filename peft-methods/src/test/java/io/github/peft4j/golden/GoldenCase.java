package io.github.peft4j.golden;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Adapter;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.safetensors.Safetensors;
import io.github.peft4j.safetensors.SafetensorsWriter;
import io.github.peft4j.torchfile.TorchFile;
import io.github.peft4j.train.AdamW;
import io.github.peft4j.train.Backpropagation;
import io.github.peft4j.transformer.ModelInput;
import io.github.peft4j.transformer.Targets;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.jspecify.annotations.Nullable;

/** One folder of what Hugging Face computed, and all that must be the same here. */
final class GoldenCase {

  private static final String WEIGHTS = "adapter_model.safetensors";
  private static final String PICKLED = "adapter_model.bin";

  private final Path base;
  private final Path adapter;
  private final Device device;
  private final double tolerance;

  /**
   * A case.
   *
   * @param base folder of the model
   * @param adapter folder of the adapter; the model's own for the model alone
   * @param tolerance relative, of logits; gradients have ten times as much
   */
  GoldenCase(Path base, Path adapter, Device device, double tolerance) {
    this.base = base;
    this.adapter = adapter;
    this.device = device;
    this.tolerance = tolerance;
  }

  void run() throws IOException {
    try (TensorSource batch = Safetensors.open(base.resolve("io.safetensors"));
        TensorSource expected = Safetensors.open(adapter.resolve("io.safetensors"))) {
      if (adapter.equals(base)) {
        try (PeftModel model = load(Precision.FLOAT32)) {
          checkLogits(model, batch, expected, "logits");
        }
        return;
      }
      try (PeftModel model = load(Precision.FLOAT32)) {
        model.loadAdapter(adapter.toString());
        checkFiles(model);
        silenceUnreached(model, expected);
        checkLogits(model, batch, expected, "logits");
        if (expected.names().contains("merged_logits")) {
          model.merge();
          checkLogits(model, batch, expected, "merged_logits");
          model.unmerge();
          checkLogits(model, batch, expected, "logits");
        }
      }
      checkTraining(batch, expected, false);
      checkTraining(batch, expected, true);
    }
  }

  private PeftModel load(Precision precision) {
    return Peft.from(base).device(device).precision(precision).load();
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

  /**
   * PEFT's LoRA on T5's table reaches neither stack: no gradient comes back, and the case's noise
   * in it has no effect. Here it would have one; what PEFT never reaches is set to 0.
   */
  private static void silenceUnreached(PeftModel model, TensorSource expected) {
    Adapter adapted = model.adapter(PeftModel.DEFAULT);
    Set<Trainable> reached = new HashSet<>();
    for (String name : expected.names()) {
      Trainable tensor = name.startsWith("grad.") ? tensor(adapted, name.substring(5)) : null;
      if (tensor != null) {
        reached.add(tensor);
      }
    }
    for (Trainable tensor : adapted.trainables()) {
      if (!tensor.isBeside() && !reached.contains(tensor)) {
        System.out.println("golden: PEFT does not reach " + tensor + "; set to 0 and frozen");
        tensor.freeze(true);
        try (NDArray zeros = tensor.value().zerosLike()) {
          Tensors.copy(tensor.value(), zeros);
        }
      }
    }
  }

  private static ModelInput input(PeftModel model, TensorSource batch) {
    ModelInput input =
        ModelInput.of(
            model.base().manager(), rows(batch, "input_ids"), rows(batch, "attention_mask"));
    return model.base().task().type() == Task.Type.SEQ_2_SEQ_LM
        ? input.decoding(array(model, model.base().shiftRight(rows(batch, "labels"))))
        : input;
  }

  private static NDArray array(PeftModel model, long[][] rows) {
    return ModelInput.of(model.base().manager(), rows, null).ids();
  }

  private static Targets targets(PeftModel model, TensorSource batch) {
    return switch (model.base().task().type()) {
      case SEQ_CLS -> new Targets.Classes(batch.longs("labels"));
      case TOKEN_CLS, SEQ_2_SEQ_LM -> new Targets.Tokens(rows(batch, "labels"));
      case CAUSAL_LM -> new Targets.NextTokens(rows(batch, "labels"));
    };
  }

  private static long[][] rows(TensorSource source, String name) {
    long[] flat = source.longs(name);
    int width = (int) source.info(name).shape()[1];
    long[][] rows = new long[flat.length / width][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(flat, i * width, (i + 1) * width);
    }
    return rows;
  }

  private void checkLogits(
      PeftModel model, TensorSource batch, TensorSource expected, String name) {
    try (NDArray logits = model.base().logits(input(model, batch))) {
      assertThat(logits.getShape().getShape()).as(name).isEqualTo(expected.info(name).shape());
      assertClose(name, Tensors.floats(logits), expected.floats(name), tolerance);
    }
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

  /**
   * The first gradients, and five steps of AdamW. These amplify rounding where an activation or a
   * small gradient changes sides; a case that drifts so is held to the same numbers in FLOAT64.
   */
  private void checkTraining(TensorSource batch, TensorSource expected, boolean recompute)
      throws IOException {
    AssertionError drift = train(Precision.FLOAT32, batch, expected, recompute);
    if (drift != null) {
      if (device.isGpu()) {
        throw drift;
      }
      System.out.println("golden: in FLOAT64, since rounding grew: " + adapter.getFileName());
      drift = train(Precision.FLOAT64, batch, expected, recompute);
      if (drift != null) {
        throw drift;
      }
    }
  }

  /** Returns what was wrong after the first gradients, or null. */
  private @Nullable AssertionError train(
      Precision precision, TensorSource batch, TensorSource expected, boolean recompute)
      throws IOException {
    try (PeftModel model = load(precision);
        TensorSource after = Safetensors.open(adapter.resolve("after.safetensors"))) {
      model.loadAdapter(start(expected).toString());
      silenceUnreached(model, expected);
      Targets targets = targets(model, batch);
      double labels = model.base().count(targets);
      Backpropagation backpropagation = new Backpropagation(model.base(), recompute);
      Adapter adapted = model.adapter(PeftModel.DEFAULT);
      JsonObject trace = json(adapter.resolve("trace.json"));
      List<JsonElement> losses = trace.getAsJsonArray("losses").asList();
      try (AdamW optimizer = new AdamW(adapted.trainables(), 0.01)) {
        double norm = 0;
        for (int step = 0; step < losses.size(); step++) {
          double sum = backpropagation.run(input(model, batch), targets, 1 / labels, step);
          double loss = sum / labels + backpropagation.penalty();
          double theirs = losses.get(step).getAsDouble();
          if (step == 0) {
            assertThat(loss)
                .as("loss, recompute %s", recompute)
                .isCloseTo(theirs, Offset.offset(tolerance * Math.abs(theirs)));
            checkGradients(adapted, expected);
          } else if (Math.abs(loss - theirs) > 10 * tolerance * Math.abs(theirs)) {
            return new AssertionError("loss of step " + step + " is " + loss + ", not " + theirs);
          }
          norm = optimizer.clip(1.0);
          optimizer.update(1e-2);
          adapted.afterStep(step + 1, losses.size());
          optimizer.clear();
        }
        try {
          assertThat(norm)
              .isCloseTo(trace.get("last_grad_norm").getAsDouble(), Percentage.withPercentage(0.1));
          checkAfter(adapted, expected, after);
        } catch (AssertionError e) {
          return e;
        }
        return null;
      }
    }
  }

  private void checkAfter(Adapter adapted, TensorSource expected, TensorSource after) {
    double floor = negligible(expected);
    for (String name : after.names()) {
      var tensor = tensor(adapted, name);
      boolean reached = expected.names().contains("grad." + name);
      if (tensor == null
          || tensor.isBuffer()
          || !reached
          || isNoise(expected, "grad." + name, floor)) {
        continue;
      }
      float[] mine = Tensors.floats(tensor.value());
      float[] theirs = after.floats(name);
      leaveOutNoise(expected, "grad." + name, floor, mine, theirs);
      assertClose("after " + name, mine, theirs, 10 * tolerance);
    }
  }

  /**
   * Some gradients are zero but for rounding: the bias of keys moves all scores of a query alike.
   * Such noise cannot agree, and AdamW blows it up to full steps.
   */
  private static double negligible(TensorSource expected) {
    return 1e-6
        * expected.names().stream()
            .filter(name -> name.startsWith("grad."))
            .mapToDouble(name -> largest(expected.floats(name)))
            .max()
            .orElse(0);
  }

  private static boolean isNoise(TensorSource expected, String name, double floor) {
    return expected.names().contains(name) && largest(expected.floats(name)) < floor;
  }

  /** The same of single elements: the keys' third of the bias of GPT-2's fused projection. */
  private static void leaveOutNoise(
      TensorSource expected, String name, double floor, float[] mine, float[] theirs) {
    if (expected.names().contains(name)) {
      float[] gradient = expected.floats(name);
      for (int i = 0; i < gradient.length; i++) {
        if (Math.abs(gradient[i]) < floor) {
          mine[i] = theirs[i];
        }
      }
    }
  }

  private static double largest(float[] values) {
    double largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  private void checkGradients(Adapter adapted, TensorSource expected) {
    Predicate<String> gradient = name -> name.startsWith("grad.");
    double floor = negligible(expected);
    for (String name : expected.names().stream().filter(gradient).toList()) {
      if (isNoise(expected, name, floor)) {
        continue;
      }
      var tensor = tensor(adapted, name.substring(5));
      assertThat(tensor).as(name).isNotNull();
      NDArray mine = Autograd.gradient(tensor.value());
      assertThat(mine).as(name).isNotNull();
      assertClose(name, Tensors.floats(mine), expected.floats(name), 10 * tolerance);
      mine.close();
    }
  }

  /** The tensor that PyTorch calls so; some of PEFT's files leave ".weight" out. */
  private static @Nullable Trainable tensor(Adapter adapted, String parameter) {
    String name = parameter.replace(".modules_to_save.default", "").replace(".default", "");
    Trainable tensor = adapted.tensors().get(name);
    if (tensor == null && name.equals("prompt_encoder.embedding.weight")) {
      return adapted.tensors().get("prompt_embeddings"); // the parameter is all that is saved
    }
    return tensor != null ? tensor : adapted.tensors().get(name.replaceAll("\\.weight$", ""));
  }

  private static JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  /** Within a tolerance relative to the largest element. */
  private static void assertClose(String what, float[] mine, float[] theirs, double tolerance) {
    assertThat(mine.length).as(what).isEqualTo(theirs.length);
    double worst = 0;
    double largest = 1e-6;
    for (int i = 0; i < mine.length; i++) {
      double difference = Math.abs(mine[i] - theirs[i]);
      worst = difference > worst || Double.isNaN(difference) ? difference : worst;
      largest = Math.max(largest, Math.abs(theirs[i]));
    }
    assertThat(worst / largest).as(what).isLessThan(tolerance);
  }
}
