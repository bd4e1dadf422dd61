package io.github.peft4j.train.pet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What PET computes is what the authors' formulas give, see make_pet.py. */
class PetFormulasTest {

  static final Path FOLDER = folder();
  private static final JsonObject VALUES = JsonFile.read(FOLDER.resolve("values.json"));
  private static final PeftModel MODEL = load(Precision.FLOAT64);

  private static final Pattern FIRST = Pattern.of("{text} it was {mask}.");
  private static final Pattern SECOND = Pattern.of("{text}? || {mask}, {pair}");
  private static final Verbalizer GOOD =
      Verbalizer.ofSeveral(Map.of("0", List.of("bad"), "1", List.of("good", "great")));
  private static final Verbalizer YES = Verbalizer.of(Map.of("0", "no", "1", "yes"));
  private static final Verbalizer LONG =
      Verbalizer.of(Map.of("0", "terrible", "1", "good", "2", "awful slow !"));
  private static final List<String> TEXTS =
      List.of(
          "the food was nice",
          "slow service and rude staff",
          "we came back to eat here again and again and again");
  private static final List<TextPair> PAIRS =
      List.of(
          new TextPair("the food was nice", "the food was bad"),
          new TextPair("rude staff", "the staff was nice again and again and again"),
          new TextPair("we came back", "we eat here"));
  private static final int[] LABELS = {0, 1, 1};

