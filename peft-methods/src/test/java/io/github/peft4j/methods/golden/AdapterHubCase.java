package io.github.peft4j.methods.golden;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.adapterhub.AdapterHubFolder;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;

/** One adapter of AdapterHub's library, and all that must be the same here. */
final class AdapterHubCase {

  private static final double TOLERANCE = 1e-4;
  private static final String CONFIG = "adapter_config.json";
  private static final String WEIGHTS = "adapter.safetensors";
  private static final String PICKLED = "pytorch_adapter.bin";
  private static final String GRADIENT = "grad.";

  /** Fields that say how random tensors were drawn, which no conversion keeps. */
  private static final List<String> DRAWN = List.of("init_weights", "init_weights_seed", "dtype");

  private final String name;
  private final Path base;
  private final Path adapter;

  AdapterHubCase(String name, Path base, Path adapter) {
    this.name = name;
    this.base = base;
    this.adapter = adapter;
  }

  void run() throws IOException {
    try {
      run(adapter);
    } catch (AssertionError e) {
      if (!losesSubtraction()) {
        throw e;
      }
      try {
        run(withoutSubtraction());
      } catch (AssertionError other) {
        e.addSuppressed(other);
        throw e;
      }
      System.out.println(
          "adapterhub: "
              + name
              + " agrees with subtract_projection false: the library's folder lacks this field, and"
              + " it was DiReFT");
    }
  }

  private void run(Path folder) throws IOException {
    try (TensorSource inputs = Safetensors.open(base.resolve("io.safetensors"));
        TensorSource expected = Safetensors.open(adapter.resolve("io.safetensors"))) {
      GoldenBatch batch = new GoldenBatch(inputs, inputs);
      for (boolean recompute : new boolean[] {false, true}) {
        try (PeftModel model = Peft.load(base.toString())) {
          load(model, folder);
          if (!recompute) {
            checkLogits(model, batch, expected);
          }
          checkGradients(model, batch, expected, recompute);
          checkFiles(model, folder);
        }
      }
    }
  }

  private void load(PeftModel model, Path folder) throws IOException {
    try {
      model.loadAdapter(folder.toString());
    } catch (UnsupportedMethodException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      if (String.valueOf(e.getMessage()).contains("shared_parameters") && !savesShared(folder)) {
        throw new UnsupportedMethodException(
            "the library has not saved the tensors that Compacter's layers share");
      }
      throw e;
    }
  }

  private static boolean savesShared(Path folder) {
    try (TensorSource weights = weights(folder)) {
      return weights.names().stream().anyMatch(tensor -> tensor.contains("shared_parameters"));
    }
  }

  private void checkLogits(PeftModel model, GoldenBatch batch, TensorSource expected) {
    try (NDArray logits = model.logits(batch.input(model, true))) {
      assertThat(logits.getShape().getShape()).isEqualTo(expected.info("logits").shape());
      float[] mine = Tensors.floats(logits);
      float[] theirs = expected.floats("logits");
      if (model.base().task().type() == Task.Type.CAUSAL_LM) {
        batch.clearPadding(mine);
        batch.clearPadding(theirs);
      }
      assertClose("logits", mine, theirs, TOLERANCE);
    }
  }

  private void checkGradients(
      PeftModel model, GoldenBatch batch, TensorSource expected, boolean recompute) {
    LossTargets targets = batch.targets(model);
    double labels = model.count(targets);
    Map<String, Trainable> tensors = byTheirNames(model);
    Map<String, float[]> gradients = new TreeMap<>();
    for (String tensor : expected.names()) {
      if (tensor.startsWith(GRADIENT)) {
        gradients.put(tensor.substring(GRADIENT.length()), expected.floats(tensor));
      }
    }
    assertThat(gradients).isNotEmpty();
    double largest =
        gradients.values().stream().mapToDouble(AdapterHubCase::largest).max().orElse(0);
    try (AdapterTraining training = model.train(PeftModel.DEFAULT)) {
      Backpropagation backpropagation =
          new Backpropagation(model, recompute ? Activations.RECOMPUTED : Activations.KEPT);
      double sum = backpropagation.run(batch.input(model, true), targets, 1 / labels, 0);
      double theirs = expected.floats("loss")[0];
      assertThat(sum / labels)
          .as("loss, recompute %s", recompute)
          .isCloseTo(theirs, Offset.offset(TOLERANCE * Math.abs(theirs)));
      gradients.forEach(
          (tensor, wanted) -> {
            Trainable mine = tensors.get(normal(tensor));
            assertThat(mine)
                .as("the tensor of " + tensor + " among " + tensors.keySet())
                .isNotNull();
            if (mine
                .isBuffer()) { // learn_phm false, which the library forgets where layers share A
              assertThat(normal(tensor).contains("phm_rule") || largest(wanted) == 0)
                  .as("gradient of %s, which is not trained here", tensor)
                  .isTrue();
              return;
            }
            NDArray gradient = Autograd.gradient(mine.value());
            if (gradient == null) { // the pass did not reach it
              assertThat(largest(wanted)).as("gradient of " + tensor).isZero();
              return;
            }
            try (gradient) {
              assertGradient(tensor, Tensors.floats(gradient), wanted, largest);
            }
          });
      tensors.forEach(
          (tensor, mine) -> {
            if (!mine.isBuffer()
                && gradients.keySet().stream().noneMatch(n -> normal(n).equals(tensor))) {
              assertSilent(tensor, mine, largest);
            }
          });
    }
  }

