package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.methods.adaptionprompt.AdaptionPromptConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PackedTexts;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AttentionSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Texts that share a row compute what they compute alone: in every family, with every method. */
@ExtendWith(NamedFailures.class)
class PackingTest {

  /** Texts of a batch, by row. 0 is the id of padding, which is a token like others in a text. */
  private static final long[][][] TEXTS = {
    {{5, 6, 7, 8, 9, 3, 4}, {9, 4, 0, 5}, {11}, {12, 13, 14, 15, 16, 17}},
    {{20, 21, 22}, {23, 24, 25, 26, 0, 27, 28, 29}, {30, 31}},
  };

  private static final int WIDTH = 18;

  private static final String LONG_FACTORS =
      """
      {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 11,
       "short_factor": [1.5, 2.0], "long_factor": [7.0, 9.0], "factor": 4.0}
      """;

  private static final List<String> ENCODER_DECODERS =
      List.of("bart", "marian", "mbart", "mt5", "pegasus", "t5");

  @TempDir Path folder;

  /** A model to pack texts for: a family's smallest one, with other values in its config. */
  private record Variant(String family, Map<String, String> changes) {

    Variant(String family) {
      this(family, Map.of());
    }

    void write(Path folder) throws IOException {
      TinyFamily tiny = requireNonNull(TinyFamily.all().get(family));
      JsonObject config = tiny.config().deepCopy();
      changes.forEach((field, json) -> config.add(field, JsonParser.parseString(json)));
      new TinyFamily(family, config, tiny.tensors()).write(folder);
    }

    @Override
    public String toString() {
      return changes.isEmpty() ? family : family + " with " + changes;
    }
  }

  private static Stream<Variant> variants() throws IOException {
    Stream<Variant> families =
        TinyFamily.all().keySet().stream()
            .filter(family -> !ENCODER_DECODERS.contains(family))
            .map(Variant::new);
    Stream<Variant> others =
        Stream.of(
            new Variant("falcon", Map.of("alibi", "true")),
            new Variant("distilbert", Map.of("sinusoidal_pos_embds", "true")),
            new Variant("phi3", Map.of("rope_parameters", LONG_FACTORS)),
            rope("{'rope_type': 'linear', 'factor': 3.0}"),
            rope("{'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 8}"),
            rope(
                "{'rope_type': 'llama3', 'factor': 4.0, 'low_freq_factor': 1.0,"
                    + " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 8}"),
            new Variant(
                "llama",
                Map.of(
                    "max_position_embeddings",
                    "11",
                    "rope_parameters",
                    "{'rope_type': 'dynamic', 'rope_theta': 100.0, 'factor': 4.0}")));
    return Stream.concat(families, others);
  }

  private static Variant rope(String parameters) {
    return new Variant("llama", Map.of("rope_parameters", parameters));
  }

  static Stream<Arguments> families() throws IOException {
    List<MethodCase> methods =
        List.of(
            MethodCase.of("Lora", LoraConfig.ofRank(2)),
            MethodCase.of("Prefix", PrefixTuningConfig.ofVirtualTokens(3)),
            MethodCase.of("HubPrefix", AdapterHubPrefixConfig.ofVirtualTokens(3).bottleneckSize(5)),
            MethodCase.of("LlamaAdapter", AdaptionPromptConfig.of(3, 1)));
    String chosen = System.getProperty("peft4j.families", ".*");
    return variants()
        .filter(variant -> variant.family().matches(chosen))
        .flatMap(variant -> methods.stream().map(method -> Arguments.of(method, variant)));
  }

  private static PeftModel load(Path folder, Precision precision, @Nullable Task task) {
    Peft.Loader loader = Peft.from(folder).device(Device.cpu()).precision(precision);
    return (task == null ? loader : loader.task(task)).load();
  }

