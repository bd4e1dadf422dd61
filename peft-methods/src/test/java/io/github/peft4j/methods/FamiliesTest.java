package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.Closeness;
import io.github.peft4j.train.optimizer.Optimizer;
import io.github.peft4j.train.optimizer.OwnOptimizer;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.checkpoint.Models;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every method runs on every family, or says what the family lacks. {@link MethodsTest} looks
 * closer at the methods on a few families, and the golden cases compare both with Hugging Face's.
 * {@code -Dpeft4j.methods=REGEX} and {@code -Dpeft4j.families=REGEX} run all pairs of some; without
 * them it is every third pair, so that each method has a third of the families, and each family a
 * third of the methods.
 */
@ExtendWith(NamedFailures.class)
class FamiliesTest {

  /** Configs that name modules of the models in {@link TinyModel}. */
  private static final List<String> NAMED =
      List.of(
          "TiedLora",
          "TiedDora",
          "LoraWithTiedOutput",
          "LoraOnTensors",
          "DoraOfEmbeddings",
          "OftOfEmbeddings",
          "HiraOfEmbeddings");

  /**
   * What is refused.
   *
   * @param methods pattern of their names
   * @param families pattern of their types
   * @param reason words of the error
   */
  private record Refusal(String methods, String families, String reason) {

    boolean concerns(String method, String family) {
      return method.matches(methods) && family.matches(families);
    }
  }

  private static final List<Refusal> REFUSALS =
      List.of(
          new Refusal("AdapterHubPrompt", "albert|electra", "token vectors have 8"),
          new Refusal(
              "BitFit",
              "gemma.*|granite|llama|mistral|mixtral|mt5|olmo2|phi3|qwen3.*|smollm3|t5",
              "no such module of this model has a bias"),
          new Refusal(
              "CrossAttention", "(?!(bart|marian|mbart|mt5|pegasus|t5)$).*", "no encoder-decoder"),
          new Refusal(
              "LilyOfSharedA",
              "deberta-v2|distilbert|modernbert",
              "Lily takes a mean over all tokens of a batch"),
          new Refusal(
              "LoReftOfFirstAndLast",
              "bart|marian|mbart|mt5|pegasus|t5",
              "its last tokens are not known"),
          new Refusal("(LoraAnd)?Lst.*", "mixtral|qwen3_moe", "it has experts"),
          new Refusal("(LoraAnd)?Lst.*", "deberta-v2", "vectors of relative positions"),
          new Refusal("Dora|Pissa", "mixtral|qwen3_moe", "since target_parameters are"));

  /** A model of each family, and a second one into which adapters are loaded. */
  private static final Map<String, List<PeftModel>> MODELS = new TreeMap<>();

  @TempDir static Path folders;

  @TempDir Path folder;

  static Stream<Arguments> cases() throws IOException {
    String chosenFamilies = System.getProperty("peft4j.families");
    String chosenMethods = System.getProperty("peft4j.methods");
    int every = chosenFamilies == null && chosenMethods == null ? 3 : 1;
    List<String> families =
        TinyFamily.all().keySet().stream().filter(matching(chosenFamilies)).toList();
    List<MethodCase> methods =
        MethodsTest.methods().filter(method -> !NAMED.contains(method.name())).toList();
    return IntStream.range(0, families.size())
        .boxed()
        .flatMap(
            family ->
                IntStream.range(0, methods.size())
                    .filter(method -> (family + method) % every == 0)
                    .mapToObj(methods::get)
                    .filter(method -> matching(chosenMethods).test(method.name()))
                    .map(method -> Arguments.of(method, families.get(family))));
  }

  private static Predicate<String> matching(@Nullable String regex) {
    return regex == null ? name -> true : name -> name.matches(regex);
  }

  private static PeftModel model(String family, int copy) throws IOException {
    if (!MODELS.containsKey(family)) {
      Path folder = Files.createDirectory(folders.resolve(family));
      requireNonNull(TinyFamily.all().get(family)).write(folder);
      MODELS.put(family, List.of(TinyFamily.load(folder), TinyFamily.load(folder)));
    }
    return requireNonNull(MODELS.get(family)).get(copy);
  }

