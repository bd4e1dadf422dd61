package io.github.peft4j.train.pet;

import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.Permutation;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.IdsExample;
import io.github.peft4j.data.batch.Masker;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import io.github.peft4j.data.tokenizer.Truncation;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.pet.PetFolder.Finished;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One run of {@link Pet}. */
final class PetRun {

  private static final Logger LOG = LoggerFactory.getLogger(PetRun.class);

  /** The classifier's adapter, and its folder. */
  private static final String CLASSIFIER = "pet";

  private final Pet settings;
  private final PetFolder folder;
  private final PeftConfig adapter;
  private final Verbalizer verbalizer;
  private final List<ClassificationExample> labelled;
  private final Examples<ClassificationExample> examples;
  private final List<PetText> unlabelled;

  /** A text with its class, from 0. */
  record Labelled(PetText text, int label) {}

  PetRun(Pet settings, Path folder) {
    this.settings = settings;
    this.folder = new PetFolder(folder);
    this.adapter = required(settings.adapter, "adapter(config)");
    this.verbalizer = required(settings.verbalizer, "verbalizer(…)");
    this.examples = required(settings.labelled, "on(examples)");
    this.labelled = examples.dataset().examples();
    Examples<?> texts = settings.unlabelled;
    this.unlabelled = texts == null ? List.of() : PetText.of(texts);
    check();
  }

  private static <T> T required(@Nullable T value, String call) {
    if (value == null) {
      throw new IllegalArgumentException("PET needs more: call " + call);
    }
    return value;
  }

  private void check() {
    List<String> labels = verbalizer.labels();
    if (settings.patterns.isEmpty()) {
      throw new IllegalArgumentException("PET needs more: call patterns(…)");
    }
    if (labelled.isEmpty()) {
      throw new IllegalArgumentException("PET needs one labelled example at least");
    }
    for (ClassificationExample example : labelled) {
      if (!labels.contains(example.label())) {
        throw new IllegalArgumentException(
            "an example has the label '%s', but the verbalizer has words for %s"
                .formatted(example.label(), labels));
      }
    }
    PeftModel classifier = settings.classifier;
    if (unlabelled.isEmpty() && (classifier != null || settings.generations > 1 || alpha() > 0)) {
      throw new IllegalArgumentException(
          "a classifier, generations and the auxiliary loss learn from unlabelled texts: call"
              + " unlabelled(texts)");
    }
    if (settings.generations > 1 && settings.patterns.size() * settings.repetitions < 2) {
      throw new IllegalArgumentException(
          "in iPET models label texts for other models, but there is one: take several patterns or"
              + " repetitions");
    }
    if (alpha() > 0 && settings.model.base().task().type() != Task.Type.MASKED_LM) {
      throw new IllegalArgumentException(
          "the auxiliary loss is that of a masked language model: set auxiliary(0)");
    }
    if (classifier != null) {
      check(classifier);
    }
    List<PetText> texts = new ArrayList<>(PetText.of(examples));
    texts.addAll(unlabelled);
    for (Pattern pattern : settings.patterns) {
      ClozeClassifier gap =
          ClozeClassifier.of(settings.model, pattern, verbalizer, settings.maxLength);
      texts.forEach(text -> gap.encoder().encode(text, 0));
    }
  }

  private void check(PeftModel classifier) {
    List<String> classes = classifier.base().task().labels();
    List<String> labels = verbalizer.labels();
    if (!new HashSet<>(classes).equals(new HashSet<>(labels))) {
      throw new IllegalArgumentException(
          "the classifier has the labels %s, but the verbalizer %s: load it with Task.classification and these labels"
              .formatted(classes, labels));
    }
    if (classifier.adapters().containsKey(CLASSIFIER)) {
      throw new IllegalArgumentException(
          "the classifier has an adapter '%s' already, which is the name of the one to train: remove it first"
              .formatted(CLASSIFIER));
    }
  }

  private double alpha() {
    boolean usual =
        !unlabelled.isEmpty()
            && settings.model.base().task().type() == Task.Type.MASKED_LM
            && LabelTokens.of(verbalizer, new Words(settings.model.tokenizer())).areSingle();
    return settings.auxiliary.orElse(usual ? 1e-4 : 0);
  }

  PetReport run() {
    folder.claim(facts());
    List<PetMember> members = new ArrayList<>();
    List<Finished> last = List.of();
    Composition before = settings.model.active();
    try {
      for (int g = 0; g < settings.generations; g++) {
        last = generation(g, last);
        last.forEach(finished -> members.add(finished.member()));
      }
    } finally {
      settings.model.activate(before);
    }
    double[][] soft =
        unlabelled.isEmpty()
            ? new double[0][]
            : Votes.mean(last.stream().map(this::votes).toList());
    return new PetReport(
        List.copyOf(members), verbalizer.labels(), soft, distil(settings.classifier, soft));
  }