  private static @Nullable Task taskOfTokens(String family) throws IOException {
    JsonElement architectures =
        requireNonNull(TinyFamily.all().get(family)).config().get("architectures");
    return architectures.toString().contains("SequenceClassification")
        ? Task.featureExtraction()
        : null;
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("families")
  void aPackedTextComputesWhatItComputesAlone(MethodCase method, Variant variant)
      throws IOException {
    variant.write(folder);
    for (Precision precision : List.of(Precision.FLOAT64, Precision.FLOAT32)) {
      double tolerance = precision == Precision.FLOAT64 ? 1e-10 : 1e-5;
      try (PeftModel model = load(folder, precision, taskOfTokens(variant.family()))) {
        assertPackedAsAlone(model, tolerance);
        model.adapt(method.config());
        MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
        assertPackedAsAlone(model, tolerance);
      }
    }
  }

  private static void assertPackedAsAlone(PeftModel model, double tolerance) {
    double[] packed = logits(model, packed(model));
    int size = packed.length / (TEXTS.length * WIDTH);
    for (int row = 0; row < TEXTS.length; row++) {
      int column = 0;
      for (long[] text : TEXTS[row]) {
        NDManager manager = model.base().manager();
        double[] alone = logits(model, ModelInput.of(manager, new long[][] {text}, null));
        int start = (row * WIDTH + column) * size;
        double largest = Arrays.stream(alone).map(Math::abs).max().orElseThrow();
        assertThat(Arrays.copyOfRange(packed, start, start + text.length * size))
            .as("row %d from column %d", row, column)
            .containsExactly(alone, within(tolerance * largest));
        column += text.length;
      }
    }
  }

  private static double[] logits(PeftModel model, ModelInput input) {
    try (NDArray logits = model.logits(input);
        NDArray wide = logits.toType(DataType.FLOAT64, true)) {
      return wide.toDoubleArray();
    } finally {
      input.close();
    }
  }

  private static ModelInput packed(PeftModel model) {
    return ModelInput.packed(model.base().manager(), rows(0), lengths());
  }

  private static int[][] lengths() {
    return Stream.of(TEXTS)
        .map(row -> Stream.of(row).mapToInt(text -> text.length).toArray())
        .toArray(int[][]::new);
  }

  /** The texts of each row one after the other, and padding. */
  private static long[][] rows(long padding) {
    return Stream.of(TEXTS)
        .map(row -> padded(Stream.of(row).flatMapToLong(Arrays::stream).toArray(), padding, WIDTH))
        .toArray(long[][]::new);
  }

  private static long[] padded(long[] text, long padding, int width) {
    long[] row = Arrays.copyOf(text, width);
    Arrays.fill(row, text.length, width, padding);
    return row;
  }

  @Test
  void aTextIsScaledByItsOwnLengthAndNotByTheRows() throws IOException {
    new Variant("phi3", Map.of("rope_parameters", LONG_FACTORS)).write(folder);
    long[] text = {5, 6, 7, 8, 9, 3};
    long[] longer = {5, 6, 7, 8, 9, 3, 4, 10, 11, 12, 13, 14};
    try (PeftModel model = load(folder, Precision.FLOAT64, null)) {
      NDManager manager = model.base().manager();
      double[] alone = logits(model, ModelInput.of(manager, new long[][] {text}, null));
      double[] whole = logits(model, ModelInput.of(manager, new long[][] {longer}, null));
      assertThat(Arrays.copyOf(whole, alone.length))
          .as("other factors in longer texts")
          .isNotEqualTo(alone);

      long[] twice = LongStream.concat(LongStream.of(text), LongStream.of(text)).toArray();
      assertThat(
              logits(model, ModelInput.packed(manager, new long[][] {twice}, new int[][] {{6, 6}})))
          .containsExactly(
              DoubleStream.concat(DoubleStream.of(alone), DoubleStream.of(alone)).toArray(),
              within(1e-12));

      double[] batch = logits(model, padded(model, List.of(longer, text), 12));
      long[] both = LongStream.concat(LongStream.of(longer), LongStream.of(text)).toArray();
      assertThat(
              logits(model, ModelInput.packed(manager, new long[][] {both}, new int[][] {{12, 6}})))
          .as("the longest text decides, as in a batch")
          .containsExactly(Arrays.copyOf(batch, whole.length + alone.length), within(1e-12));
    }
  }

  static Stream<Arguments> methods() {
    String chosen = System.getProperty("peft4j.methods", ".*");
    return MethodsTest.methods()
        .filter(method -> method.name().matches(chosen))
        .flatMap(MethodCase::onItsModels)
        .filter(
            arguments ->
                List.of(TinyModel.LLAMA, TinyModel.TIED_LLAMA, TinyModel.MIXTRAL, TinyModel.BERT)
                    .contains(arguments.get()[1]));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("methods")
  void aPackedBatchHasTheLossAndTheGradientsOfItsTexts(MethodCase method, TinyModel tiny) {
    Task task =
        tiny == TinyModel.BERT ? Task.tokenClassification(List.of("a", "b", "c")) : Task.causalLm();
    try (PeftModel model = tiny.load(Precision.FLOAT64, task).adapt(method.config())) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      if (refuses(method)) {
        assertThatThrownBy(() -> gradients(model, true))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("rows may not hold several texts")
            .hasMessageContaining("train without packing");
        return;
      }
      Map<String, float[]> alone = gradients(model, false);
      Map<String, float[]> packed = gradients(model, true);
      assertThat(packed.keySet()).isEqualTo(alone.keySet());
      alone.forEach(
          (name, values) -> assertClose(name, requireNonNull(packed.get(name)), values, 1e-5));
    }
  }

  private static boolean refuses(MethodCase method) {
    return List.of(
            "GatedBottleneck",
            "GatedHubPrefix",
            "AdapterHubPrompt",
            "PreLayer",
            "Prompt",
            "Cpt",
            "PTuningMlp",
            "PTuningLstm",
            "DiReft",
            "GatedLora",
            "Ipt",
            "IptTable",
            "IptConvolution",
            "IptLstm",
            "IptOfStates",
            "Lily",
            "LilyOfSharedA",
            "LoReft",
            "LoReftOfFirstAndLast",
            "NoReft",
            "Pasta",
            "Poly",
            "UniPelt",
            "LoraAndPrompt",
            "PromptAndPrefix")
        .contains(method.name());
  }

  /** The loss and the gradients, with each text in a row of its own or with several. */
  private static Map<String, float[]> gradients(PeftModel model, boolean pack) {
    List<long[]> texts = Stream.of(TEXTS).flatMap(Stream::of).toList();
    ModelInput input = pack ? packed(model) : padded(model, texts, 8);
    long[][] labels =
        pack
            ? Stream.of(TEXTS).map(row -> labels(List.of(row), WIDTH)).toArray(long[][]::new)
            : texts.stream().map(text -> labels(List.of(text), 8)).toArray(long[][]::new);
    boolean classes = model.base().task().type() == Task.Type.TOKEN_CLS;
    LossTargets targets =
        classes ? new LossTargets.Tokens(labels) : new LossTargets.NextTokens(labels);
    if (classes) {
      for (long[] row : labels) {
        Arrays.setAll(row, i -> row[i] == LossTargets.IGNORED ? row[i] : row[i] % 3);
      }
    }
    int count = texts.stream().mapToInt(text -> text.length - 1).sum();
    assertThat(model.count(targets)).isEqualTo(count);
    Backpropagation backpropagation = new Backpropagation(model, Activations.KEPT);
    Map<String, float[]> found = new LinkedHashMap<>();
    float loss = (float) backpropagation.run(input, targets, 1.0 / count, 0);
    found.put("loss", new float[] {loss});
    for (Trainable tensor : model.trainables()) {
      try (NDArray gradient = requireNonNull(Autograd.gradient(tensor.value()), tensor.key())) {
        found.put(found.size() + " " + tensor.key(), Tensors.floats(gradient));
      }
      tensor.clearGradient();
    }
    return found;
  }

  private static ModelInput padded(PeftModel model, List<long[]> texts, int width) {
    return ModelInput.of(
        model.base().manager(),
        texts.stream().map(text -> padded(text, 0, width)).toArray(long[][]::new),
        texts.stream()
            .map(
                text -> IntStream.range(0, width).mapToLong(i -> i < text.length ? 1 : 0).toArray())
            .toArray(long[][]::new));
  }

  /** The texts' ids, but no label for the first token of each, which nothing predicts. */
  private static long[] labels(List<long[]> texts, int width) {
    List<Long> labels = new ArrayList<>();
    for (long[] text : texts) {
      for (int i = 0; i < text.length; i++) {
        labels.add(i == 0 ? LossTargets.IGNORED : text[i]);
      }
    }
    return padded(labels.stream().mapToLong(x -> x).toArray(), LossTargets.IGNORED, width);
  }

  @Test
  void whatReadsRowsAsAWholeIsRefused() throws IOException {
    new Variant("bert").write(folder);
    try (PeftModel model = load(folder, Precision.FLOAT32, null)) {
      assertRefused(model, "classification of texts");
    }
    try (PeftModel model = load(folder, Precision.FLOAT32, Task.questionAnswering())) {
      assertRefused(model, "question answering");
    }
    for (String family : ENCODER_DECODERS) {
      Path other = Files.createDirectory(folder.resolve(family));
      new Variant(family).write(other);
      try (PeftModel model = load(other, Precision.FLOAT32, null)) {
        ModelInput input = packed(model);
        assertThatThrownBy(() -> model.logits(input.decoding(input.ids())))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("an encoder-decoder");
      }
    }
  }

  private static void assertRefused(PeftModel model, String words) {
    assertThatThrownBy(() -> model.logits(packed(model)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(words)
        .hasMessageContaining("hold several");
  }

  @Test
  void lengthsThatAreNoTextsAreRefused() throws IOException {
    new Variant("llama").write(folder);
    try (PeftModel model = load(folder, Precision.FLOAT32, null)) {
      NDManager manager = model.base().manager();
      long[][] ids = {{5, 6, 7}};
      for (int[][] lengths : new int[][][] {{{2, 2}}, {{}}, {{3, 0}}}) {
        assertThatThrownBy(() -> ModelInput.packed(manager, ids, lengths))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("row 0")
            .hasMessageContaining("3 tokens at most");
      }
      assertThatThrownBy(() -> ModelInput.packed(manager, ids, new int[][] {{1}, {2}}))
          .hasMessageContaining("1 rows of ids and 2 of lengths");
    }
  }

  @Test
  void aMaskMayHideTokensOfAPackedText() throws IOException {
    for (String family : List.of("llama", "bert")) {
      Path other = Files.createDirectory(folder.resolve(family));
      new Variant(family).write(other);
      try (PeftModel model = load(other, Precision.FLOAT64, taskOfTokens(family))) {
        NDManager manager = model.base().manager();
        long[][] ids = {{5, 6, 7, 8, 9, 3, 4, 10}};
        long[][] mask = {{1, 1, 1, 1, 0, 1, 1, 1}};
        PackedTexts texts = PackedTexts.of(manager, new int[][] {{3, 5}}, 8);
        double[] packed = logits(model, ModelInput.of(manager, ids, mask).withTexts(texts));
        double[] alone =
            logits(
                model,
                ModelInput.of(
                    manager, new long[][] {{8, 9, 3, 4, 10}}, new long[][] {{1, 0, 1, 1, 1}}));
        assertThat(Arrays.copyOfRange(packed, packed.length / 8 * 3, packed.length))
            .as(family)
            .containsExactly(alone, within(1e-10));
      }
    }
  }

  @Test
  void attentionComputesEachTextUnlessTheMaskHidesMoreThanPadding() throws IOException {
    new Variant("mistral").write(folder);
    try (PeftModel model = load(folder, Precision.FLOAT64, null)) {
      NDManager manager = model.base().manager();
      int[][] lengths = {{3, 4}, {8}};
      long[][] ids = {{5, 6, 7, 8, 9, 3, 4, 10}, {5, 6, 7, 8, 9, 3, 4, 10}};
      long[][] padded = {{1, 1, 1, 1, 1, 1, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 1}};
      long[][] holes = {{1, 1, 1, 0, 1, 1, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 1}};
      ModelInput input = ModelInput.of(manager, ids, padded);
      assertThat(textsOf(model, input.withTexts(PackedTexts.of(manager, lengths, 8))))
          .isDeepEqualTo(new int[][] {{3, 4, 1}, {8}});
      input = ModelInput.of(manager, ids, holes);
      assertThat(textsOf(model, input.withTexts(PackedTexts.of(manager, lengths, 8)))).isNull();
      input = ModelInput.of(manager, ids, null);
      assertThat(textsOf(model, input.withTexts(PackedTexts.of(manager, lengths, 8)))).isNull();
      assertThat(textsOf(model, input)).isNull();
    }
  }

  /** The lengths of the texts that attention computes each by itself, or null. */
  private static int @Nullable [][] textsOf(PeftModel model, ModelInput input) {
    try (Pass pass = Pass.inference(ActiveAdapters.NONE);
        NDArray logits = model.base().logits(input, pass)) {
      AttentionSite.Texts texts = pass.apart(logits, Integer.MAX_VALUE);
      return texts == null ? null : texts.lengths();
    }
  }

  @Test
  void paddingMakesNothingInfinite() throws IOException {
    for (String family : List.of("llama", "bert", "mistral")) {
      Path other = Files.createDirectory(folder.resolve(family));
      new Variant(family).write(other);
      try (PeftModel model = load(other, Precision.FLOAT32, taskOfTokens(family))) {
        model.adapt(LoraConfig.ofRank(2));
        long[][] ids = {padded(new long[] {5, 6, 7}, 0, 30), padded(new long[] {8}, 0, 30)};
        NDManager manager = model.base().manager();
        int[][] lengths = {{1, 2}, {1}};
        double[] logits = logits(model, ModelInput.packed(manager, ids, lengths));
        assertThat(Arrays.stream(logits)).as(family).allMatch(Double::isFinite);
      }
    }
  }

  @Test
  void severalAdaptersSideBySideReadPackedRows() throws IOException {
    new Variant("llama").write(folder);
    try (PeftModel model = load(folder, Precision.FLOAT64, null)) {
      PeftConfig config = LoraConfig.ofRank(2);
      model.adapt("a", config).adapt("b", config);
      PeftConfig prefix =
          PrefixTuningConfig.ofVirtualTokens(3); // its attention has rows of its own
      model.adapt("c", prefix).adapt("d", prefix);
      for (String name : List.of("a", "b", "c", "d")) {
        MethodContract.perturb(model.adapter(name), name.hashCode());
      }
      for (List<String> names : List.of(List.of("a", "b"), List.of("c", "d"))) {
        Composition sides = Composition.parallel(names);
        double[] both = logits(model.activate(sides), packed(model));
        double[] first = logits(model.activate(names.get(0)), packed(model));
        double[] second = logits(model.activate(names.get(1)), packed(model));
        int half = first.length;
        assertThat(Arrays.copyOf(both, half)).containsExactly(first, within(1e-12));
        assertThat(Arrays.copyOfRange(both, half, 2 * half)).containsExactly(second, within(1e-12));
      }
    }
  }
}
