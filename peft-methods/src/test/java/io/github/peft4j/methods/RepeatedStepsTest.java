package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import com.google.gson.JsonObject;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.methods.reft.ReftConfig;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A step of decoding that is the same each time computes what other steps compute. */
class RepeatedStepsTest {

  private static final String PROPERTY = "peft4j.repeatedSteps";

  /** Their experts are counted on the host. */
  private static final Set<String> EXPERTS = Set.of("mixtral", "qwen3_moe");

  /** The step after which row 1 is not open. */
  private static final int ENDING = 2;

  private static final List<long[]> PROMPTS =
      List.of(new long[] {9, 4}, new long[] {5, 6, 7, 8, 9}, new long[] {3, 2, 11, 8});

  @TempDir Path folder;

  @AfterEach
  void forget() {
    System.clearProperty(PROPERTY);
  }

  static List<TinyFamily> families() throws IOException {
    List<TinyFamily> writing = new ArrayList<>(TinyFamily.all().values());
    writing.removeIf(
        family -> {
          String architecture = family.config().get("architectures").getAsString();
          return Stream.of("ForCausalLM", "LMHeadModel", "Gemma3ForConditionalGeneration")
              .noneMatch(architecture::endsWith);
        });
    assertThat(writing).hasSizeGreaterThan(20);
    return writing;
  }

  private static PeftModel load(Path folder) {
    return Peft.from(folder).device(Device.cpu()).precision(Precision.FLOAT64).load();
  }

  /**
   * The logits of open rows at each step of forced texts. Row 1 ends early; the others change
   * places.
   */
  private static List<double[]> logits(
      PeftModel model, List<long[]> prompts, int steps, boolean repeated, boolean expected) {
    System.setProperty(PROPERTY, Boolean.toString(repeated));
    Random random = new Random(8);
    List<double[]> all = new ArrayList<>();
    try (ModelCall call = model.newCall();
        Decoding texts = call.decode(prompts, 0)) {
      for (int step = 0; step < steps; step++) {
        try (Scope scope = new Scope()) {
          double[] logits = values(texts.logits());
          if (step > ENDING && texts.rows() > 1) {
            int width = logits.length / texts.rows();
            Arrays.fill(logits, width, 2 * width, 0);
          }
          all.add(logits);
          assertThat(texts.isRepeated()).isEqualTo(expected && step > 0);
          long[] tokens = random.longs(texts.rows(), 3, 30).toArray();
          boolean[] open = open(texts.rows(), step);
          if (step % 2 == 1) { // every second time other tokens follow
            long[] foreseen = tokens.clone();
            foreseen[0] += step / 2 % 2;
            texts.readAhead(foreseen, open(texts.rows(), step - 1));
          }
          if (step == 3) {
            texts.select(reversed(texts.rows()));
          }
          texts.append(tokens, open);
        }
      }
    }
    return all;
  }