  /** What decides a run's results, by name. */
  private Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("model", model(settings.model));
    facts.put("patterns", settings.patterns.toString());
    facts.put("verbalizer", verbalizer.toString());
    facts.put("labelled", new Dataset<>(labelled).sha256());
    facts.put("unlabelled", Integer.toHexString(unlabelled.hashCode()) + " " + unlabelled.size());
    facts.put("adapter", adapter.toString());
    facts.put("repetitions", "" + settings.repetitions);
    facts.put("steps", "" + settings.steps);
    facts.put("batchSize", "" + settings.batchSize);
    facts.put("maxLength", "" + settings.maxLength);
    facts.put("auxiliary", "" + alpha());
    facts.put("weighting", settings.weighting.name());
    facts.put("generations", "" + settings.generations);
    facts.put("scaleFactor", "" + settings.scaleFactor);
    facts.put("share", "" + settings.share);
    facts.put("mostLikely", "" + settings.mostLikely);
    facts.put("seed", "" + settings.seed);
    return facts;
  }

  private static String model(PeftModel model) {
    String sha256 = model.baseSha256();
    return sha256 != null ? sha256 : model.origin();
  }

  private List<Finished> generation(int generation, List<Finished> before) {
    List<Finished> finished = new ArrayList<>();
    for (int p = 0; p < settings.patterns.size(); p++) {
      for (int i = 0; i < settings.repetitions; i++) {
        int number = finished.size();
        String name = "g%d-p%d-i%d".formatted(generation, p, i);
        Pattern pattern = settings.patterns.get(p);
        finished.add(
            folder
                .read(name, generation, pattern, unlabelled.size(), verbalizer.labels().size())
                .orElseGet(
                    () ->
                        trained(
                            name, generation, pattern, number, more(generation, number, before))));
        LOG.info("{}", finished.get(number).member());
      }
    }
    return finished;
  }

  /** The texts that other models of the generation before labelled for a model. */
  private List<Labelled> more(int generation, int number, List<Finished> before) {
    if (generation == 0) {
      return List.of();
    }
    Random random =
        new Random(Permutation.seed(Permutation.seed(settings.seed, generation), number));
    List<Votes> others =
        IntStream.range(0, before.size())
            .filter(i -> i != number)
            .mapToObj(i -> votes(before.get(i)))
            .toList();
    int[] counts = new int[verbalizer.labels().size()];
    labelled.forEach(example -> counts[verbalizer.labels().indexOf(example.label())]++);
    return Votes.pick(
            Votes.part(others, settings.share, random),
            Votes.growth(counts, Math.pow(settings.scaleFactor, generation)),
            generation == 1 ? settings.mostLikely : 0,
            verbalizer.labels(),
            random)
        .stream()
        .map(pick -> new Labelled(unlabelled.get(pick.text()), pick.label()))
        .toList();
  }

  private Votes votes(Finished finished) {
    boolean alike = settings.weighting == Pet.Weighting.UNIFORM;
    return new Votes(alike ? 1 : finished.member().accuracyBefore(), finished.logits());
  }

  private Finished trained(
      String name, int generation, Pattern pattern, int number, List<Labelled> more) {
    PeftModel model = settings.model;
    model.adapt(name, adapter);
    try {
      model.activate(name);
      ClozeClassifier gap = ClozeClassifier.of(model, pattern, verbalizer, settings.maxLength);
      double before = gap.accuracy(examples);
      List<Labelled> all = new ArrayList<>();
      labelled.forEach(
          example ->
              all.add(
                  new Labelled(
                      new PetText(example.text(), example.pair()),
                      verbalizer.labels().indexOf(example.label()))));
      all.addAll(more);
      long seed = Permutation.seed(Permutation.seed(settings.seed, generation), number);
      FineTuner tuner =
          FineTuner.of(model)
              .batchSize(settings.batchSize)
              .maxLength((int) Math.min(settings.maxLength, model.base().maxPositions()))
              .quiet();
      finish(
          settings
              .training
              .apply(tuner)
              .on(data(gap, all, seed))
              .objective(new ClozeObjective(gap.tokens(), alpha()))
              .seed(seed)
              .steps(settings.steps)
              .run());
      PetMember member =
          new PetMember(
              name,
              generation,
              pattern,
              new HashSet<>(all).size(),
              before,
              gap.accuracy(examples),
              folder.of(name));
      Finished finished = new Finished(member, gap.ofTexts(unlabelled));
      model.save(name, member.adapter());
      folder.write(finished);
      return finished;
    } finally {
      model.remove(name);
    }
  }

  private static TrainingReport finish(TrainingReport report) {
    if (report.ending() == TrainingReport.Ending.STOPPED) {
      throw new IllegalStateException(
          "the training was stopped; finished models are in the folder, and the next run goes on"
              + " after them");
    }
    return report;
  }

  /**
   * The examples of a training, in a row: each text as often as any other, and beside each, if
   * there is an auxiliary loss, another unlabelled text with masks of its own.
   */
  Dataset<IdsExample> data(ClozeClassifier gap, List<Labelled> texts, long seed) {
    List<EncodedExample> rows =
        texts.stream().map(each -> gap.encoder().encode(each.text(), each.label())).toList();
    int size = Math.toIntExact(settings.steps * settings.batchSize);
    boolean auxiliary = alpha() > 0;
    EncodedDataset masked = auxiliary ? masked(gap, seed) : new EncodedDataset(List.of());
    int[] order = Permutation.of(masked.size(), seed);
    List<IdsExample> all = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      EncodedExample row = rows.get(i % rows.size());
      all.add(
          new IdsExample(
              auxiliary
                  ? row.with(masked.drawn(i / order.length, order[i % order.length]).get(0))
                  : row));
    }
    return new Dataset<>(all);
  }

  private EncodedDataset masked(ClozeClassifier gap, long seed) {
    Tokenizer tokenizer = settings.model.tokenizer();
    int vocabulary =
        (int) Math.min(tokenizer.vocabularySize(), settings.model.base().head().classes());
    Masker masker = new Masker(Masking.DEFAULT, tokenizer.maskId().orElseThrow(), vocabulary, seed);
    return new EncodedDataset(unlabelled.stream().map(gap.encoder()::maskable).toList())
        .maskedBy(masker);
  }

  private Optional<TrainingReport> distil(@Nullable PeftModel classifier, double[][] soft) {
    PeftConfig config = settings.classifierAdapter;
    if (classifier == null || config == null) {
      return Optional.empty();
    }
    Path there = folder.of("classifier");
    new PetFolder(there)
        .claim(
            Map.of(
                "model",
                model(classifier),
                "adapter",
                config.toString(),
                "steps",
                "" + settings.classifierSteps,
                "temperature",
                "" + settings.temperature));
    if (Files.exists(there.resolve("adapter_config.json"))) {
      classifier.loadAdapter(CLASSIFIER, there).activate(CLASSIFIER);
      return Optional.empty();
    }
    Composition before = classifier.active();
    classifier.adapt(CLASSIFIER, config);
    boolean saved = false;
    try {
      FineTuner tuner =
          FineTuner.of(classifier)
              .batchSize(settings.batchSize)
              .maxLength((int) Math.min(settings.maxLength, classifier.base().maxPositions()))
              .quiet();
      TrainingReport report =
          finish(
              settings
                  .distillation
                  .apply(tuner)
                  .on(taught(classifier, soft))
                  .objective(new SoftLabels(settings.temperature))
                  .seed(settings.seed)
                  .steps(settings.classifierSteps)
                  .run());
      classifier.save(CLASSIFIER, there);
      saved = true;
      return Optional.of(report);
    } finally {
      if (!saved) {
        classifier.remove(CLASSIFIER);
        classifier.activate(before);
      }
    }
  }

  /** The unlabelled texts with their soft labels, in the order of the classifier's classes. */
  private Dataset<IdsExample> taught(PeftModel classifier, double[][] soft) {
    int[] order =
        classifier.base().task().labels().stream()
            .mapToInt(label -> verbalizer.labels().indexOf(label))
            .toArray();
    int most = (int) Math.min(settings.maxLength, classifier.room());
    List<IdsExample> all = new ArrayList<>();
    for (int i = 0; i < soft.length; i++) {
      double[] row = soft[i];
      PetText text = unlabelled.get(i);
      Encoding whole = classifier.tokenizer().input(text.text(), text.pair());
      int[] kept = Truncation.kept(whole, most);
      all.add(
          new IdsExample(
              EncodedExample.ofValues(
                      Truncation.pick(whole.ids(), kept),
                      Truncation.pick(whole.typeIds(), kept),
                      Arrays.stream(order).mapToDouble(l -> row[l]).toArray())
                  .cutBy(whole.ids().length - kept.length, 0)));
    }
    return new Dataset<>(all);
  }
}
