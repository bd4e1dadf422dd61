package io.github.peft4j.train;

import com.google.gson.JsonParser;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.optimizer.LossScaling;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Everything that the losses of a run depend on, by name. A run only continues with the same facts.
 */
final class RunFacts {

  static final String DATA = "data_sha256";
  static final String TOTAL_STEPS = "total_steps";

  static final String OBJECTIVE = "objective";
  static final String BASE = "base_sha256";
  private static final String TOKENIZER = "tokenizer_sha256";
  private static final String SEED = "seed";
  private static final String ADAPTER = "adapter.";

  /**
   * Fields of adapter_config.json that no loss depends on: the model's location, and the library
   * that wrote the file.
   */
  private static final Set<String> PLACES =
      Set.of("base_model_name_or_path", "revision", "peft_version", "inference_mode");

  private RunFacts() {}

  /** The facts of a run. */
  static Map<String, String> of(
      FineTuner settings,
      Adapter adapter,
      Examples<?> examples,
      int maxLength,
      long totalSteps,
      Objective objective,
      Map<Trainable, ParameterGroup> groups) {
    Map<String, String> facts = new TreeMap<>();
    adapterFacts(adapter, facts);
    if (settings.folder != null) { // only needed for checkpoints: the hash reads all weights
      String sha256 = settings.model.baseSha256();
      facts.put(BASE, sha256 != null ? sha256 : settings.model.origin());
      facts.put(TOKENIZER, sha256(settings.model.tokenizer().json()));
    }
    facts.put(OBJECTIVE, objective.toString());
    facts.put("labels", settings.model.base().task().labels().toString());
    facts.put("precision", settings.model.base().precision().toString());
    quantization(settings.model.base()).ifPresent(kept -> facts.put("quantization", kept));
    facts.put(DATA, examples.dataset().sha256());
    facts.put("batch_size", "" + settings.batchSize);
    facts.put("accumulation", "" + settings.accumulation);
    facts.put("max_length", "" + maxLength);
    facts.put(TOTAL_STEPS, "" + totalSteps);
    facts.put("learning_rate", "" + settings.learningRate);
    facts.put("schedule", settings.scheduleName + ", warm-up " + settings.warmup);
    facts.put("optimizer", settings.optimizer(adapter).toString());
    facts.put("weight_decay", "" + settings.weightDecay);
    facts.put("parameter_groups", counted(groups));
    facts.put("clip_norm", "" + settings.clipNorm);
    LossScaling scaling = settings.lossScaling();
    if (scaling != null) {
      facts.put("loss_scaling", scaling.toString());
    }
    facts.put("bucket_by_length", "" + settings.bucketing);
    facts.put("packing", "" + settings.packing);
    if (settings.withoutDuplicates) {
      facts.put("without_duplicates", "true");
    }
    if (settings.averageEvery > 1) {
      facts.put("average_every", settings.averageEvery + " of " + settings.group.size());
    }
    if (settings.keptStates > 0) {
      facts.put("keep_states", "true");
    }
    facts.put("skip_too_long", "" + settings.skipTooLong);
    reading(settings).ifPresent(reading -> facts.put("reading", reading));
    facts.put(SEED, "" + settings.seed);
    return facts;
  }

  /** How many weights are kept in fewer bits, in which form; nothing if none is. */
  private static Optional<String> quantization(TransformerModel model) {
    Map<String, Long> kept =
        model
            .parameters()
            .flatMap(parameter -> Stream.ofNullable(parameter.quantization()))
            .collect(
                Collectors.groupingBy(Quantization::named, TreeMap::new, Collectors.counting()));
    return kept.isEmpty()
        ? Optional.empty()
        : Optional.of(
            kept.entrySet().stream()
                .map(form -> form.getValue() + " weights as " + form.getKey())
                .collect(Collectors.joining(", ")));
  }

  /** What differs from the usual way of reading texts; nothing if nothing does. */
  private static Optional<String> reading(FineTuner settings) {
    List<String> differences = new ArrayList<>();
    settings.stride.ifPresent(stride -> differences.add("stride " + stride));
    if (settings.labelAllTokens) {
      differences.add("labels of all tokens");
    }
    if (!settings.masking.equals(Masking.DEFAULT)) {
      differences.add(settings.masking.toString());
    }
    if (settings.parts() != TrainOn.ASSISTANT_TURNS) {
      differences.add(
          "trained on " + settings.parts().name().toLowerCase(Locale.ROOT).replace('_', ' '));
    }
    return differences.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", differences));
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }

  /** The fields of the adapter's config. */
  private static void adapterFacts(Adapter adapter, Map<String, String> facts) {
    List<AdapterPart> parts = adapter.parts();
    for (int i = 0; i < parts.size(); i++) {
      String prefix = ADAPTER + (parts.size() == 1 ? "" : i + ".");
      JsonParser.parseString(parts.get(i).configText())
          .getAsJsonObject()
          .asMap()
          .forEach(
              (field, value) -> {
                if (!PLACES.contains(field)) {
                  facts.put(prefix + field, value.toString());
                }
              });
    }
  }

  /** Whether a fact is also stored in a field of its own in the adapter's files. */
  static boolean isSaidElsewhere(String fact) {
    return fact.startsWith(ADAPTER) || Set.of(BASE, TOKENIZER, DATA, SEED).contains(fact);
  }

  /** The facts to show as settings: those of the run first, then those of the adapter. */
  static Map<String, String> settings(Map<String, String> facts) {
    Map<String, String> shown = new LinkedHashMap<>();
    facts.forEach(
        (name, value) -> {
          if (!isSaidElsewhere(name)) {
            shown.put(name, value);
          }
        });
    facts.forEach(
        (name, value) -> {
          if (name.startsWith(ADAPTER) && !Set.of("null", "{}", "[]").contains(value)) {
            shown.put(name, value);
          }
        });
    return shown;
  }

  /** The number of tensors in each group. */
  private static String counted(Map<Trainable, ParameterGroup> groups) {
    Map<String, Integer> counts = new TreeMap<>();
    groups.values().forEach(group -> counts.merge(group.toString(), 1, Integer::sum));
    return counts.entrySet().stream()
        .map(
            group ->
                String.format(Locale.ROOT, "%,d tensors at %s", group.getValue(), group.getKey()))
        .collect(Collectors.joining("; "));
  }
}