  @AfterAll
  static void close() {
    MODELS.values().forEach(models -> models.forEach(PeftModel::close));
    MODELS.clear();
  }

  @Test
  void noFamilyIsForgotten() throws IOException {
    assertThat(TinyFamily.all().keySet())
        .as("make_families.py has a model of each registered type")
        .isEqualTo(Models.modelTypes());
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void aMethodRunsOrIsRefused(MethodCase method, String family) throws IOException {
    PeftModel model = model(family, 0);
    float[] frozen = logits(model);
    Optional<Refusal> refusal =
        REFUSALS.stream().filter(row -> row.concerns(method.name(), family)).findFirst();
    if (refusal.isPresent()) {
      assertThatThrownBy(() -> model.adapt(method.config()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(refusal.get().reason());
    } else {
      try {
        model.adapt(method.config());
        runs(method, model, frozen, model(family, 1));
      } finally {
        List.of(model, model(family, 1))
            .forEach(either -> List.copyOf(either.adapters().keySet()).forEach(either::remove));
      }
    }
    assertThat(model.adapters()).isEmpty();
    assertThat(logits(model)).as("logits without the adapter").isEqualTo(frozen);
  }

  private void runs(MethodCase method, PeftModel model, float[] frozen, PeftModel fresh) {
    MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
    trains(model);
    float[] trained = logits(model);
    assertThat(trained).doesNotContain(Float.NaN).isNotEqualTo(frozen);
    model.save(folder.toString());
    fresh.loadAdapter(folder.toString());
    assertClose("loaded logits", logits(fresh), trained, 1e-6);
    if (method.merges()) {
      model.merge();
      assertClose("merged logits", logits(model), trained, 1e-4);
      model.unmerge();
    }
  }

  /** The method's optimizer, without weight decay. */
  private static Optimizer optimizer(Adapter adapter) {
    return OwnOptimizer.of(adapter.rewrites().stream().map(Rewrite::layer))
        .of(adapter.groups(TrainingRule.ALIKE, new ParameterGroup(1, 0)), 1);
  }

  /**
   * A step makes the loss smaller. AdaLoRA prunes after a step, so its listener is called after the
   * loss is taken.
   */
  private static void trains(PeftModel model) {
    Backpropagation backpropagation = new Backpropagation(model, Activations.KEPT);
    StepListener listener = model.adapter(PeftModel.DEFAULT).listener(TrainingRule.ALIKE);
    try (AdapterTraining training = model.train(PeftModel.DEFAULT);
        Optimizer optimizer = optimizer(model.adapter(PeftModel.DEFAULT))) {
      double loss = backward(model, backpropagation);
      optimizer.update(1e-4);
      double after = backward(model, backpropagation);
      assertThat(after).as("loss after a step").isLessThan(loss);
      Update update = new Update(optimizer, listener, 0);
      update.run(1, 3, 1e-4, after);
      update.run(2, 3, 1e-4, backward(model, backpropagation));
    } finally {
      listener.afterTraining();
    }
  }

  /** The loss, whose gradient reaches every tensor. */
  private static double backward(PeftModel model, Backpropagation backpropagation) {
    LossTargets targets = TinyFamily.targets(model);
    double share = 1.0 / model.count(targets);
    double loss = share * backpropagation.run(TinyFamily.input(model), targets, share, 0);
    loss += backpropagation.penalty();
    for (Trainable tensor : model.trainables()) {
      NDArray gradient = Autograd.gradient(tensor.value());
      assertThat(gradient).as("gradient of %s", tensor.key()).isNotNull();
      try (gradient) {
        assertThat(Closeness.largest(Tensors.floats(gradient))).as(tensor.key()).isFinite();
      }
    }
    return loss;
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits = model.logits(TinyFamily.input(model))) {
      return Tensors.floats(logits);
    }
  }
}
