package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.modality.Classifications;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Eight threads on two models: six compute with adapters and compositions of them, two load,
 * rename, remove, activate and merge. Every row is compared with what one thread computed before.
 * {@code -Dpeft4j.stress.seconds=300} makes it longer.
 */
class ManyThreadsTest {

  private static final int SECONDS = Integer.getInteger("peft4j.stress.seconds", 30);
  private static final double TOLERANCE = 1e-5;
  private static final List<String> TEXTS =
      List.of("w4 w9 w30 w5 w6", "w7", "w11 w12 w13", "w20 w3 w3 w8");
  private static final GenerationConfig WRITE = GenerationConfig.greedy().maxNewTokens(6);

  @TempDir Path folder;
  private final Crowd crowd = new Crowd();

  private static Map<String, PeftConfig> methods(String... targets) {
    LoraConfig lora =
        LoraConfig.ofRank(2).targetModules(targets).initLoraWeights(LoraInitialization.RANDOM);
    Map<String, PeftConfig> methods = new LinkedHashMap<>();
    methods.put("lora", lora);
    methods.put("dora", lora.useDora(true));
    methods.put("ia3", Ia3Config.defaults());
    methods.put("prefix", PrefixTuningConfig.ofVirtualTokens(3));
    methods.put("prompt", PromptTuningConfig.ofVirtualTokens(2));
    methods.put("bottleneck", BottleneckConfig.pfeiffer().reductionFactor(4));
    return methods;
  }

  private PeftModel load(String golden, String... targets) {
    Path origin = TinyModels.copy(golden, folder.resolve(golden));
    PeftModel model = Peft.from(origin).load();
    methods(targets)
        .forEach(
            (name, config) -> {
              model.adapt(name, config);
              perturb(model.adapter(name), name.hashCode());
              model.save(name, folder.resolve(golden + "-" + name));
            });
    return model.activate("lora");
  }