  private static double[] values(NDArray x) {
    if (x.getDataType() == DataType.FLOAT64) {
      return x.toDoubleArray();
    }
    float[] values = Tensors.floats(x);
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  private static boolean[] open(int rows, int step) {
    boolean[] open = new boolean[rows];
    for (int row = 0; row < rows; row++) {
      open[row] = row != 1 || step < ENDING;
    }
    return open;
  }

  private static int[] reversed(int rows) {
    int[] reversed = new int[rows];
    for (int row = 0; row < rows; row++) {
      reversed[row] = rows - 1 - row;
    }
    return reversed;
  }

  private static void assertAlike(
      PeftModel model, List<long[]> prompts, int steps, boolean repeats) {
    double tolerance = model.base().precision() == Precision.FLOAT64 ? 1e-10 : 1e-3;
    List<double[]> plain = logits(model, prompts, steps, false, false);
    for (int time = 0; time < 2; time++) { // the second time with the step of the first
      List<double[]> repeated = logits(model, prompts, steps, true, repeats);
      for (int step = 0; step < steps; step++) {
        assertThat(repeated.get(step))
            .as("step " + step)
            .containsExactly(plain.get(step), within(tolerance * largest(plain.get(step))));
      }
    }
  }

  private static double largest(double[] values) {
    return DoubleStream.of(values).map(Math::abs).max().orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("families")
  void everyFamilyComputesTheSame(TinyFamily family) throws IOException {
    family.write(folder);
    boolean repeats = !EXPERTS.contains(family.type());
    try (PeftModel model = load(folder)) {
      assertAlike(model, PROMPTS, 9, repeats);
      assertAlike(model, List.of(PROMPTS.get(1)), 9, repeats);
    }
  }

  /** On a GPU a step is recorded as a graph, and attention is a text of its own in 32 bits. */
  @ParameterizedTest
  @MethodSource("families")
  void everyFamilyComputesTheSameByGraphs(TinyFamily family) throws IOException {
    assumeTrue(PyTorch.engine().getGpuCount() > 0, "graphs are not tested: there is no GPU");
    family.write(folder);
    try (PeftModel model =
        Peft.from(folder).device(Device.gpu()).precision(Precision.FLOAT32).load()) {
      assertAlike(model, PROMPTS, 9, !EXPERTS.contains(family.type()));
      assertAlike(model, List.of(PROMPTS.get(1)), 20, !EXPERTS.contains(family.type()));
    }
  }

  private PeftModel llama(int positions) throws IOException {
    TinyFamily family = requireNonNull(TinyFamily.all().get("llama"));
    JsonObject config = family.config().deepCopy();
    config.addProperty("max_position_embeddings", positions);
    new TinyFamily("llama", config, family.tensors()).write(folder);
    return load(folder);
  }

  @Test
  void aLongTextGoesOnInLargerSteps() throws IOException {
    try (PeftModel model = llama(1024)) {
      assertAlike(model, PROMPTS, 530, true);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora", "prefix", "prompt"})
  void adaptersComputeAsInAnyPass(String name) throws IOException {
    PeftConfig config =
        switch (name) {
          case "lora" -> LoraConfig.ofRank(2).targetModules("all-linear");
          case "prefix" -> PrefixTuningConfig.ofVirtualTokens(3);
          default -> PromptTuningConfig.ofVirtualTokens(3);
        };
    try (PeftModel model = llama(64).adapt(config)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 4);
      assertAlike(model, PROMPTS, 9, true);

      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 5); // kept steps read new values
      assertAlike(model, PROMPTS, 9, true);
    }
  }

  @Test
  void whatComputesWithNumbersOfTheHostIsNotRepeated() throws IOException {
    try (PeftModel model = llama(64).adapt(ReftConfig.loReft())) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 4);
      assertAlike(model, PROMPTS, 9, false);
    }
  }

  @Test
  void keptStepsAreFreedBeforeAnAdapterChanges() throws IOException {
    try (PeftModel model = llama(64).adapt(LoraConfig.ofRank(2).targetModules("all-linear"))) {
      logits(model, PROMPTS, 3, false, false);
      long before = Tensors.live();
      logits(model, PROMPTS, 3, true, true);
      long kept = Tensors.live();
      assertThat(kept).isGreaterThan(before);
      logits(model, PROMPTS, 3, true, true);
      assertThat(Tensors.live()).isEqualTo(kept);

      try (AdapterTraining training = model.train(PeftModel.DEFAULT)) {
        training.step().close();
      }
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  @Test
  void theSystemPropertyIsTrueOrFalse() throws IOException {
    try (PeftModel model = llama(64);
        ModelCall call = model.newCall()) {
      System.setProperty(PROPERTY, "perhaps");
      assertThatThrownBy(() -> call.decode(PROMPTS, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("peft4j.repeatedSteps is 'perhaps', expected true or false");
    }
  }
}