  private static Path folder() {
    try {
      return Path.of(
          Objects.requireNonNull(PetFormulasTest.class.getResource("/golden-pet")).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static PeftModel load(Precision precision) {
    return Peft.from(FOLDER).precision(precision).task(Task.maskedLm()).load();
  }

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static ClozeClassifier gap(Pattern pattern, Verbalizer verbalizer) {
    return ClozeClassifier.of(MODEL, pattern, verbalizer, 14);
  }

  private static double[][] matrix(JsonElement rows) {
    List<double[]> all = new ArrayList<>();
    rows.getAsJsonArray().forEach(row -> all.add(row(row)));
    return all.toArray(double[][]::new);
  }

  private static double[] row(JsonElement values) {
    return values.getAsJsonArray().asList().stream()
        .mapToDouble(JsonElement::getAsDouble)
        .toArray();
  }

  private static List<EncodedExample> rows(ClozeClassifier gap, List<PetText> texts) {
    return IntStream.range(0, texts.size())
        .mapToObj(i -> gap.encoder().encode(texts.get(i), LABELS[i]))
        .toList();
  }

  private static List<PetText> texts() {
    return TEXTS.stream().map(text -> new PetText(text, null)).toList();
  }

  private static List<PetText> pairs() {
    return PAIRS.stream().map(pair -> new PetText(pair.first(), pair.second())).toList();
  }

  private static void assertIds(List<EncodedExample> rows, JsonElement expected) {
    for (int i = 0; i < rows.size(); i++) {
      double[] ids = row(expected.getAsJsonArray().get(i));
      assertThat(LongStream.of(rows.get(i).inputIds()).asDoubleStream().toArray()).isEqualTo(ids);
    }
  }

  @Test
  void aTextIsCutAndThePatternIsNot() {
    JsonArray ids = VALUES.getAsJsonArray("ids");
    List<EncodedExample> first = rows(gap(FIRST, GOOD), texts());
    assertIds(first, ids.get(0));
    List<EncodedExample> second = rows(gap(SECOND, YES), pairs());
    assertIds(second, ids.get(1));
    double[][] types = matrix(VALUES.getAsJsonArray("types").get(1));
    for (int i = 0; i < types.length; i++) {
      long[] own = Objects.requireNonNull(second.get(i).tokenTypeIds());
      assertThat(LongStream.of(own).asDoubleStream().toArray()).isEqualTo(types[i]);
    }
    assertIds(rows(gap(FIRST, LONG), texts()), VALUES.get("multi_ids"));
    assertThat(first.stream().mapToInt(row -> row.cut().input())).containsExactly(0, 0, 3);
    assertThatThrownBy(() -> ClozeClassifier.of(MODEL, FIRST, LONG, 8).logits(TEXTS))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has 9 tokens without the text, but there is room for 8");
    assertThat(ClozeClassifier.of(MODEL, FIRST, LONG, 9).logits(TEXTS)).hasDimensions(3, 3);
  }

  private static void assertClose(double[][] mine, double[][] theirs) {
    assertThat(mine).hasSameDimensionsAs(theirs);
    for (int i = 0; i < mine.length; i++) {
      assertThat(mine[i]).containsExactly(theirs[i], within(2e-5));
    }
  }

  @Test
  void labelsHaveTheLogitsOfTheirWords() {
    JsonArray single = VALUES.getAsJsonArray("single");
    assertClose(gap(FIRST, GOOD).logits(TEXTS), matrix(single.get(0)));
    assertClose(gap(SECOND, YES).logitsOfPairs(PAIRS), matrix(single.get(1)));
    assertThat(gap(FIRST, GOOD).labels()).containsExactly("0", "1");
  }

  @Test
  void longWordsAreFilledTheLikeliestTokenFirst() {
    assertClose(gap(FIRST, LONG).logits(TEXTS), matrix(VALUES.get("multi")));
    assertThat(gap(FIRST, LONG).classify(TEXTS)).containsExactly("1", "1", "1");
  }

  private static double loss(
      PeftModel model, List<EncodedExample> rows, Objective objective, double scale) {
    Batch batch = new Collator(0).collate(rows);
    LossTargets targets = BatchFeed.targets(model.base(), batch);
    return new Backpropagation(model, Activations.KEPT)
        .run(objective, BatchFeed.input(model.base(), batch), targets, scale, 0)
        .loss();
  }

  /** The mean loss of the three texts. */
  private static double mean(List<EncodedExample> rows, Objective objective) {
    return loss(MODEL, rows, objective, 1) / LABELS.length;
  }

  @Test
  void lossesAreTheAuthors() {
    double[] expected = row(VALUES.get("cross_entropy"));
    ClozeClassifier first = gap(FIRST, GOOD);
    ClozeClassifier second = gap(SECOND, YES);
    assertThat(mean(rows(first, texts()), new ClozeObjective(first.tokens(), 0)))
        .isCloseTo(expected[0], within(1e-5));
    assertThat(mean(rows(second, pairs()), new ClozeObjective(second.tokens(), 0)))
        .isCloseTo(expected[1], within(1e-5));
    ClozeClassifier multi = gap(FIRST, LONG);
    assertThat(mean(rows(multi, texts()), new ClozeObjective(multi.tokens(), 0)))
        .isCloseTo(VALUES.get("hinge").getAsDouble(), within(1e-5));
    assertThat(mean(withMasked(first), new ClozeObjective(first.tokens(), 0.25)))
        .isCloseTo(VALUES.get("auxiliary").getAsDouble(), within(1e-5));
  }

  private static List<EncodedExample> withMasked(ClozeClassifier gap) {
    JsonObject masked = VALUES.getAsJsonObject("masked");
    List<EncodedExample> rows = rows(gap, texts());
    return IntStream.range(0, rows.size())
        .mapToObj(
            i ->
                rows.get(i)
                    .with(
                        new EncodedExample(
                            longs(masked.getAsJsonArray("ids").get(i)),
                            rows.get(i).tokenTypeIds(),
                            longs(masked.getAsJsonArray("labels").get(i)),
                            EncodedExample.Alignment.TOKEN)))
        .toList();
  }

  private static long[] longs(JsonElement values) {
    return Arrays.stream(row(values)).mapToLong(value -> (long) value).toArray();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void gradientsAreThoseOfFiniteDifferences(boolean several) {
    try (PeftModel model = load(Precision.FLOAT64).adapt(ToyConfig.of(1.1, 0.1))) {
      ClozeClassifier gap = ClozeClassifier.of(model, FIRST, several ? LONG : GOOD, 14);
      List<EncodedExample> rows = several ? rows(gap, texts()) : withMasked(gap);
      Objective objective = new ClozeObjective(gap.tokens(), several ? 0 : 0.25);
      for (Trainable tensor : model.trainables()) {
        model.trainables().forEach(Trainable::clearGradient);
        loss(model, rows, objective, 1);
        float[] gradient;
        try (NDArray found = Objects.requireNonNull(Autograd.gradient(tensor.value()))) {
          gradient = Tensors.floats(found);
        }
        double[] start = tensor.value().toDoubleArray();
        double[] slope = new double[1];
        double step = 5e-3; // a loss is fetched in 32 bits
        for (int sign : new int[] {1, -1}) {
          double[] moved = start.clone();
          moved[0] += sign * step;
          set(tensor, moved);
          slope[0] += sign * loss(model, rows, objective, 1) / (2 * step);
        }
        set(tensor, start);
        assertThat((double) gradient[0])
            .as(tensor.key())
            .isCloseTo(slope[0], within(1e-3 * (1 + Math.abs(slope[0]))));
      }
    }
  }

  private static void set(Trainable tensor, double[] values) {
    try (Scope scope = new Scope()) {
      Tensors.copy(
          tensor.value(), tensor.value().getManager().create(values, tensor.value().getShape()));
    }
  }

  @Test
  void softLabelsAreDistilledAsTheAuthorsDo() {
    JsonObject expected = VALUES.getAsJsonObject("distillation");
    double[][] taught = matrix(expected.get("taught"));
    double[][] own = matrix(expected.get("own"));
    try (Scope scope = new Scope()) {
      NDArray logits = Tensors.scalar(0).getManager().create(floats(own));
      NDArray targets = logits.getManager().create(floats(taught));
      double sum = SoftLabels.divergence(logits, targets, 2).sum().getFloat();
      assertThat(sum / 4).isCloseTo(expected.get("loss").getAsDouble(), within(1e-5));
    }
    assertThatThrownBy(() -> new SoftLabels(0)).hasMessageContaining("temperature is 0");
  }

  private static float[][] floats(double[][] values) {
    float[][] all = new float[values.length][values[0].length];
    for (int i = 0; i < all.length; i++) {
      for (int j = 0; j < all[i].length; j++) {
        all[i][j] = (float) values[i][j];
      }
    }
    return all;
  }

  @Test
  void generationsGrowAndAreDrawnAsTheAuthorsDo() {
    JsonObject expected = VALUES.getAsJsonObject("votes");
    double[] weights = row(expected.get("weights"));
    List<Votes> votes = new ArrayList<>();
    for (int i = 0; i < weights.length; i++) {
      votes.add(new Votes(weights[i], matrix(expected.getAsJsonArray("votes").get(i))));
    }
    assertClose(Votes.mean(votes), matrix(expected.get("mean")));
    double[] labels = row(expected.get("labels"));
    int[][] growth = {
      Votes.growth(new int[] {7, 3}, 5),
      Votes.growth(new int[] {7, 3}, 25),
      Votes.growth(new int[] {7, 3}, 125)
    };
    for (int g = 0; g < 3; g++) {
      assertThat(Arrays.stream(growth[g]).asDoubleStream().toArray())
          .isEqualTo(row(expected.getAsJsonArray("growth").get(g)));
    }
    int ones = (int) Arrays.stream(labels).sum();
    int[] all = {6 - ones, ones};
    List<Votes.Pick> picks = Votes.pick(votes, all, 0, List.of("a", "b"), new Random(1));
    assertThat(picks).hasSize(6).doesNotHaveDuplicates();
    picks.forEach(pick -> assertThat(labels[pick.text()]).isEqualTo(pick.label()));
    int[] more = {9, 2};
    List<Votes.Pick> repeated = Votes.pick(votes, more, 0, List.of("a", "b"), new Random(1));
    assertThat(repeated.stream().filter(pick -> pick.label() == 0)).hasSize(9);
    List<Votes.Pick> likely =
        Votes.pick(votes, new int[] {2, 2}, 2, List.of("a", "b"), new Random(1));
    for (int l = 0; l < 2; l++) {
      int label = l;
      assertThat(likely.stream().filter(p -> p.label() == label).mapToDouble(Votes.Pick::text))
          .containsExactlyInAnyOrder(
              Arrays.stream(row(expected.getAsJsonArray("most_likely").get(l)))
                  .boxed()
                  .toArray(Double[]::new));
    }
    assertThat(Votes.part(votes, 0.25, new Random(1))).as("round(0.75)").hasSize(1);
    assertThat(Votes.part(votes, 0.1, new Random(1))).as("one at least").hasSize(1);
    assertThat(Votes.part(votes, 0.9, new Random(1))).hasSize(3);
  }

  /** Python draws with numpy, by probability: so do we, up to chance. */
  @Test
  void likelierTextsAreDrawnMoreOften() {
    double[][] logits = {{3, 0}, {0.1, 0}, {0, 5}};
    int[] drawn = new int[3];
    Random random = new Random(1);
    for (int n = 0; n < 2000; n++) {
      List<Votes.Pick> picks =
          Votes.pick(List.of(new Votes(1, logits)), new int[] {1, 0}, 0, List.of("a", "b"), random);
      drawn[picks.get(0).text()]++;
    }
    double p = Votes.softmax(logits[0])[0];
    double q = Votes.softmax(logits[1])[0];
    assertThat(drawn[0] / 2000.0).isCloseTo(p / (p + q), within(0.04));
    assertThat(drawn[2]).isZero();
  }

  @Test
  void aLabelThatNobodySaysIsTakenWhereItIsLikeliest() {
    double[][] logits = {{3, 0}, {1, 0}, {2, 0}};
    List<Votes.Pick> picks =
        Votes.pick(
            List.of(new Votes(0, logits)), new int[] {1, 1}, 0, List.of("a", "b"), new Random(1));
    assertThat(picks).contains(new Votes.Pick(1, 1)).hasSize(2);
  }

  @Test
  void whatCannotBeFilledIsRefused() {
    assertThatThrownBy(() -> Pattern.of("{text} it was")).hasMessageContaining("0 gaps");
    assertThatThrownBy(() -> Pattern.of("{mask} {mask} {text}")).hasMessageContaining("2 gaps");
    assertThatThrownBy(() -> Pattern.of("{words} {mask}")).hasMessageContaining("has {words}");
    assertThatThrownBy(() -> Pattern.of("{mask}")).hasMessageContaining("expected one {text}");
    assertThatThrownBy(() -> Pattern.of("{text} || {mask} || {pair}"))
        .hasMessageContaining("one segment, or two");
    assertThatThrownBy(() -> Verbalizer.of(Map.of("a", "good"))).hasMessageContaining("two labels");
    assertThatThrownBy(() -> Verbalizer.of(Map.of("a", "good", "b", " ")))
        .hasMessageContaining("none blank");
    assertThatThrownBy(() -> gap(FIRST, Verbalizer.of(Map.of("a", "good", "b", "mountain"))))
        .hasMessageContaining("vocabulary lacks the word 'mountain' of label 'b'");
    assertThatThrownBy(() -> gap(FIRST, Verbalizer.of(Map.of("a", "good", "b", "good"))))
        .hasMessageContaining("the same tokens");
    assertThatThrownBy(
            () ->
                gap(
                    FIRST,
                    Verbalizer.ofSeveral(
                        Map.of("a", List.of("good", "terrible"), "b", List.of("bad")))))
        .hasMessageContaining("expected one word a label");
    assertThatThrownBy(() -> gap(SECOND, YES).logits(TEXTS)).hasMessageContaining("one text");
  }
}