  private static void perturb(Adapter adapter, long seed) {
    Random random = new Random(seed);
    for (Trainable tensor : adapter.trainables()) {
      float[] values = Tensors.floats(tensor.value());
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (0.3 * random.nextGaussian());
      }
      try (var changed = tensor.value().getManager().create(values, tensor.value().getShape())) {
        Tensors.copy(tensor.value(), changed);
      }
    }
  }

  private static List<Composition> forAllRows() {
    return List.of(
        Composition.of("lora"),
        Composition.of("dora"),
        Composition.of("ia3"),
        Composition.of("prefix"),
        Composition.of("prompt"),
        Composition.of("bottleneck"),
        Composition.stack(List.of("lora", "ia3")),
        Composition.stack(List.of("prefix", "dora")),
        Composition.stack(Composition.of("ia3"), Composition.average("lora", "dora")));
  }

  /** By row, so that any two may stand in one batch. */
  private static final List<String> ROWS =
      List.of("lora", "dora", "ia3", "bottleneck", Composition.BASE);

  @Test
  void everyRowIsWhatOneThreadComputes() throws InterruptedException, IOException {
    try (PeftModel bert = load("tiny-bert", "query", "value");
        PeftModel llama = load("tiny-llama", "q_proj", "v_proj")) {
      Map<String, double[]> classes = new LinkedHashMap<>();
      Map<String, String> written = new LinkedHashMap<>();
      for (Composition composition : forAllRows()) {
        for (String text : TEXTS) {
          classes.put(composition + text, probabilities(bert.using(composition).classify(text)));
          written.put(composition + text, write(llama.using(composition), text));
        }
      }
      for (String text : TEXTS) {
        String frozen = Composition.BASE + text;
        classes.put(frozen, probabilities(bert.using(Composition.NONE).classify(text)));
        written.put(frozen, write(llama.using(Composition.NONE), text));
      }
      long live = Tensors.live();
      work(bert, classes, llama, written, SECONDS * 400L);
      long early = Crowd.resident();
      work(bert, classes, llama, written, SECONDS * 600L);
      long grown = Crowd.resident() - early;
      System.out.printf("many threads: %s, native memory %+d MiB%n", crowd.counts(), grown >> 20);
      assertThat(crowd.wrong()).isEmpty();
      assertThat(crowd.counts().keySet())
          .contains("classified", "written", "loaded", "merged", "saved", "lost");
      bert.activate("lora");
      llama.activate("lora");
      assertThat(Tensors.live()).isEqualTo(live);
      assertThat(grown).as("bytes that stay").isLessThan(128L << 20);
    }
  }

  /** Eight threads for some time. */
  private void work(
      PeftModel bert,
      Map<String, double[]> classes,
      PeftModel llama,
      Map<String, String> written,
      long milliseconds)
      throws InterruptedException {
    List<Runnable> works = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Random random = new Random(i);
      works.add(() -> classify(bert, classes, random));
    }
    for (int i = 0; i < 2; i++) {
      Random random = new Random(10 + i);
      works.add(() -> generate(llama, written, random));
    }
    Random ofBert = new Random(20);
    works.add(() -> change(bert, "tiny-bert", ofBert));
    Random ofLlama = new Random(21);
    works.add(() -> change(llama, "tiny-llama", ofLlama));
    crowd.work(milliseconds, works);
  }

  private static <T> T any(List<T> all, Random random) {
    return all.get(random.nextInt(all.size()));
  }

  private void classify(PeftModel model, Map<String, double[]> expected, Random random) {
    List<String> texts = List.of(any(TEXTS, random), any(TEXTS, random), any(TEXTS, random));
    switch (random.nextInt(5)) {
      case 0 -> {
        Composition composition = any(forAllRows(), random);
        check(expected, composition, texts, model.using(composition).classify(texts));
      }
      case 1 -> {
        List<String> rows = List.of(any(ROWS, random), any(ROWS, random), any(ROWS, random));
        Composition composition = Composition.perRow(rows.toArray(String[]::new));
        List<Classifications> results = model.using(composition).classify(texts);
        for (int i = 0; i < rows.size(); i++) {
          check(expected, rows.get(i), texts.get(i), results.get(i), composition);
        }
      }
      case 2 -> {
        Composition composition = Composition.parallel("lora", "bottleneck");
        List<Classifications> results = model.using(composition).classify(texts);
        for (int i = 0; i < results.size(); i++) {
          String adapter = i < texts.size() ? "lora" : "bottleneck";
          check(expected, adapter, texts.get(i % texts.size()), results.get(i), composition);
        }
      }
      case 3 -> check(expected, "lora", texts, model.classify(texts)); // merged or not
      default -> {
        try {
          check(expected, "dora", texts, model.using("swapped").classify(texts));
        } catch (IllegalArgumentException e) {
          crowd.count("lost");
          if (!Objects.requireNonNull(e.getMessage()).contains("there is no adapter 'swapped'")) {
            throw e;
          }
        }
      }
    }
  }

  private void check(
      Map<String, double[]> expected,
      Object composition,
      List<String> texts,
      List<Classifications> results) {
    for (int i = 0; i < texts.size(); i++) {
      check(expected, composition, texts.get(i), results.get(i), composition);
    }
  }

  private void check(
      Map<String, double[]> expected,
      Object adapter,
      String text,
      Classifications result,
      Object composition) {
    crowd.count("classified");
    double[] wanted = Objects.requireNonNull(expected.get(adapter + text));
    double[] actual = probabilities(result);
    for (int i = 0; i < wanted.length; i++) {
      if (!(Math.abs(wanted[i] - actual[i]) <= TOLERANCE)) {
        crowd.wrong(
            "%s of %s in %s: %s, not %s"
                .formatted(adapter, text, composition, actual[i], wanted[i]));
        return;
      }
    }
  }

  private void generate(PeftModel model, Map<String, String> expected, Random random) {
    String text = any(TEXTS, random);
    if (random.nextBoolean()) {
      Composition composition = any(forAllRows(), random);
      compare(expected, composition, text, write(model.using(composition), text));
      return;
    }
    List<String> rows = List.of(any(ROWS, random), any(ROWS, random));
    List<Generation> both =
        model
            .using(Composition.perRow(rows.toArray(String[]::new)))
            .generate(List.of(text, TEXTS.get(0)), WRITE);
    compare(expected, rows.get(0), text, both.get(0).text());
    compare(expected, rows.get(1), TEXTS.get(0), both.get(1).text());
  }

  private void compare(Map<String, String> expected, Object adapter, String text, String actual) {
    crowd.count("written");
    if (!actual.equals(expected.get(adapter + text))) {
      crowd.wrong(
          "%s of %s: '%s', not '%s'"
              .formatted(adapter, text, actual, expected.get(adapter + text)));
    }
  }

  /** Others come and go, what is active is merged and unmerged, and is "lora" all the time. */
  private void change(PeftModel model, String golden, Random random) {
    model.loadAdapter("new", folder.resolve(golden + "-dora"));
    crowd.count("loaded");
    model.rename("new", "swapped");
    pause(random);
    model.merge();
    crowd.count("merged");
    pause(random);
    model.rename("swapped", "other").rename("other", "swapped");
    model.unmerge();
    pause(random);
    model.activate("lora");
    if (random.nextInt(4) == 0) {
      model.saveMerged(folder.resolve(golden + "-merged").toString());
      crowd.count("saved");
    }
    model.remove("swapped");
  }

  private static void pause(Random random) {
    try {
      Thread.sleep(random.nextInt(20));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String write(TextModel model, String text) {
    return model.generate(text, WRITE).text();
  }

  private static double[] probabilities(Classifications classes) {
    return classes.getProbabilities().stream().mapToDouble(Double::doubleValue).toArray();
  }
}