  /** What has no gradient there has none here. */
  private static void assertSilent(String tensor, Trainable mine, double largest) {
    NDArray gradient = Autograd.gradient(mine.value());
    if (gradient != null) {
      try (gradient) {
        assertThat(largest(Tensors.floats(gradient)))
            .as("gradient of " + tensor)
            .isLessThan(1e-6 * largest);
      }
    }
  }

  /**
   * Within a tolerance of its largest element. A gradient that is small beside the others is a sum
   * whose terms nearly cancel: both libraries round it at 32 bits.
   */
  private static void assertGradient(String name, float[] mine, float[] theirs, double largest) {
    double allowed = Math.max(10 * TOLERANCE, 1e-7 * largest / Math.max(1e-30, largest(theirs)));
    assertClose("gradient of " + name, mine, theirs, allowed);
  }

  private static double largest(float[] values) {
    return io.github.peft4j.methods.adapter.Closeness.largest(values);
  }

  private static Map<String, Trainable> byTheirNames(PeftModel model) {
    Adapter adapter = model.adapter(PeftModel.DEFAULT);
    Map<String, Trainable> tensors = new TreeMap<>();
    AdapterHubFolder.names(adapter, model.base())
        .forEach(
            (own, theirs) ->
                theirs.forEach(name -> tensors.put(normal(name), adapter.tensors().get(own))));
    return tensors;
  }

  /**
   * A name without the adapter's. Every attention of the library lists the shared prefixes again.
   */
  private static String normal(String name) {
    return name.replaceFirst("^.*\\.prefix_tuning\\.pool\\.", "prefix_tuning.")
        .replaceFirst("^.*prefix_tuning\\.prefix_tunings\\.", "prefix_tuning.prefix_tunings.")
        .replaceFirst(
            "(^|\\.)(adapters|loras|refts|prefix_tunings|prompt_tunings|prefix_gates|shared_parameters|invertible_adapters)"
                + "\\.[^.]+\\.",
            "$1$2.");
  }

  private void checkFiles(PeftModel model, Path folder) throws IOException {
    Path written = Files.createTempDirectory("adapterhub");
    try {
      checkFiles(model, folder, written);
    } finally {
      try (Stream<Path> all = Files.walk(written)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  private void checkFiles(PeftModel model, Path folder, Path written) throws IOException {
    model.saveAdapterHub(PeftModel.DEFAULT, written);
    assertThat(comparable(config(written))).isEqualTo(comparable(config(folder)));
    try (TensorSource mine = weights(written);
        TensorSource golden = weights(folder)) {
      Map<String, String> ours = names(mine);
      Map<String, String> theirs = names(golden);
      assertThat(ours.keySet()).isEqualTo(theirs.keySet());
      theirs.forEach(
          (tensor, theirName) -> {
            String ourName = requireNonNull(ours.get(tensor));
            assertThat(mine.info(ourName).shape())
                .as(tensor)
                .isEqualTo(golden.info(theirName).shape());
            assertThat(mine.info(ourName).dtype())
                .as(tensor)
                .isEqualTo(golden.info(theirName).dtype());
            assertThat(mine.floats(ourName)).as(tensor).isEqualTo(golden.floats(theirName));
          });
    }
  }

  private static Map<String, String> names(TensorSource source) {
    Map<String, String> names = new TreeMap<>();
    source.names().stream()
        .filter(name -> !name.contains(".prefix_tuning.pool."))
        .forEach(name -> names.put(normal(name), name));
    return names;
  }

  /** A config without the order of kinds of maps, and without what random tensors were drawn by. */
  private static JsonElement comparable(JsonObject config) {
    if (config.has("configs")) {
      JsonArray parts = new JsonArray();
      config.getAsJsonArray("configs").forEach(p -> parts.add(comparable(p.getAsJsonObject())));
      return parts;
    }
    JsonObject copy = config.deepCopy();
    if (copy.has("attn_matrices")) {
      DRAWN.forEach(copy::remove);
      if (!copy.get("selfattn_lora").getAsBoolean()) {
        copy.remove("attn_matrices"); // the library reads it in attentions only
      } else {
        copy.addProperty(
            "attn_matrices",
            new TreeSet<>(
                    copy.getAsJsonArray("attn_matrices").asList().stream()
                        .map(JsonElement::getAsString)
                        .toList())
                .toString());
      }
    }
    return copy;
  }

  private static JsonObject config(Path folder) throws IOException {
    return JsonParser.parseString(Files.readString(folder.resolve(CONFIG)))
        .getAsJsonObject()
        .getAsJsonObject("config");
  }

  private static TensorSource weights(Path folder) {
    return Files.exists(folder.resolve(WEIGHTS))
        ? Safetensors.open(folder.resolve(WEIGHTS))
        : TorchFile.open(folder.resolve(PICKLED));
  }

  /** Whether the folder has an intervention of ReFT that may have been DiReFT. */
  private boolean losesSubtraction() throws IOException {
    String text = config(adapter).toString();
    return text.contains("\"architecture\":\"reft\"")
        && text.contains("\"orthogonality\":false")
        && !text.contains("subtract_projection");
  }

  private Path withoutSubtraction() throws IOException {
    Path folder = Files.createTempDirectory("direft");
    String weights = Files.exists(adapter.resolve(WEIGHTS)) ? WEIGHTS : PICKLED;
    Files.copy(adapter.resolve(weights), folder.resolve(weights));
    Files.writeString(
        folder.resolve(CONFIG),
        Files.readString(adapter.resolve(CONFIG))
            .replace(
                "\"architecture\": \"reft\"",
                "\"architecture\": \"reft\", \"subtract_projection\": false"));
    return folder;
  }
}
